//! Deltas between versions (RFC 9842), as clients ask for them.

use std::io::Read as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::digest::sha256;

use crate::app::TestApp;
use crate::client::Response;

const PAGES: &str = "/targets/simple/six/";

/// A repository in which `six` was published three times; gives the file names of its pages, oldest first.
fn published() -> (TestApp, Vec<String>) {
    let app = TestApp::start();
    let mut pages = Vec::new();
    for version in ["1.0", "1.1", "1.2"] {
        app.publish(&WheelBuilder::new("six", version).build());
        let page = app.get_with("/simple/six/", &[("accept", "application/vnd.pypi.simple.v1+json")]);
        pages.push(format!("{}.index.json", sha256_hex(&page.body)));
    }
    (app, pages)
}

/// The latest version of a role's metadata by its file name, and the one before.
fn versions(app: &TestApp, role: &str) -> (String, String) {
    let names = app.metadata_names();
    let versions =
        names.iter().filter_map(|name| name.strip_suffix(&format!(".{role}.json"))?.parse::<u64>().ok());
    let latest = versions.max().unwrap();
    (format!("{}.{role}.json", latest - 1), format!("{latest}.{role}.json"))
}

impl TestApp {
    /// Asks for `path` with a dictionary.
    fn delta(&self, path: &str, dictionary: &[u8], id: &str, accepted: &str) -> Response {
        let available = format!(":{}:", STANDARD.encode(sha256(dictionary)));
        let id = format!("\"{id}\"");
        let headers =
            [("accept-encoding", accepted), ("available-dictionary", &available), ("dictionary-id", &id)];
        self.get_with(path, &headers)
    }

