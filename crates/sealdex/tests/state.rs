//! The trusted state on real disks: full ones, read-only ones, those of other users, and without a network.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the failure report")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealdex_testkit::not_checked;
use sealdex_testkit::process::{self, Output};
use sealdex_testkit::wheel::WheelBuilder;
use support::{PATIENCE, Stage};

const PAGE: &str = "simple/alpha/index.json";
/// A user who owns nothing; in tests that the superuser runs.
const NOBODY: u32 = 65_534;

/// Runs a shell script in which `$1` is the binary, with mounts of its own.
fn in_namespace(stage: &Stage, script: &str) -> Output {
    run_script(stage, Command::new("unshare").args(["-rm", "sh", "-uc", script, "sh"]))
}

/// Runs a command that takes the binary as its last argument, in the stage's directory and environment.
fn run_script(stage: &Stage, command: &mut Command) -> Output {
    let sealdex = stage.sealdex(&[]);
    command.arg(sealdex.get_program()).current_dir(stage.path(""));
    for (name, value) in sealdex.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    process::run(command, PATIENCE)
}

/// Whether this machine lets its users mount. Where it does not, it is said that this is not checked.
fn can_mount(stage: &Stage, what: &str) -> bool {
    let probe = stage.path("probe");
    fs::create_dir(&probe).unwrap();
    let installed = Command::new("unshare").arg("--version").output().is_ok();
    let can = installed && in_namespace(stage, "mount -t tmpfs none probe").succeeded();
    if !can {
        not_checked(&format!("{what}: users may not mount on this machine (unshare -rm)"));
    }
    can
}

/// What a script wrote between `== NAME` and the next such line.
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("== {name}\n")).unwrap_or_else(|| panic!("no section {name} in {text}"));
    let rest = &text[start + name.len() + 4..];
    rest.split("\n== ").next().unwrap_or_default()
}

/// A new release, so that the next refresh has something to write.
fn newer_wheel(stage: &Stage) -> PathBuf {
    stage.wheel(&WheelBuilder::new("alpha", "1.1").module("alpha.py", "NAME = 'newer'\n").build())
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let (stage, served) = Stage::with_trusted_wheels();
    let wheel = newer_wheel(&stage);
    if !can_mount(&stage, "a full disk (a limit on the size of files stood in for it)") {
        return no_file_can_grow(&stage, wheel);
    }
    let (url, root, wheel) = (&served.url, stage.root_file(), wheel.display());
    let root = root.display();
    fs::create_dir(stage.path("disk")).unwrap();
    let output = in_namespace(
        &stage,
        &format!(
            "exec 2>&1
            mount -t tmpfs -o size=256k,mode=700 none disk
            export SEALDEX_TRUST_DIR=\"$PWD/disk/trust\"
            fill() {{ dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null; :; }}
            mkdir -m 700 disk/trust; fill
            echo '== add'
            \"$1\" trust add play {url} --root {root}; echo \"code $?\"
            ls -A disk/trust
            echo '== added'
            rm disk/filler; \"$1\" trust add play {url} --root {root}; echo \"code $?\"
            fill; cp -r disk/trust before
            \"$1\" add --repository repository {wheel} >/dev/null
            echo '== full'
            \"$1\" fetch {PAGE} --output - ; echo \"code $?\"
            echo '== kept'
            diff -r before disk/trust && echo same
            echo '== freed'
            rm disk/filler; \"$1\" fetch {PAGE} --output - && echo && echo done"
        ),
    );
    let part = |name: &str| section(&output.stdout, name).trim();
    for (name, file) in [("add", "disk/trust/.unfinished-"), ("full", "disk/trust/play/metadata/")] {
        for needed in [
            "error: cannot write",
            file,
            "No space left on device",
            "hint: the disk is full: free some space there and try again",
        ] {
            assert!(part(name).contains(needed), "{name}: {needed}\n{}", output.report());
        }
        // The last line: of the repository that could not be added nothing is left.
        assert!(part(name).ends_with("code 1"), "{name}\n{}", output.report());
    }
    assert!(part("added").ends_with("code 0"), "{}", output.report());
    assert_eq!(part("kept"), "same", "{}", output.report());
    assert!(part("freed").contains("alpha-1.1") && part("freed").ends_with("done"), "{}", output.report());
}

