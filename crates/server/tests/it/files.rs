//! Distributions and their metadata: whole, in parts, conditionally.

use sealdex_testkit::archive::Archive;
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::TestApp;

fn wheel() -> Archive {
    WheelBuilder::new("six", "1.0").build()
}

fn path() -> String {
    format!("/files/six/{}", wheel().file_name)
}

fn served() -> TestApp {
    let app = TestApp::start();
    app.publish(&wheel());
    app
}

#[test]
fn a_file_and_its_metadata() {
    let app = served();
    let file = app.get(&path());
    assert_eq!(file.body, wheel().bytes);
    insta::assert_snapshot!(file.stable_head(), @r#"
    200 OK
    accept-ranges: bytes
    cache-control: public, max-age=31536000, immutable
    etag: "[sha256]"
    content-type: application/zip
    content-length: 851
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    connection: close
    date: [...]
    "#);
    let sidecar = app.get(&format!("{}.metadata", path()));
    assert_eq!(sidecar.body, wheel().core_metadata);
    insta::assert_snapshot!(sidecar.stable_head(), @r#"
    200 OK
    etag: "[sha256]"
    cache-control: public, max-age=31536000, immutable
    vary: accept-encoding
    content-type: text/plain; charset=utf-8
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    content-length: 86
    connection: close
    date: [...]
    "#);
    assert_eq!(app.get_with(&path(), &[("accept-encoding", "gzip")]).header("content-encoding"), None);
}

#[test]
fn a_source_distribution_has_no_sidecar() {
    let app = TestApp::start();
    let sdist = SdistBuilder::new("six", "1.0").build();
    app.publish(&sdist);
    let path = format!("/files/six/{}", sdist.file_name);
    let response = app.get(&path);
    assert_eq!((response.header("content-type"), &response.body), (Some("application/gzip"), &sdist.bytes));
    assert_eq!(app.get(&format!("{path}.metadata")).status, 404);
}

#[test]
fn files_on_no_page_are_not_there() {
    let app = served();
    for path in [
        "/files/six/six-2.0-py3-none-any.whl".to_owned(),
        "/files/six/".to_owned(),
        "/files/six".to_owned(),
        format!("/files/other/{}", wheel().file_name),
        format!("/files/Six/{}", wheel().file_name),
        format!("/files/six/{}.{}", wheel().sha256(), wheel().file_name),
        format!("{}.metadata.metadata", path()),
        format!("{}.asc", path()),
        format!("{}/", path()),
    ] {
        assert_eq!(app.get(&path).status, 404, "{path}");
    }
}

#[test]
fn ranges() {
    let app = served();
    let bytes = wheel().bytes;
    let total = bytes.len();
    let middle = format!("bytes=10-{}", total / 2);
    let beyond = format!("bytes={total}-");
    for (range, expected) in [
        ("bytes=0-0", Some(0..1)),
        ("bytes=0-", Some(0..total)),
        ("bytes=10-19", Some(10..20)),
        (&middle, Some(10..total / 2 + 1)),
        ("bytes=10-999999999", Some(10..total)),
        ("bytes=-1", Some(total - 1..total)),
        ("bytes=-22", Some(total - 22..total)),
        ("bytes=-999999999", Some(0..total)),
        (&beyond, None),
        ("bytes=-0", None),
    ] {
        let response = app.get_with(&path(), &[("range", range)]);
        match expected {
            Some(expected) => {
                let content_range = format!("bytes {}-{}/{total}", expected.start, expected.end - 1);
                assert_eq!(response.status, 206, "{range}");
                assert_eq!(response.header("content-range"), Some(&*content_range), "{range}");
                assert_eq!(response.body, bytes[expected], "{range}");
            }
            None => {
                assert_eq!(response.status, 416, "{range}");
                assert_eq!(response.header("content-range"), Some(&*format!("bytes */{total}")), "{range}");
            }
        }
    }
    for ignored in ["bytes=0-1,5-6", "bytes=5-1", "bytes=x", "lines=1-2", ""] {
        let response = app.get_with(&path(), &[("range", ignored)]);
        assert_eq!((response.status, response.body.len()), (200, total), "{ignored}");
    }
}

#[test]
fn a_long_file_is_streamed_whole_and_in_parts() {
    let app = TestApp::start();
    let noise: String =
        (0..400_000_u32).map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761))).collect();
    let wheel = WheelBuilder::new("six", "1.0").module("six.py", &format!("X = '{noise}'")).build();
    assert!(wheel.bytes.len() > 600_000, "{}", wheel.bytes.len());
    app.publish(&wheel);
    assert_eq!(app.get(&path()).body, wheel.bytes);
    let part = app.get_with(&path(), &[("range", "bytes=1000-500999")]);
    assert_eq!(part.body, wheel.bytes[1000..501_000]);
}

#[test]
fn conditional_requests() {
    let app = served();
    let tag = format!("\"{}\"", wheel().sha256());
    let weak = format!("W/{tag}");
    for (headers, status) in [
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-none-match", &*weak)], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-none-match", &*tag), ("range", "bytes=0-1")], 304),
        (vec![("if-match", &*tag)], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-range", &*tag), ("range", "bytes=0-1")], 206),
        (vec![("if-range", "\"other\""), ("range", "bytes=0-1")], 200),
        (vec![("if-range", &*weak), ("range", "bytes=0-1")], 200),
        (vec![("if-range", "Sat, 21 Nov 2026 00:00:00 GMT"), ("range", "bytes=0-1")], 200),
    ] {
        assert_eq!(app.get_with(&path(), &headers).status, status, "{headers:?}");
    }
    let sidecar = format!("\"{}\"", wheel().core_metadata_sha256());
    let path = format!("{}.metadata", path());
    assert_eq!(app.get_with(&path, &[("if-none-match", &sidecar)]).status, 304);
    assert_eq!(app.get_with(&path, &[("if-none-match", &tag)]).status, 200);
}
