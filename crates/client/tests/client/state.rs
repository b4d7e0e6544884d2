//! The state on disk when things are not as they were left: damaged files, other owners, another clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use sealdex_client::{Client, Error, InitialTrust, RepositoryUrl, Session, TrustStore};
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::not_checked;
use sealdex_tuf::Error as CoreError;

use crate::support::{World, name, project};

/// Every way a file can be other than it was written.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Missing,
    Empty,
    /// Cut off after so many parts of eight.
    Truncated(u64),
    /// A bit of every so manieth byte, of none at either end.
    BitFlips(usize),
    /// Another digit in the first signature: valid JSON, of another signature.
    Signature,
    /// The content of the next file in the folder: of metadata, that of another role.
    Foreign,
    /// Gigabytes, though sparse.
    Huge,
    Folder,
    FolderWithContent,
    SymbolicLink,
    DanglingLink,
    Pipe,
    Unreadable,
}

impl Damage {
    /// What can happen to any file.
    const ALL: [Self; 14] = [
        Self::Missing,
        Self::Empty,
        Self::Truncated(1),
        Self::Truncated(7),
        Self::BitFlips(1),
        Self::BitFlips(97),
        Self::Foreign,
        Self::Huge,
        Self::Folder,
        Self::FolderWithContent,
        Self::SymbolicLink,
        Self::DanglingLink,
        Self::Pipe,
        Self::Unreadable,
    ];

    /// What can happen to metadata.
    fn of_metadata() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain([Self::Signature])
    }

    fn apply(self, path: &Path) {
        let bytes = fs::read(path).unwrap();
        let beside = path.with_extension("moved");
        match self {
            Self::Missing => fs::remove_file(path).unwrap(),
            Self::Empty => fs::write(path, b"").unwrap(),
            Self::Truncated(eighths) => {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(bytes.len() as u64 * eighths / 8).unwrap();
            }
            Self::BitFlips(step) => {
                let flip = |(at, byte): (usize, &u8)| if at % step == step / 2 { byte ^ 1 } else { *byte };
                let flipped: Vec<u8> = bytes.iter().enumerate().map(flip).collect();
                fs::write(path, flipped).unwrap();
            }
            Self::Signature => {
                let text = String::from_utf8(bytes).unwrap();
                let (before, signature) = text.split_once("\"sig\":\"").unwrap();
                let digit = if signature.starts_with('0') { '1' } else { '0' };
                fs::write(path, format!("{before}\"sig\":\"{digit}{}", &signature[1..])).unwrap();
            }
            Self::Foreign => fs::write(path, fs::read(next_file(path)).unwrap()).unwrap(),
            Self::Huge => File::options().write(true).open(path).unwrap().set_len(8 << 30).unwrap(),
            Self::Folder | Self::FolderWithContent => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
                if matches!(self, Self::FolderWithContent) {
                    fs::write(path.join("file"), bytes).unwrap();
                }
            }
            Self::SymbolicLink => {
                fs::rename(path, &beside).unwrap();
                symlink(&beside, path).unwrap();
            }
            Self::DanglingLink => {
                fs::remove_file(path).unwrap();
                symlink("/nonexistent/file", path).unwrap();
            }
            Self::Pipe => {
                fs::remove_file(path).unwrap();
                let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            }
            Self::Unreadable => fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap(),
        }
    }
}

/// The file that follows in the folder, the first one after the last.
fn next_file(path: &Path) -> PathBuf {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<PathBuf> = entries.filter(|found| found != path && found.is_file()).collect();
    let next = files.iter().find(|found| found.as_path() > path).or(files.first());
    next.unwrap().clone()
}

/// A world whose client has a root of a second version and a delegated role on its disk.
async fn world_with_page() -> World {
    let mut world = World::new().await;
    world.repository.rotate_online_key();
    world.repository.publish();
    load(&world, &world.client).await;
    world
}