/// What a machine without mounts can show: a write that fails in the middle is named, and nothing is lost. That the disk
/// is full is injected into every step by the store's own tests.
fn no_file_can_grow(stage: &Stage, wheel: PathBuf) {
    stage.add(&[wheel]);
    let script = format!("exec 2>&1; trap '' XFSZ; ulimit -f 0; exec \"$1\" fetch {PAGE} --output /dev/null");
    let output = run_script(stage, Command::new("sh").args(["-uc", &script, "sh"])).expect_failure();
    assert!(output.stdout.contains("error: cannot write"), "{}", output.report());
    assert!(output.stdout.contains("File too large"), "{}", output.report());
    let output = stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
    assert!(output.stdout.contains("alpha-1.1"), "{}", output.report());
}

#[test]
fn a_read_only_disk_is_named_and_can_be_used_offline() {
    let (stage, _served) = Stage::with_trusted_wheels();
    stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
    if !can_mount(&stage, "a read-only disk (folders without write permission were)") {
        return;
    }
    let output = in_namespace(
        &stage,
        &format!(
            "for folder in trust cache; do mount --bind $folder $folder; mount -o remount,bind,ro $folder; done
            exec 2>&1
            echo '== refresh'
            \"$1\" fetch {PAGE} --output - ; echo \"code $?\"
            echo '== offline'
            \"$1\" fetch --offline {PAGE} --output - ; echo; echo \"code $?\""
        ),
    );
    let refresh = section(&output.stdout, "refresh");
    for needed in [
        "code 1",
        "trust/play/lock: Read-only file system",
        "hint: the file system is read-only",
        "--offline",
    ] {
        assert!(refresh.contains(needed), "{needed}\n{}", output.report());
    }
    let offline = section(&output.stdout, "offline");
    assert!(offline.contains("alpha-1.0") && offline.contains("code 0"), "{}", output.report());
}

/// The administrator's policy has one place, and whoever runs `sealdex` has no say in it.
#[test]
fn an_administrators_policy_cannot_be_left_out() {
    let (stage, _served) = Stage::with_trusted_wheels();
    if !cfg!(target_os = "linux") || !can_mount(&stage, "the administrator's policy") {
        return;
    }
    fs::write(stage.path("weak.toml"), "forbid-unverified = false\nno-sdists = false\ndeny = []\n").unwrap();
    let output = in_namespace(
        &stage,
        "exec 2>&1
        mount -t tmpfs none /etc; mkdir /etc/sealdex
        unsafe=--unsafely-disable-package-verification
        printf 'forbid-unverified = true\\nno-sdists = true\\n' > /etc/sealdex/policy.toml
        echo '== show'
        SEALDEX_POLICY=weak.toml \"$1\" policy show; echo \"code $?\"
        echo '== unverified'
        env -i HOME=/nowhere XDG_CONFIG_HOME=/nowhere SEALDEX_POLICY=weak.toml \
            \"$1\" run --policy weak.toml $unsafe -- echo ran; echo \"code $?\"
        echo '== unreadable'
        echo 'forbid-unverified = maybe' > /etc/sealdex/policy.toml
        \"$1\" run $unsafe -- echo ran; echo \"code $?\"
        echo '== dangling'
        ln -sf /etc/sealdex/none /etc/sealdex/policy.toml
        \"$1\" run $unsafe -- echo ran; echo \"code $?\"
        echo '== none'
        rm /etc/sealdex/policy.toml
        \"$1\" run $unsafe -- echo ran; echo \"code $?\"",
    );
    for (name, needed) in [
        ("show", &["no-sdists          true   /etc/sealdex/policy.toml", "weak.toml", "code 0"][..]),
        ("unverified", &["(forbid-unverified in /etc/sealdex/policy.toml)", "code 3"]),
        ("unreadable", &["the policy /etc/sealdex/policy.toml cannot be used: line 1", "code 2"]),
        ("dangling", &["the policy /etc/sealdex/policy.toml cannot be read", "code 1"]),
        ("none", &["ran", "code 0"]),
    ] {
        let section = section(&output.stdout, name);
        for needed in needed {
            assert!(section.contains(needed), "{name}: {needed}\n{}", output.report());
        }
        assert_eq!(section.lines().any(|line| line == "ran"), name == "none", "{}", output.report());
    }
}

