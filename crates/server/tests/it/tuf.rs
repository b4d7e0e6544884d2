//! TUF metadata and targets as an updater fetches them.

use sealdex_repository::BlobName;
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::metadata::{Snapshot, Timestamp, Unverified};

use crate::app::TestApp;

const IMMUTABLE: Option<&str> = Some("public, max-age=31536000, immutable");

#[test]
fn the_timestamp_is_revalidated_and_the_rest_kept_for_ever() {
    let app = TestApp::start();
    app.publish(&WheelBuilder::new("six", "1.0").build());
    let timestamp = app.get("/metadata/timestamp.json");
    assert_eq!(timestamp.header("cache-control"), Some("no-cache"));
    assert_eq!(timestamp.header("content-type"), Some("application/json"));
    let version =
        Unverified::<Timestamp>::parse(&timestamp.body).unwrap().unverified_metadata().snapshot.version;

    let snapshot = app.get(&format!("/metadata/{version}.snapshot.json"));
    assert_eq!(snapshot.header("cache-control"), IMMUTABLE);
    let snapshot = Unverified::<Snapshot>::parse(&snapshot.body).unwrap();
    for (name, file) in &snapshot.unverified_metadata().meta {
        let response = app.get(&format!("/metadata/{}", name.versioned_file_name(file.version)));
        assert_eq!((response.status, response.header("cache-control")), (200, IMMUTABLE), "{name}");
    }
    assert_eq!(app.get("/metadata/1.root.json").header("cache-control"), IMMUTABLE);
    for name in ["2.root.json", "root.json", "snapshot.json", "9999.snapshot.json", "", "x", "1.root.json.gz"]
    {
        assert_eq!(app.get(&format!("/metadata/{name}")).status, 404, "{name}");
    }
}

#[test]
fn a_new_timestamp_is_served_at_once() {
    let app = TestApp::start();
    let mut tags = Vec::new();
    for version in ["1.0", "1.1", "1.2"] {
        app.publish(&WheelBuilder::new("six", version).build());
        let response = app.get("/metadata/timestamp.json");
        assert_eq!(response.body, app.stored(&BlobName::timestamp()));
        let tag = response.header("etag").unwrap().to_owned();
        let again = app.get_with("/metadata/timestamp.json", &[("if-none-match", &tag)]);
        assert_eq!(again.status, 304);
        assert!(!tags.contains(&tag));
        tags.push(tag);
    }
}

#[test]
fn metadata_is_packed_for_who_asks() {
    let app = TestApp::start();
    let plain = app.get("/metadata/1.snapshot.json");
    let packed = app.get_with("/metadata/1.snapshot.json", &[("accept-encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("accept-encoding, available-dictionary"));
    assert!(packed.body.len() < plain.body.len() / 4);
    let zstd = app.get_with("/metadata/1.snapshot.json", &[("accept-encoding", "gzip, br, zstd")]);
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert!(zstd.body.len() < packed.body.len());
    assert_eq!(zstd::decode_all(&zstd.body[..]).unwrap(), plain.body);
    let timestamp = app.get_with("/metadata/timestamp.json", &[("accept-encoding", "*")]);
    assert_eq!(timestamp.header("vary"), Some("accept-encoding"));
}

#[test]
fn targets_are_served_under_their_digests_alone() {
    let app = TestApp::start();
    let wheel = WheelBuilder::new("six", "1.0").build();
    app.publish(&wheel);
    let (digest, name) = (wheel.sha256(), &wheel.file_name);
    let response = app.get(&format!("/targets/files/six/{digest}.{name}"));
    assert_eq!(response.body, wheel.bytes);
    assert_eq!(response.header("etag"), Some(&*format!("\"{digest}\"")));
    assert_eq!(response.header("cache-control"), IMMUTABLE);
    let part = app.get_with(&format!("/targets/files/six/{digest}.{name}"), &[("range", "bytes=-4")]);
    assert_eq!((part.status, &part.body[..]), (206, &wheel.bytes[wheel.bytes.len() - 4..]));
    for path in [
        format!("files/six/{name}"),
        format!("files/six/{}.{name}", "0".repeat(64)),
        format!("files/six/{digest}"),
        "files/six/".to_owned(),
        "files".to_owned(),
        String::new(),
    ] {
        assert_eq!(app.get(&format!("/targets/{path}")).status, 404, "{path}");
    }
}