async fn load(world: &World, client: &Client) {
    let session = Session::refresh(client, &world.trusted).await.unwrap();
    session.page(&project("hello")).await.unwrap().unwrap();
}

/// The plain files of a folder and below, and what is in them.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn each_damaged_file_is_fetched_again_in_each_way_it_can_be_damaged() {
    let world = world_with_page().await;
    let honest = content(world.trusted.directory());
    let metadata = world.trusted.directory().join("metadata");
    let files: Vec<_> = honest.keys().filter(|path| path.starts_with(&metadata)).collect();
    assert!(files.len() >= 5, "root, timestamp, snapshot, targets and a bin: {files:?}");
    for path in files {
        for damage in Damage::of_metadata() {
            damage.apply(path);
            let refreshed = Session::refresh(&world.client, &world.trusted).await;
            let session = refreshed.unwrap_or_else(|error| panic!("{damage:?} of {path:?}: {error:?}"));
            assert!(session.page(&project("hello")).await.unwrap().is_some(), "{damage:?} of {path:?}");
            let _moved = fs::remove_file(path.with_extension("moved"));
            assert!(content(world.trusted.directory()) == honest, "{damage:?} of {path:?} is not repaired");
            assert!(path.symlink_metadata().unwrap().is_file(), "{damage:?} of {path:?}");
        }
    }
}

#[tokio::test]
async fn everything_damaged_at_once_is_fetched_again() {
    let world = world_with_page().await;
    let honest = content(world.trusted.directory());
    let metadata = world.trusted.directory().join("metadata");
    for damage in Damage::of_metadata() {
        for path in honest.keys().filter(|path| path.starts_with(&metadata)) {
            damage.apply(path);
        }
        load(&world, &world.client).await;
        for path in honest.keys() {
            let _moved = fs::remove_file(path.with_extension("moved"));
        }
        assert!(content(world.trusted.directory()) == honest, "{damage:?}");
    }
}

/// The lock holds nothing, and the time is only a bound: what became of them does not matter.
#[tokio::test]
async fn a_damaged_lock_or_time_is_made_anew() {
    let world = world_with_page().await;
    for file in ["lock", "last-refresh"] {
        let path = world.trusted.directory().join(file);
        for damage in Damage::ALL {
            damage.apply(&path);
            if file == "lock" && matches!(damage, Damage::Unreadable) && !rustix::process::geteuid().is_root()
            {
                // Another process may hold it: it is not replaced, but named.
                let refused = Session::refresh(&world.client, &world.trusted).await;
                assert!(
                    matches!(&refused, Err(Error::Io { path: named, .. }) if *named == path),
                    "{refused:?}"
                );
            } else {
                load(&world, &world.client).await;
            }
            let _moved = fs::remove_file(path.with_extension("moved"));
            // Only what the next writer needs is put right.
            let _other = fs::remove_dir_all(&path);
            let _other = fs::remove_file(&path);
            load(&world, &world.client).await;
        }
    }
}

/// A time that the stored timestamp contradicts is damaged: it must not make everything expire.
#[tokio::test]
async fn a_time_from_the_far_future_does_not_count() {
    let world = world_with_page().await;
    let path = world.trusted.directory().join("last-refresh");
    for text in ["2999-01-01T00:00:00Z\n", "9999-12-31T23:59:59Z", "-000001-01-01T00:00:00Z", "now"] {
        fs::write(&path, text).unwrap();
        let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
        assert_eq!(session.clock_behind(), SignedDuration::ZERO, "{text}");
        let written: Timestamp = fs::read_to_string(&path).unwrap().trim().parse().unwrap();
        assert!(written <= Timestamp::now(), "{text}: put right");
    }
}