/// Gives everything below a folder these permissions, and this owner where there is one.
fn give(folder: &Path, owner: Option<u32>, folders: u32, files: u32) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            give(&path, owner, folders, files);
        } else {
            chown(&path, owner, owner).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(files)).unwrap();
        }
    }
    chown(folder, owner, owner).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(folders)).unwrap();
}

fn is_superuser(stage: &Stage) -> bool {
    // What the superuser alone may do.
    let probe = stage.path("owned-by-nobody");
    fs::write(&probe, "").unwrap();
    chown(probe, Some(NOBODY), None).is_ok()
}

/// Runs the binary as another user, with a cache of that user's own.
fn run_as(stage: &Stage, user: u32, arguments: &[&str]) -> Output {
    let cache = stage.path(&format!("cache-of-{user}"));
    if !cache.exists() {
        fs::create_dir(&cache).unwrap();
        chown(&cache, Some(user), Some(user)).unwrap();
    }
    let mut command = stage.sealdex(arguments);
    process::run(command.env("SEALDEX_CACHE_DIR", cache).uid(user).gid(user), PATIENCE)
}

#[test]
fn a_folder_without_write_permission_is_named_and_can_be_used_offline() {
    let (stage, _served) = Stage::with_trusted_wheels();
    stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
    let superuser = is_superuser(&stage);
    fs::set_permissions(stage.path(""), Permissions::from_mode(0o755)).unwrap();
    give(&stage.path("trust"), None, 0o555, 0o444);
    // Nothing is forbidden to the superuser, who tests it with another one: the state is then the superuser's, as a
    // state for all users of a machine is.
    let run = |arguments: &[&str]| {
        if superuser { run_as(&stage, NOBODY, arguments) } else { stage.run(arguments) }
    };
    let output = run(&["fetch", PAGE, "--output", "-"]).expect_failure();
    for needed in
        ["error: cannot open", "trust/play/lock: Permission denied", "hint: you may not do that there"]
    {
        assert!(output.stderr.contains(needed), "{needed}\n{}", output.report());
    }
    if superuser {
        // The page is kept in the other user's cache for that user alone.
        give(&stage.path("cache"), Some(NOBODY), 0o700, 0o600);
        fs::remove_dir_all(stage.path("cache-of-65534")).unwrap();
        fs::rename(stage.path("cache"), stage.path("cache-of-65534")).unwrap();
    }
    let output = run(&["fetch", "--offline", PAGE, "--output", "-"]).expect_success();
    assert!(output.stdout.contains("alpha-1.0"), "{}", output.report());
    give(&stage.path("trust"), None, 0o700, 0o600);
}

#[test]
fn the_state_of_another_user_is_refused() {
    let (stage, _served) = Stage::with_trusted_wheels();
    if !is_superuser(&stage) {
        not_checked("the state of another user: only the superuser can be two users");
        return;
    }
    fs::set_permissions(stage.path(""), Permissions::from_mode(0o755)).unwrap();
    give(&stage.path("trust"), Some(NOBODY), 0o700, 0o600);
    // Its owner uses it.
    run_as(&stage, NOBODY, &["fetch", PAGE, "--output", "-"]).expect_success();
    // The superuser does not: whoever owns it would decide what the superuser trusts.
    let output = stage.run(&["fetch", PAGE, "--output", "-"]).expect_failure();
    for needed in ["trust belongs to another user (uid 65534)", "hint: look at what is in it"] {
        assert!(output.stderr.contains(needed), "{needed}\n{}", output.report());
    }
    // Nor does a third one, whatever the permissions.
    give(&stage.path("trust"), Some(NOBODY), 0o755, 0o644);
    for arguments in [&["fetch", PAGE][..], &["fetch", "--offline", PAGE], &["trust", "list"]] {
        let output = run_as(&stage, NOBODY - 1, arguments).expect_failure();
        assert!(output.stderr.contains("belongs to another user"), "{}", output.report());
    }
}

