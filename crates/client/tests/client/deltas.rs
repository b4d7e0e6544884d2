//! Deltas (RFC 9842): what is offered, what comes of honest ones, and that no wrong one does harm.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealdex_client::{Error, Session};
use sealdex_testkit::hostile::{Behaviour, Paths, Request, Response};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::digest::sha256;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

use crate::support::{World, project};

const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

/// A `dcz` body that is for the dictionary of this digest.
fn dcz(named: [u8; 32], dictionary: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut body = DCZ_MAGIC.to_vec();
    body.extend(named);
    let mut encoder = Encoder::with_ref_prefix(body, 3, dictionary).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn honest(dictionary: &[u8], bytes: &[u8]) -> Vec<u8> {
    dcz(sha256(dictionary), dictionary, bytes)
}

fn delta(body: Vec<u8>) -> Behaviour {
    Behaviour::Deltas(Response::ok("application/json", body).with_header("content-encoding", "dcz"))
}

/// A file that changed: where its newer version is, the name of the older one, and both.
struct Changed {
    path: String,
    older_name: String,
    older: Vec<u8>,
    newer: Vec<u8>,
}

impl World {
    /// A client that was here, and since then a new version of `hello`. Gives the snapshot, the bin and the page.
    async fn with_changes() -> (Self, [Changed; 3]) {
        let mut world = Self::new().await;
        world.load().await;
        let read =
            |world: &Self, path: &str| std::fs::read(world.repository.path().join(&path[1..])).unwrap();
        let names = |world: &Self| {
            let bins = std::fs::read_dir(world.repository.path().join("metadata")).unwrap();
            let mut bins: Vec<_> =
                bins.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            bins.retain(|name| name.contains(".bins-"));
            bins
        };
        let (bins_before, page_before) = (names(&world), world.repository.page_path("hello"));
        let snapshot_before = format!("/metadata/{}.snapshot.json", world.repository.version());
        world.repository.add("hello", &WheelBuilder::new("hello", "1.1").build());
        world.repository.publish();
        // The page is in one bin, its files are in others.
        let page_target = "simple/hello/index.json";
        let mut bins = names(&world);
        bins.retain(|name| {
            let text = String::from_utf8(read(&world, &format!("/metadata/{name}"))).unwrap();
            !bins_before.contains(name) && text.contains(page_target)
        });
        let [bin] = bins.as_slice() else { panic!("{bins:?}") };
        let (number, role) = bin.split_once('.').unwrap();
        let bin_before = format!("/metadata/{}.{role}", number.parse::<u64>().unwrap() - 1);
        let changes = [
            (snapshot_before, format!("/metadata/{}.snapshot.json", world.repository.version())),
            (bin_before, format!("/metadata/{bin}")),
            (page_before, world.repository.page_path("hello")),
        ];
        let changes = changes.map(|(older, path)| Changed {
            older_name: older.rsplit('/').next().unwrap().to_owned(),
            older: read(&world, &older),
            newer: read(&world, &path),
            path,
        });
        world.server.clear_requests();
        (world, changes)
    }

    /// The number of files on the page of `hello`.
    async fn load(&self) -> usize {
        let session = Session::refresh(&self.client, &self.trusted).await.unwrap();
        session.page(&project("hello")).await.unwrap().unwrap().page().files.len()
    }

    fn asked(&self, path: &str) -> Vec<Request> {
        self.server.requests_for(&Paths::exactly(path))
    }
}

#[tokio::test]
async fn what_is_known_is_offered_and_nothing_else() {
    let (world, changes) = World::with_changes().await;
    assert_eq!(world.load().await, 2);
    for Changed { path, older_name, older, .. } in &changes {
        let [request] = &world.asked(path)[..] else { panic!("{path}") };
        assert_eq!(request.header("accept-encoding"), Some("dcz, zstd, gzip"), "{path}");
        let available = format!(":{}:", STANDARD.encode(sha256(older)));
        assert_eq!(request.header("available-dictionary"), Some(&*available), "{path}");
        assert_eq!(request.header("dictionary-id"), Some(&*format!("\"{older_name}\"")), "{path}");
    }
    for path in ["/metadata/2.root.json", "/metadata/timestamp.json"] {
        let [request] = &world.asked(path)[..] else { panic!("{path}") };
        assert_eq!(request.header("accept-encoding"), Some("zstd, gzip"), "{path}");
        assert_eq!(request.header("available-dictionary"), None, "{path}");
    }
    assert_eq!(world.server.requests().len(), 5);
}

#[tokio::test]
async fn deltas_bring_the_newer_versions() {
    let (world, changes) = World::with_changes().await;
    for Changed { path, older, newer, .. } in &changes {
        world.server.set(Paths::exactly(path), delta(honest(older, newer)));
    }
    assert_eq!(world.load().await, 2);
    // Each was asked for once: the delta did.
    assert_eq!(world.server.requests().len(), 5);
    // What was made of them is kept like anything else.
    world.server.clear_requests();
    assert_eq!(world.load().await, 2);
    assert_eq!(world.server.requests().len(), 2);
}

#[tokio::test]
async fn a_wrong_delta_is_fetched_once_more_as_a_whole() {
    let window_bomb = |older: &[u8], newer: &[u8]| {
        let mut body = DCZ_MAGIC.to_vec();
        body.extend(sha256(older));
        let mut encoder = Encoder::with_ref_prefix(body, 1, older).unwrap();
        encoder.set_parameter(CParameter::WindowLog(27)).unwrap();
        encoder.write_all(newer).unwrap();
        encoder.finish().unwrap()
    };
    let changed = |bytes: &[u8]| {
        let mut changed = bytes.to_vec();
        let middle = changed.len() / 2;
        changed[middle] = if changed[middle] == b'0' { b'1' } else { b'0' };
        changed
    };
    type Forge<'a> = (&'a str, &'a dyn Fn(&[u8], &[u8]) -> Vec<u8>);
    let forges: [Forge<'_>; 10] = [
        ("for another dictionary", &|older, newer| dcz([7; 32], older, newer)),
        ("other bytes", &|older, newer| honest(older, &changed(newer))),
        ("the older version", &|older, _| honest(older, older)),
        ("nothing", &|older, _| honest(older, b"")),
        ("a bomb", &|older, _| honest(older, &vec![b' '; 64 << 20])),
        ("a window too large", &window_bomb),
        ("cut off", &|older, newer| honest(older, newer)[..50].to_vec()),
        ("only a head", &|older, newer| honest(older, newer)[..40].to_vec()),
        ("with something behind it", &|older, newer| [&honest(older, newer)[..], b"\0"].concat()),
        ("no delta at all", &|_, newer| newer.to_vec()),
    ];
    for (name, forge) in forges {
        for which in 0..3 {
            let (world, changes) = World::with_changes().await;
            let Changed { path, older, newer, .. } = &changes[which];
            world.server.set(Paths::exactly(path), delta(forge(older, newer)));
            assert_eq!(world.load().await, 2, "{name}: {path}");
            let asked = world.asked(path);
            assert_eq!(asked.len(), 2, "{name}: {path}");
            assert_eq!(asked[1].header("accept-encoding"), Some("zstd, gzip"), "{name}: {path}");
            assert_eq!(asked[1].header("available-dictionary"), None, "{name}: {path}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_as_a_whole_too_is_refused() {
    let (world, changes) = World::with_changes().await;
    for (Changed { path, older, newer, .. }, refreshes) in changes.iter().zip([false, true, true]) {
        let mut damaged = newer.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let answer = Response::ok("application/json", honest(older, &damaged));
        let answer = answer.with_header("content-encoding", "dcz");
        world.server.set(Paths::exactly(path), Behaviour::Respond(answer));
        let refused = match Session::refresh(&world.client, &world.trusted).await {
            Err(error) => error,
            Ok(session) => session.page(&project("hello")).await.unwrap_err(),
        };
        // The second time it had not been asked for.
        assert!(matches!(&refused, Error::Encoding { encoding, .. } if encoding == "dcz"), "{refused:?}");
        assert_eq!(world.asked(path).len(), 2, "{path}");
        assert_eq!(Session::refresh(&world.client, &world.trusted).await.is_ok(), refreshes, "{path}");
        world.server.clear();
        world.server.clear_requests();
    }
    assert_eq!(world.load().await, 2);
}

#[tokio::test]
async fn a_stored_file_that_is_damaged_is_no_dictionary() {
    let (world, changes) = World::with_changes().await;
    let folder = world.trusted.directory().join("metadata");
    std::fs::write(folder.join("snapshot.json"), b"damaged").unwrap();
    for entry in std::fs::read_dir(world.client.settings().cache_directory.join("files/sha256")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            std::fs::write(file.unwrap().path(), b"damaged").unwrap();
        }
    }
    assert_eq!(world.load().await, 2);
    for index in [0, 2] {
        let [request] = &world.asked(&changes[index].path)[..] else { panic!("{index}") };
        assert_eq!(request.header("available-dictionary"), None);
    }
}
