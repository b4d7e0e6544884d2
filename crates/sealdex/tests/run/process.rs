//! What a run is as a process: exit codes, signals, what it leaves behind, who may use its proxy.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sealdex_testkit::process::{self, Output, Process};

use crate::support::{PATIENCE, Stage};

fn shell(stage: &Stage, script: &str) -> Output {
    stage.run(&["run", "--", "sh", "-c", script])
}

#[test]
fn the_commands_exit_code_is_passed_on() {
    let (stage, _served) = Stage::with_trusted_wheels();
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + 15)] {
        let output = shell(&stage, script);
        assert_eq!(output.code(), Some(expected), "{script}\n{}", output.report());
    }
    let output = stage.run(&["run", "no-such-command"]).expect_failure();
    assert_eq!(output.code(), Some(127), "{}", output.report());
    assert!(output.stderr.contains("no-such-command could not be started"), "{}", output.report());
    let output = stage.run(&["run"]).expect_failure();
    assert_eq!(output.code(), Some(2), "{}", output.report());
    let output = stage.run(&["run", "--", "pip", "install", "--proxy", "http://127.0.0.1:9", "six"]);
    assert_eq!(output.code(), Some(2), "{}", output.report());
    let output =
        stage.run(&["run", "--allow-host", "127.0.0.1:1", "--for", "http://127.0.0.1:1/", "--", "true"]);
    assert!(output.expect_failure().stderr.contains("the repository stands for an index there"));
}

#[test]
fn nothing_stays_but_what_was_made_on_purpose() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let output = shell(&stage, "echo $SSL_CERT_FILE; ls -a $(dirname $SSL_CERT_FILE); cat $SSL_CERT_FILE");
    let output = output.expect_success();
    let mut lines = output.stdout.lines();
    let file = PathBuf::from(lines.next().unwrap());
    assert_eq!(
        lines.by_ref().take(4).collect::<Vec<_>>(),
        [".", "..", "authority.pem", "-----BEGIN CERTIFICATE-----"]
    );
    assert!(!output.stdout.contains("KEY"), "{}", output.report());
    assert_eq!(output.stdout.matches("BEGIN").count(), 1, "{}", output.report());
    assert!(!file.parent().unwrap().exists(), "{}", file.display());
}

/// They are in poetry's cache folder, which is another one in a run.
#[test]
fn poetrys_environments_are_where_they_were() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let folder = stage.path("config/pypoetry");
    std::fs::create_dir_all(&folder).unwrap();
    let cases = [
        ("", "/caches/pypoetry/virtualenvs"),
        ("cache-dir = \"/other\"\n", "/other/virtualenvs"),
        ("cache-dir = \"/other\"\n[virtualenvs]\npath = \"{cache-dir}/my\"\n", "/other/my"),
        ("[virtualenvs]\npath = \"/mine\"\n", ""),
        ("[virtualenvs]\nin-project = true\n", "/caches/pypoetry/virtualenvs"),
        ("[not toml", "/caches/pypoetry/virtualenvs"),
    ];
    for (settings, expected) in cases {
        std::fs::write(folder.join("config.toml"), settings).unwrap();
        let mut command = stage.sealdex(&["run", "--", "sh", "-c", "echo $POETRY_VIRTUALENVS_PATH"]);
        command.env("XDG_CACHE_HOME", "/caches");
        let output = process::run(&mut command, PATIENCE).expect_success();
        assert_eq!(output.stdout.trim(), expected, "{settings}");
    }
    let mut command =
        stage.sealdex(&["run", "--", "sh", "-c", "echo $POETRY_VIRTUALENVS_PATH $POETRY_CACHE_DIR"]);
    let output = process::run(command.env("POETRY_VIRTUALENVS_PATH", "/chosen"), PATIENCE).expect_success();
    assert_eq!(
        output.stdout.trim(),
        format!("/chosen {}", stage.path("cache/installers/play/poetry").display())
    );
}