/// What `sudo` leaves behind: the folder belongs to the superuser, and to nobody else's eyes.
#[test]
fn a_state_that_may_not_be_read_is_not_called_unknown() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let superuser = is_superuser(&stage);
    fs::set_permissions(stage.path(""), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(stage.path("trust"), Permissions::from_mode(if superuser { 0o700 } else { 0o000 }))
        .unwrap();
    let arguments = ["fetch", "--from", "play", PAGE];
    let output = if superuser { run_as(&stage, NOBODY, &arguments) } else { stage.run(&arguments) };
    fs::set_permissions(stage.path("trust"), Permissions::from_mode(0o700)).unwrap();
    let output = output.expect_failure();
    for needed in ["cannot read ", "/trust: Permission denied", "hint: you may not do that there"] {
        assert!(output.stderr.contains(needed), "{needed}\n{}", output.report());
    }
}

#[test]
fn a_folder_that_everyone_can_write_to_is_refused() {
    let (stage, _served) = Stage::with_trusted_wheels();
    fs::set_permissions(stage.path("trust"), Permissions::from_mode(0o777)).unwrap();
    let output = stage.run(&["fetch", PAGE, "--output", "-"]).expect_failure();
    for needed in ["trust can be written by everyone", "chmod go-w"] {
        assert!(output.stderr.contains(needed), "{needed}\n{}", output.report());
    }
    fs::set_permissions(stage.path("trust"), Permissions::from_mode(0o755)).unwrap();
    stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
}

#[test]
fn without_a_network_the_last_state_is_used_until_it_expires() {
    const LIFETIME: Duration = Duration::from_secs(30);
    let stage = Stage::with_repository(&[]);
    let settings = stage.path("repository/sealdex.toml");
    let mut text: toml::Table = fs::read_to_string(&settings).unwrap().parse().unwrap();
    let expiry = text.entry("expiry").or_insert_with(|| toml::Table::new().into()).as_table_mut().unwrap();
    expiry.insert("timestamp".to_owned(), format!("{} seconds", LIFETIME.as_secs()).into());
    fs::write(&settings, text.to_string()).unwrap();
    let wheels = stage.two_wheels();
    let begun = Instant::now();
    stage.add(&wheels);
    let published = Instant::now();
    let served = stage.serve_only();
    stage.trust("play", &served.url);
    let fetch = |arguments: &[&str]| stage.run(&[&["fetch"], arguments, &["--output", "-"]].concat());
    let online = fetch(&[PAGE]);
    drop(served);
    let refused = fetch(&[PAGE]);
    let offline = fetch(&["--offline", PAGE]);
    let missing = fetch(&["--offline", "simple/beta/index.json"]);
    // Before anything else is said of them: what is too late fails for that.
    assert!(begun.elapsed() < LIFETIME, "this machine is too slow for this test");
    let online = online.expect_success();
    let refused = refused.expect_failure();
    assert!(refused.stderr.contains("cannot be reached"), "{}", refused.report());
    assert_eq!(offline.expect_success().stdout, online.stdout);
    let missing = missing.expect_failure();
    assert!(
        missing.stderr.contains("is kept on this machine, and the network is not used"),
        "{}",
        missing.report()
    );

    std::thread::sleep(LIFETIME.saturating_sub(published.elapsed()) + Duration::from_secs(1));
    let expired = stage.run(&["fetch", "--offline", PAGE, "--output", "-"]).expect_failure();
    assert_eq!(expired.code(), Some(3), "{}", expired.report());
    for needed in ["timestamp expired at", "looks like a freeze attack", "hint: check this machine's clock"] {
        assert!(expired.stderr.contains(needed), "{needed}\n{}", expired.report());
    }
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let record = stage.path("trust/play/last-refresh");
    // As if the refresh had been three hours from now, within the life of its timestamp.
    let later = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
    fs::write(&record, later.to_string()).unwrap();
    let output = stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
    for needed in ["warning: this machine's clock is", "behind its last refresh", "hint: set the clock"] {
        assert!(output.stderr.contains(needed), "{needed}\n{}", output.report());
    }
    fs::remove_file(&record).unwrap();
    let output = stage.run(&["fetch", PAGE, "--output", "-"]).expect_success();
    assert_eq!(output.stderr, "", "{}", output.report());
}
