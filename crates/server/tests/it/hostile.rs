//! Requests that no honest client sends.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use sealdex_server::{ConnectionLimits, ServerConfig, UploadLimits};
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::{TestApp, config};
use crate::client::{self, HeadOnly, Response};
use crate::form::{Form, authorization, content_type};

#[test]
fn no_path_leaves_what_is_public() {
    let app = TestApp::start();
    app.publish(&WheelBuilder::new("six", "1.0").build());
    let climbs = [
        "..",
        ".",
        "../state.sqlite",
        "../../state.sqlite",
        "../../../../../../etc/passwd",
        "..%2Fstate.sqlite",
        "%2e%2e/%2e%2e/state.sqlite",
        "%2e%2e%2f%2e%2e%2fstate.sqlite",
        "..%252F..%252Fstate.sqlite",
        "..%5c..%5cstate.sqlite",
        "..\\..\\state.sqlite",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "six/../../state.sqlite",
        "six/%2e%2e/%2e%2e/%2e%2e/state.sqlite",
        "%00",
        "six%00.json",
        "a%0d%0ab",
        "%c0%ae%c0%ae/state.sqlite",
        "%ff%fe",
        "%",
        "%zz",
        "six/..;/state.sqlite",
        "~root",
        "$HOME",
        "CON",
        ".sqlite",
        "timestamp.json/",
        "timestamp.json/..",
        "./timestamp.json/.",
        "sealdex.toml",
        "../sealdex.toml",
    ];
    let mut paths: Vec<String> = Vec::new();
    for root in ["/metadata/", "/targets/", "/targets/files/six/", "/simple/", "/files/", "/files/six/", "/"]
    {
        paths.extend(climbs.iter().map(|climb| format!("{root}{climb}")));
    }
    let long = "a".repeat(5000);
    paths.extend(["/metadata/", "/targets/", "/simple/", "/files/six/"].map(|root| format!("{root}{long}")));
    for path in paths {
        let response = app.get(&path);
        assert!(matches!(response.status, 301 | 400 | 404 | 405), "{path}: {}", response.status);
        assert!(response.body.len() < 200, "{path}: {}", response.text());
        if response.status == 301 {
            let location = response.header("location").unwrap();
            assert!(!location.contains("//") && !location.contains(".sqlite"), "{path} -> {location}");
        }
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    let app = TestApp::start();
    let uploads = client::request(app.address(), "POST", "/simple/", &[("content-length", "0")]);
    insta::assert_snapshot!(uploads.stable_head(), @"
    405 this path takes no uploads: they go to /legacy/
    content-type: text/plain; charset=utf-8
    cache-control: no-cache
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    allow: GET,HEAD
    content-length: 48
    connection: close
    date: [...]
    ");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"] {
        for path in ["/simple/", "/metadata/timestamp.json", "/legacy/"] {
            let response = client::request(app.address(), method, path, &[]);
            assert_eq!(response.status, 405, "{method} {path}");
        }
    }
    let absent = app.get("/nothing/here");
    insta::assert_snapshot!(absent.stable_head(), @"
    404 there is nothing at this path
    content-type: text/plain; charset=utf-8
    cache-control: no-cache
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    content-length: 30
    connection: close
    date: [...]
    ");
}

#[test]
fn a_head_is_a_get_without_its_body() {
    let app = TestApp::start();
    let wheel = WheelBuilder::new("six", "1.0").build();
    app.publish(&wheel);
    let file = format!("/files/six/{}", wheel.file_name);
    let sidecar = format!("{file}.metadata");
    for path in [
        "/simple/",
        "/simple/six/",
        "/simple/Six/",
        "/metadata/timestamp.json",
        "/metadata/1.root.json",
        &file,
        &sidecar,
        "/metadata/absent.json",
        "/nothing",
    ] {
        for headers in [vec![], vec![("accept-encoding", "gzip")], vec![("if-none-match", "*")]] {
            let mut got = app.get_with(path, &headers);
            let mut head = app.head_with(path, &headers);
            if got.status == 304 {
                // Both may say how long the body is that they do not send; only one does.
                head.headers.retain(|(name, _)| name != "content-length");
            }
            head.headers.sort();
            got.headers.sort();
            assert_eq!(head.stable_head(), got.stable_head(), "{path} {headers:?}");
        }
    }
    let ranged = app.head_with(&file, &[("range", "bytes=0-1")]);
    assert_eq!(
        (ranged.status, ranged.header("content-length")),
        (200, Some(&*wheel.bytes.len().to_string()))
    );
}

#[test]
fn every_response_says_that_the_keys_are_for_development() {
    let app = TestApp::start();
    for path in ["/simple/", "/metadata/timestamp.json", "/nothing", "/healthz", "/metrics"] {
        let response = app.get(path);
        assert_eq!(response.header("sealdex-development-keys"), Some("true"), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("server"), Some("sealdex"), "{path}");
        assert!(response.header("x-request-id").is_some(), "{path}");
    }
}

#[test]
fn an_upload_that_stops_leaves_nothing() {
    let app = TestApp::start();
    let form = Form::new(&WheelBuilder::new("six", "1.0").build()).to_bytes();
    for length in [0, 10, 1000, form.len() / 2, form.len() - 1] {
        let mut stream = begin_upload(&app, app.token(), form.len());
        stream.write_all(&form[..length]).unwrap();
        drop(stream);
    }
    // A body that is shorter than the form in it, correctly framed.
    for length in [1000, form.len() - 10] {
        let mut stream = begin_upload(&app, app.token(), length);
        stream.write_all(&form[..length]).unwrap();
        let response = Response::read(&mut stream, HeadOnly::No);
        assert_eq!(response.status, 400);
        assert_eq!(response.reason, "the form ends before its last boundary: the upload was truncated");
    }
    assert_eq!(app.get("/simple/six/").status, 404);
    app.publish(&WheelBuilder::new("six", "1.0").build());
    // That nothing is left in staging is checked when the app is dropped.
    let deadline = Instant::now() + Duration::from_secs(10);
    while !app.staged().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_slow_upload_is_cut_off() {
    let limits = UploadLimits { rate_window_seconds: 1, min_bytes_per_second: 1000, ..config().uploads };
    let app = TestApp::start_with(ServerConfig { uploads: limits, ..config() });
    let form = Form::new(&WheelBuilder::new("six", "1.0").build()).to_bytes();
    let mut stream = begin_upload(&app, app.token(), form.len());
    let start = Instant::now();
    stream.write_all(&form[..500]).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        for byte in &form[500..] {
            if writer.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut head = [0; 200];
    let read = stream.read(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    assert!(head.starts_with("HTTP/1.1 408 the upload is too slow: "), "{head}");
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(stream);
    drip.join().unwrap();
}

#[test]
fn who_has_no_token_takes_no_place_from_those_who_have() {
    let limits = UploadLimits { max_concurrent: 1, queue_seconds: 1, ..config().uploads };
    let app = TestApp::start_with(ServerConfig { uploads: limits, ..config() });
    let wheel = WheelBuilder::new("six", "1.0").build();
    let form = Form::new(&wheel).to_bytes();
    let (id, _) = app.token().rsplit_once('_').unwrap();
    let forged = format!("{id}_{}", "0".repeat(64));
    let mut waiting = Vec::new();
    for token in ["nonsense", &forged] {
        let mut stream = begin_upload(&app, token, form.len());
        stream.write_all(&form[..10]).unwrap();
        waiting.push(stream);
    }
    std::thread::sleep(Duration::from_millis(200));
    app.publish(&wheel);
    for mut stream in waiting {
        let mut head = [0; 200];
        let read = stream.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        assert!(head.starts_with("HTTP/1.1 403 the token is not valid"), "{head}");
    }
}

#[test]
fn connections_that_say_nothing_are_closed() {
    let limits = ConnectionLimits { head_seconds: 1, ..ConnectionLimits::default() };
    let app = TestApp::start_with(ServerConfig { connections: limits, ..config() });
    for beginning in ["GET /simple/ HTTP/1.1\r\nhost: t\r\nx-slow: ", "GET / HTTP/1.1\r\n"] {
        let mut stream = client::connect(app.address());
        stream.write_all(beginning.as_bytes()).unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10), "{beginning:?}");
    }
    assert_eq!(app.get("/healthz").status, 200);
}

#[test]
fn heads_are_bounded() {
    let app = TestApp::start();
    let long = "a".repeat(200_000);
    let mut stream = client::connect(app.address());
    stream.write_all(format!("GET /simple/ HTTP/1.1\r\nhost: t\r\nx: {long}\r\n\r\n").as_bytes()).ok();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(app.get("/healthz").status, 200);
}

/// Sends the head of an upload and leaves its body to the caller.
fn begin_upload(app: &TestApp, token: &str, content_length: usize) -> std::net::TcpStream {
    let mut stream = client::connect(app.address());
    let head = format!(
        "POST /legacy/ HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: {}\r\ncontent-type: {}\r\n\
         content-length: {content_length}\r\n\r\n",
        authorization(token),
        content_type()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}