#[test]
fn what_a_repository_stands_for_is_remembered() {
    let (stage, served) = Stage::with_trusted_wheels();
    let stands_for = || {
        let output = stage.run(&["trust", "list", "--format", "json"]).expect_success();
        let rows: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        rows.as_array().unwrap().iter().map(|row| row["stands_for"].clone()).collect::<Vec<_>>()
    };
    let root = stage.root_file();
    let (one, two) = ("https://index.example/simple/", "https://files.example/");
    let arguments = ["trust", "add", "other", &served.url, "--root", root.to_str().unwrap(), "--stands-for"];
    stage.run(&[&arguments[..], &[one, "--stands-for", two]].concat()).expect_success();
    assert_eq!(stands_for(), [serde_json::json!([one, two]), serde_json::json!([])]);
    // A slash is missing; what was said before is replaced.
    stage.run(&["trust", "stands-for", "play", "https://index.example/simple"]).expect_success();
    stage.run(&["trust", "stands-for", "other"]).expect_success();
    assert_eq!(stands_for(), [serde_json::json!([]), serde_json::json!([one])]);
    for bad in ["index.example", "ftp://index.example/", "https://user:secret@index.example/"] {
        let output = stage.run(&["trust", "stands-for", "play", bad]).expect_failure();
        assert_eq!(output.code(), Some(2), "{}", output.report());
    }
    assert_eq!(stands_for(), [serde_json::json!([]), serde_json::json!([one])]);
}

/// Runs a shell that says who it is and where its authority is, and waits.
fn waiting(stage: &Stage, script: &str) -> (Process, u32, PathBuf) {
    let script = format!("{script}\necho ready $$ $SSL_CERT_FILE\nwhile :; do sleep 0.05; done");
    let process = Process::start(&mut stage.sealdex(&["run", "--", "sh", "-c", &script]));
    let line = process.wait_for_line("ready", PATIENCE);
    let mut words = line.split(' ').skip(1);
    let id = words.next().unwrap().parse().unwrap();
    (process, id, PathBuf::from(words.next().unwrap()))
}

#[test]
fn signals_are_the_commands_business() {
    let (stage, _served) = Stage::with_trusted_wheels();
    for (name, send) in [("TERM", Process::terminate as fn(&Process)), ("INT", Process::interrupt)] {
        let (process, _, file) = waiting(&stage, &format!("trap 'echo bye; exit 9' {name}"));
        send(&process);
        let (status, log) = process.wait(PATIENCE);
        assert_eq!(status.code(), Some(9), "{log}");
        assert!(log.contains("bye"), "{log}");
        assert!(!file.exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_leaves_no_command_and_no_key() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (process, id, file) = waiting(&stage, "");
    assert!(Path::new(&format!("/proc/{id}")).exists());
    let own = kill_alone(process.id());
    assert!(own.succeeded());
    assert_ends(id);
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    assert_eq!(left.collect::<Vec<_>>(), std::slice::from_ref(&file));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("KEY"));
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    drop(process);
}

#[cfg(target_os = "linux")]
#[test]
fn pip_does_not_outlive_its_proxy() {
    use std::os::unix::fs::PermissionsExt as _;
    let (stage, _served) = Stage::with_trusted_wheels();
    let python = stage.path("slow-python");
    std::fs::write(&python, "#!/bin/sh\necho ready $$\nwhile :; do sleep 0.05; done\n").unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = ["pip", "--python", python.to_str().unwrap(), "install", "alpha"];
    let process = Process::start(&mut stage.sealdex(&arguments));
    let line = process.wait_for_line("ready", PATIENCE);
    let id = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(kill_alone(process.id()).succeeded());
    assert_ends(id);
    drop(process);
}

#[cfg(target_os = "linux")]
fn assert_ends(id: u32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    // Whoever adopts it may not have reaped it yet: a zombie has no command line.
    while std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()) {
        assert!(Instant::now() < deadline, "the command outlives its run");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Kills that process alone, not its group: the group would take the command with it.
#[cfg(target_os = "linux")]
fn kill_alone(id: u32) -> Output {
    let mut command = std::process::Command::new("sh");
    process::run(command.args(["-c", &format!("kill -KILL {id}")]), PATIENCE)
}