/// What trust began with cannot be fetched again: its damage is said, and nothing else is trusted in its stead.
#[tokio::test]
async fn a_damaged_record_is_refused() {
    let world = world_with_page().await;
    let path = world.trusted.directory().join("repository.toml");
    let honest = fs::read(&path).unwrap();
    let store = TrustStore::open(world.home.path().join("trust")).unwrap();
    for damage in Damage::ALL {
        if matches!(damage, Damage::Unreadable) && rustix::process::geteuid().is_root() {
            continue; // The superuser reads it all the same.
        }
        damage.apply(&path);
        let refused = store.repository(&name("test"));
        assert!(matches!(refused, Err(Error::DamagedTrust { .. })), "{damage:?}: {refused:?}");
        let _other = fs::remove_dir_all(&path);
        let _other = fs::remove_file(&path);
        let _moved = fs::remove_file(path.with_extension("moved"));
        fs::write(&path, &honest).unwrap();
        store.repository(&name("test")).unwrap();
    }
}

/// With both roots gone there is no trust left; with one of them there is.
#[tokio::test]
async fn either_root_is_enough() {
    let world = world_with_page().await;
    let initial = world.trusted.directory().join("initial-root.json");
    let latest = world.trusted.directory().join("metadata/root.json");
    let ways = [
        Damage::Missing,
        Damage::Empty,
        Damage::BitFlips(97),
        Damage::Signature,
        Damage::Folder,
        Damage::Pipe,
    ];
    for damage in ways {
        let honest = fs::read(&initial).unwrap();
        damage.apply(&initial);
        load(&world, &world.client).await;
        damage.apply(&latest);
        let refused = Session::refresh(&world.client, &world.trusted).await;
        assert!(matches!(refused, Err(Error::DamagedTrust { .. })), "{damage:?}: {refused:?}");
        let _other = fs::remove_dir_all(&initial);
        let _other = fs::remove_file(&initial);
        fs::write(&initial, honest).unwrap();
        load(&world, &world.client).await;
    }
}

#[tokio::test]
async fn what_others_can_change_is_not_trusted() {
    let world = world_with_page().await;
    let directory = world.trusted.directory().to_owned();
    let trust = directory.parent().unwrap().to_owned();
    let reopened = || TrustStore::open(&trust)?.repository(&name("test"));
    let refresh = async || match reopened() {
        Ok(trusted) => Session::refresh(&world.client, &trusted).await.map(|_| ()),
        Err(error) => Err(error),
    };
    let offline = async || match reopened() {
        Ok(trusted) => Session::offline(&world.client, &trusted).await.map(|_| ()),
        Err(error) => Err(error),
    };
    let record = directory.join("repository.toml");
    for path in [&trust, &directory, &directory.join("metadata"), &record] {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (others, reason) in [(0o020, "its group"), (0o002, "everyone"), (0o022, "everyone")] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode | others)).unwrap();
            for refused in [refresh().await, offline().await] {
                assert!(
                    matches!(&refused, Err(Error::Exposed { path: found, reason: found_reason })
                        if found == path && found_reason.ends_with(reason)),
                    "{path:?} {others:o}: {refused:?}"
                );
            }
        }
        // That others can read it does not matter.
        fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o055)).unwrap();
        refresh().await.unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        offline().await.unwrap();
    }
    // A root that others can change is as good as none: it is fetched again, from the initial one on.
    let root = directory.join("metadata/root.json");
    let honest = fs::read(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o666)).unwrap();
    refresh().await.unwrap();
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&root).unwrap(), honest);
}