    /// The same, once the delta is made: who comes first need not wait for it.
    fn made_delta(&self, path: &str, dictionary: &[u8], id: &str) -> Response {
        for _ in 0..100 {
            let response = self.delta(path, dictionary, id, "dcz, zstd, gzip");
            if response.header("content-encoding") == Some("dcz") {
                return response;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no delta of {path} from {id}");
    }
}

/// What a `dcz` body stands for.
fn unpacked(body: &[u8], dictionary: &[u8]) -> Vec<u8> {
    assert_eq!(body[..8], [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
    assert_eq!(body[8..40], sha256(dictionary));
    let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&body[40..], dictionary).unwrap();
    decoder.window_log_max(23).unwrap();
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn who_has_an_older_version_gets_what_changed() {
    let (app, pages) = published();
    let (older, newer) = versions(&app, "snapshot");
    for (folder, older, newer, suffix) in [
        ("/metadata/", &older, &newer, ".snapshot.json"),
        (PAGES, &pages[0], &pages[2], ".index.json"),
        (PAGES, &pages[1], &pages[2], ".index.json"),
    ] {
        let dictionary = app.get(&format!("{folder}{older}"));
        let id = format!("match=\"*{suffix}\", id=\"{older}\"");
        assert_eq!(dictionary.header("use-as-dictionary"), Some(&*id));
        let path = format!("{folder}{newer}");
        let plain = app.get(&path);
        let packed = app.get_with(&path, &[("accept-encoding", "zstd")]);
        let delta = app.made_delta(&path, &dictionary.body, older);
        assert!(delta.body.len() < packed.body.len(), "{} {}", delta.body.len(), packed.body.len());
        assert_eq!(unpacked(&delta.body, &dictionary.body), plain.body);
        let varies = Some("accept-encoding, available-dictionary");
        for response in [&plain, &packed, &delta] {
            assert_eq!(response.header("vary"), varies);
            assert_eq!(response.header("cache-control"), Some("public, max-age=31536000, immutable"));
        }
        // The tag is that of this very delta.
        let tags = [&plain, &packed, &delta].map(|response| response.header("etag").unwrap());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
        let again = app.delta(&path, &dictionary.body, older, "dcz");
        assert_eq!((again.header("etag"), &again.body), (Some(tags[2]), &delta.body));
    }
    let (one, other) = (app.get(&format!("{PAGES}{}", pages[0])), app.get(&format!("{PAGES}{}", pages[1])));
    let newest = format!("{PAGES}{}", pages[2]);
    let tag = |dictionary: &Response, id: &str| {
        app.made_delta(&newest, &dictionary.body, id).header("etag").unwrap().to_owned()
    };
    assert_ne!(tag(&one, &pages[0]), tag(&other, &pages[1]));
}

#[test]
fn nothing_else_becomes_a_dictionary() {
    let (app, pages) = published();
    let (older, newer) = versions(&app, "snapshot");
    let (snapshot, page) =
        (app.get(&format!("/metadata/{older}")).body, app.get(&format!("{PAGES}{}", pages[0])).body);
    let (metadata, newest) = (format!("/metadata/{newer}"), format!("{PAGES}{}", pages[2]));
    app.publish(&WheelBuilder::new("other", "1.0").build());
    let other = app.get_with("/simple/other/", &[("accept", "application/vnd.pypi.simple.v1+json")]).body;
    let root = app.get("/metadata/1.root.json").body;
    let settings = std::fs::read(app.directory().settings_file()).unwrap();
    let timestamp = app.get("/metadata/timestamp.json").body;
    let other_name = format!("{}.index.json", sha256_hex(&other));
    for (path, dictionary, id) in [
        // Another digest, another name, none of both.
        (&metadata, &page, older.as_str()),
        (&metadata, &snapshot, "1.snapshot.json.gz"),
        (&metadata, &snapshot, "999.snapshot.json"),
        (&metadata, &snapshot, ""),
        // Another role, another project, what is no version, what is not served.
        (&metadata, &root, "1.root.json"),
        (&metadata, &timestamp, "timestamp.json"),
        (&metadata, &settings, "../../sealdex.toml"),
        (&metadata, &page, &format!("../targets/simple/six/{}", pages[0])),
        (&newest, &other, &other_name),
        (&newest, &other, &format!("../other/{other_name}")),
        (&newest, &snapshot, older.as_str()),
        (&newest, &settings, "../../../../sealdex.toml"),
    ] {
        let response = app.delta(path, dictionary, id, "dcz, zstd;q=0");
        assert_eq!((response.status, response.header("content-encoding")), (200, None), "{path} {id}");
    }
    // Nor is a delta sent to who does not take it, or has the file already.
    let response = app.delta(&metadata, &snapshot, &older, "zstd, gzip");
    assert_ne!(response.header("content-encoding"), Some("dcz"));
    let response = app.delta(&metadata, &app.get(&metadata).body, &newer, "dcz");
    assert_eq!(response.header("content-encoding"), None);
}

#[test]
fn a_delta_that_saves_nothing_is_not_sent() {
    let app = TestApp::start_over(None, crate::app::config(), jiff::Timestamp::now);
    let folder: PathBuf = app.directory().metadata();
    let noise = |mut seed: u32| {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{seed:08x}")
        };
        (0..1000).map(|_| next()).collect::<String>().into_bytes()
    };
    let (older, newer) = (noise(1), noise(2));
    std::fs::write(folder.join("1.noise.json"), &older).unwrap();
    std::fs::write(folder.join("2.noise.json"), &newer).unwrap();
    let response = app.delta("/metadata/2.noise.json", &older, "1.noise.json", "dcz, zstd");
    assert_eq!(response.header("content-encoding"), Some("zstd"));
}

#[test]
fn many_who_ask_for_the_same_delta_get_the_same() {
    let (app, pages) = published();
    let dictionary = app.get(&format!("{PAGES}{}", pages[0])).body;
    let newest = format!("{PAGES}{}", pages[2]);
    let bodies: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..8).map(|_| scope.spawn(|| app.made_delta(&newest, &dictionary, &pages[0]).body)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(bodies.len(), 8);
}