/// Needs the superuser, who alone can give files away.
#[tokio::test]
async fn what_belongs_to_another_user_is_not_trusted() {
    const OTHER: u32 = 65_534;
    let world = world_with_page().await;
    let directory = world.trusted.directory().to_owned();
    if !rustix::process::geteuid().is_root() {
        let given = chown(&directory, Some(OTHER), None);
        assert!(given.is_err(), "this user is not the superuser, and can give files away");
        not_checked("files that belong to another user: only the superuser can make them");
        return;
    }
    let trust = directory.parent().unwrap().to_owned();
    for path in [&trust, &directory, &directory.join("metadata"), &directory.join("repository.toml")] {
        chown(path, Some(OTHER), None).unwrap();
        let refused = match TrustStore::open(&trust).and_then(|store| store.repository(&name("test"))) {
            Ok(trusted) => Session::refresh(&world.client, &trusted).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(
            matches!(&refused, Err(Error::Exposed { path: found, reason })
                if found == path && reason == "belongs to another user (uid 65534)"),
            "{path:?}: {refused:?}"
        );
        chown(path, Some(0), None).unwrap();
    }
    // Metadata proves itself, whoever wrote it; the root is fetched again.
    for entry in fs::read_dir(directory.join("metadata")).unwrap() {
        chown(entry.unwrap().path(), Some(OTHER), None).unwrap();
    }
    load(&world, &world.client).await;
}

#[tokio::test]
async fn a_cache_that_others_can_change_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let client = || Client::new(sealdex_client::ClientSettings::new(folder.path()), Arc::new(Timestamp::now));
    client().unwrap();
    fs::set_permissions(folder.path().join("files/sha256"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(client(), Err(Error::Exposed { .. })));
}

fn shifted(hours: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_hours(hours)).unwrap()
}

impl World {
    fn client_shifted(&self, hours: i64) -> Client {
        self.client_at(Arc::new(move || shifted(hours)))
    }
}

/// A machine whose clock begins in 1970 at every start goes on working, and is not told that old metadata is fresh.
#[tokio::test]
async fn a_clock_set_back_counts_as_the_time_of_the_last_refresh() {
    let mut world = World::new().await;
    world.repository.expires = shifted(100);
    world.repository.publish();
    load(&world, &world.client).await;
    // Bins expire 48 hours from now; the last refresh is after that.
    let late = world.client_shifted(50);
    let session = Session::refresh(&late, &world.trusted).await.unwrap();
    assert_eq!(session.clock_behind(), SignedDuration::ZERO);
    let refused = session.page(&project("hello")).await;
    let Err(Error::Verification(CoreError::Expired { role, .. })) = &refused else {
        panic!("{refused:?}");
    };
    assert!(role.as_str().starts_with("bins-"), "{role}");
    for hours in [-1, -24 * 365, -24 * 365 * 50] {
        let client = world.client_shifted(hours);
        for session in [
            Session::refresh(&client, &world.trusted).await.unwrap(),
            Session::offline(&client, &world.trusted).await.unwrap(),
        ] {
            assert!(session.started_at() >= shifted(49), "{}", session.started_at());
            assert!(session.clock_behind() > SignedDuration::from_hours(49 - hours), "{hours}");
            let refused = session.page(&project("hello")).await;
            assert!(
                matches!(&refused, Err(Error::Verification(CoreError::Expired { .. }))),
                "the expired bin came back to life with the clock {hours} hours off: {refused:?}"
            );
        }
    }
    // New metadata is taken all the same: nothing but the clock is wrong.
    world.repository.expires = shifted(200);
    world.repository.publish();
    let session = Session::refresh(&world.client_shifted(-24 * 365), &world.trusted).await.unwrap();
    assert_eq!(session.versions().timestamp, world.repository.version());
}

/// A clock that ran ahead for a while: what it made of the state is gone as soon as it is right again.
#[tokio::test]
async fn a_clock_set_forward_destroys_nothing() {
    let world = world_with_page().await;
    let honest = content(world.trusted.directory());
    for hours in [25, 24 * 100, 24 * 400, 24 * 365 * 50] {
        let client = world.client_shifted(hours);
        for refused in
            [Session::refresh(&client, &world.trusted).await, Session::offline(&client, &world.trusted).await]
        {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::Verification(CoreError::Expired { .. })), "{hours}: {error:?}");
            assert!(error.hint().starts_with("check this machine's clock"), "{}", error.hint());
        }
        assert!(content(world.trusted.directory()) == honest, "{hours} hours ahead");
        let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
        assert_eq!(session.clock_behind(), SignedDuration::ZERO);
        let session = Session::offline(&world.client, &world.trusted).await.unwrap();
        assert!(session.page(&project("hello")).await.unwrap().is_some());
    }
    // Ahead by less than the timestamp lives, so that a refresh succeeds: that time counts until the clock has passed
    // it, and until then everything that had not expired by then works.
    load(&world, &world.client_shifted(20)).await;
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert!(session.clock_behind() > SignedDuration::from_hours(19));
    assert!(session.page(&project("hello")).await.unwrap().is_some());
}

#[tokio::test]
async fn working_offline_changes_nothing_on_the_disk() {
    let world = world_with_page().await;
    let before = content(world.trusted.directory());
    let folders = [world.trusted.directory().join("metadata"), world.trusted.directory().to_owned()];
    let times = || folders.each_ref().map(|path| fs::metadata(path).unwrap().modified().unwrap());
    let modified = times();
    let session = Session::offline(&world.client, &world.trusted).await.unwrap();
    assert!(session.page(&project("hello")).await.unwrap().is_some());
    assert!(content(world.trusted.directory()) == before);
    assert_eq!(times(), modified);
    // Nor does it need what it would not find in a copy: a lock.
    fs::remove_file(world.trusted.directory().join("lock")).unwrap();
    Session::offline(&world.client, &world.trusted).await.unwrap();
    assert!(!world.trusted.directory().join("lock").exists());
}

/// Offline, a damaged file cannot be repaired: it is refused, not trusted.
#[tokio::test]
async fn working_offline_does_not_trust_damaged_files() {
    let world = world_with_page().await;
    let metadata = world.trusted.directory().join("metadata");
    for file in ["timestamp.json", "snapshot.json", "targets.json"] {
        for damage in Damage::of_metadata() {
            damage.apply(&metadata.join(file));
            let outcome = Session::offline(&world.client, &world.trusted).await;
            let readable = rustix::process::geteuid().is_root() && matches!(damage, Damage::Unreadable);
            match outcome {
                Ok(_) => assert!(readable, "{damage:?} of {file} was trusted"),
                Err(error) => assert!(
                    matches!(error, Error::Offline { .. } | Error::Verification(_)),
                    "{damage:?} of {file}: {error:?}"
                ),
            }
            load(&world, &world.client).await;
            let _moved = fs::remove_file(metadata.join(file).with_extension("moved"));
        }
    }
}

#[tokio::test]
async fn abandoned_folders_are_removed_after_a_day() {
    let world = World::new().await;
    let store = TrustStore::open(world.home.path().join("trust")).unwrap();
    let folders = ["old", "new"].map(|name| store.directory().join(format!(".unfinished-{name}")));
    for (folder, hours) in folders.iter().zip([25, 23]) {
        fs::DirBuilder::new().mode(0o700).create(folder).unwrap();
        let time = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::open(folder).unwrap().set_modified(time).unwrap();
    }
    let url = RepositoryUrl::parse(&world.server.url()).unwrap();
    let initial = InitialTrust::Root(world.repository.root().to_vec());
    store.add(&world.client, &name("second"), &url, &initial).await.unwrap();
    assert_eq!(folders.map(|folder| folder.exists()), [false, true]);
}

/// A proxy that works offline asks nobody, not for files either.
#[tokio::test]
async fn an_offline_proxy_asks_nobody() {
    use sealdex_client::{OfflineUse, ProxyOptions};
    let world = world_with_page().await;
    world.server.clear_requests();
    world.server.set(Paths::All, Behaviour::Status(500));
    let proxy = world.proxy_with(ProxyOptions::default().offline(OfflineUse::Always)).await;
    assert_eq!(crate::support::get(proxy.address(), "/simple/hello/", &[]).await.status, 200);
    for suffix in ["", ".metadata"] {
        let path = format!("/files/hello/hello-1.0-py3-none-any.whl{suffix}");
        let answer = crate::support::get(proxy.address(), &path, &[]).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.reason.contains("is kept on this machine, and the network is not used"), "{answer:?}");
    }
    assert!(world.server.requests().is_empty(), "{:?}", world.server.requests());
}
