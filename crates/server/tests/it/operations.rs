//! What those see who look after the server: health, numbers, an orderly end.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sealdex_server::{ServerConfig, UploadLimits};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::app::{TestApp, config};
use crate::client::{self, HeadOnly, Response};
use crate::form::{Form, authorization, content_type};

fn health(app: &TestApp) -> (u16, Value) {
    let response = app.get("/healthz");
    assert_eq!(response.header("content-type"), Some("application/json"));
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

#[test]
fn health_follows_the_snapshot_process() {
    let mut app = TestApp::start();
    app.publish(&WheelBuilder::new("six", "1.0").build());
    let (status, body) = health(&app);
    assert_eq!((status, &body["status"], &body["writer"]), (200, &"ready".into(), &"running".into()));
    assert_eq!(body["development_keys"], true);
    assert_eq!(body["timestamp"]["role"], "timestamp");
    assert!(body["timestamp"]["seconds_left"].as_i64().unwrap() > 0);
    assert_eq!(body["problems"], Value::Array(vec![]));

    app.stop_writer();
    let (status, body) = health(&app);
    assert_eq!((status, &body["status"], &body["writer"]), (503, &"unready".into(), &"stopped".into()));
    assert_eq!(body["problems"][0], "the snapshot process has stopped");
}

#[test]
fn an_expired_timestamp_is_unhealthy() {
    let later = || jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 3650);
    let app = TestApp::start_at(config(), later);
    let (status, body) = health(&app);
    assert_eq!(status, 503);
    let problems = body["problems"].to_string();
    assert!(problems.contains("timestamp expired at "), "{problems}");
}

#[test]
fn an_upload_that_is_not_published_in_time_says_so_and_is_not_lost() {
    let uploads = UploadLimits { publish_seconds: 1, ..config().uploads };
    let mut app = TestApp::start_with(ServerConfig { uploads, ..config() });
    app.stop_writer();
    let wheel = WheelBuilder::new("six", "1.0").build();
    let response = app.upload(app.token(), &Form::new(&wheel));
    assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
    insta::assert_snapshot!(response.reason, @"six-1.0-py3-none-any.whl was accepted as transaction 1, but is not published yet: uploading it again waits for it and changes nothing");
    assert_eq!(app.get("/simple/six/").status, 404);

    app.start_writer();
    app.publish(&wheel);
    assert_eq!(app.get("/simple/six/").status, 200);
}

#[test]
fn numbers_for_prometheus() {
    let app = TestApp::start();
    let wheel = WheelBuilder::new("six", "1.0").build();
    app.publish(&wheel);
    app.publish(&wheel);
    assert_eq!(app.upload("wrong", &Form::new(&wheel)).status, 403);
    app.get("/simple/six/");
    app.get("/simple/absent/");
    let response = app.get("/metrics");
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    for line in [
        r#"sealdex_http_requests_total{route="/legacy/",method="POST",status="200"} 2"#,
        r#"sealdex_http_requests_total{route="/legacy/",method="POST",status="403"} 1"#,
        r#"sealdex_http_requests_total{route="/simple/{project}/",method="GET",status="200"} 1"#,
        r#"sealdex_http_requests_total{route="/simple/{project}/",method="GET",status="404"} 1"#,
        r#"sealdex_http_request_seconds_count{route="/simple/{project}/"} 2"#,
        r#"sealdex_uploads_total{outcome="published"} 1"#,
        r#"sealdex_uploads_total{outcome="unchanged"} 1"#,
        r#"sealdex_uploads_total{outcome="refused"} 1"#,
        "sealdex_publications_total 1",
        "sealdex_publish_seconds_count 1",
        "sealdex_pending_transactions 0",
        "sealdex_ready 1",
        r#"sealdex_role_version{role="root"} 1"#,
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    assert!(text.contains(r#"sealdex_role_expiry_seconds{role="timestamp"} "#), "{text}");
}

#[test]
fn the_status_is_read_once_a_second_however_many_ask() {
    let app = TestApp::start();
    let snapshot = || {
        let text = app.get("/metrics").text();
        let start = r#"sealdex_role_version{role="snapshot"} "#;
        text.lines().find_map(|line| line.strip_prefix(start)).unwrap().to_owned()
    };
    let start = Instant::now();
    assert_eq!(snapshot(), "1");
    app.publish(&WheelBuilder::new("six", "1.0").build());
    let after = snapshot();
    if start.elapsed() < Duration::from_secs(1) {
        assert_eq!(after, "1");
    }
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(snapshot(), "2");
}

#[test]
fn http_2_is_spoken_to_who_begins_with_it() {
    let app = TestApp::start();
    let mut stream = client::connect(app.address());
    // The preface and an empty SETTINGS frame (RFC 9113, 3.4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "the first frame is SETTINGS: {frame:?}");
}

#[test]
fn the_log_tells_requests_and_no_secrets() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || LogWriter(Arc::clone(&writer)))
        .init();
    let app = TestApp::start();
    let wheel = WheelBuilder::new("six", "1.0").build();
    app.publish(&wheel);
    let wrong = "sdx_0123456789abcdef_a-secret-that-is-wrong";
    assert_eq!(app.upload(wrong, &Form::new(&wheel)).status, 403);
    app.get("/simple/six/?a-secret-in-a-query");

    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    let secret = app.token().rsplit('_').next().unwrap();
    for secret in [secret, "a-secret", &authorization(app.token())["Basic ".len()..]] {
        assert!(!text.contains(secret), "{secret}");
    }
    let line = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["fields"]["path"] == "/simple/six/")
        .unwrap();
    let fields = &line["fields"];
    assert_eq!(
        (&fields["method"], &fields["route"], &fields["status"]),
        (&"GET".into(), &"/simple/{project}/".into(), &200.into())
    );
    assert!(fields["ms"].as_f64().is_some() && fields["bytes"].as_u64().is_some(), "{fields}");
    assert!(fields["id"].as_str().is_some_and(|id| !id.is_empty()), "{fields}");
}

/// Keeps what is logged.
struct LogWriter(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn stopping_lets_an_upload_finish_and_accepts_no_more() {
    let mut app = TestApp::start();
    let form = Form::new(&WheelBuilder::new("six", "1.0").build()).to_bytes();
    let mut stream = client::connect(app.address());
    let head = format!(
        "POST /legacy/ HTTP/1.1\r\nhost: t\r\nauthorization: {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        authorization(app.token()),
        content_type(),
        form.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&form[..1000]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    app.ask_to_stop();
    std::thread::sleep(Duration::from_millis(200));
    assert!(std::net::TcpStream::connect(app.address()).is_err(), "the port is closed at once");
    stream.write_all(&form[1000..]).unwrap();
    let response = Response::read(&mut stream, HeadOnly::No);
    assert_eq!(response.status, 200, "{}", response.text());
    app.wait_until_stopped();
}

#[test]
fn the_grace_time_ends() {
    let mut app = TestApp::start_with(ServerConfig { shutdown_grace_seconds: 1, ..config() });
    let mut stream = client::connect(app.address());
    let head = format!(
        "POST /legacy/ HTTP/1.1\r\nhost: t\r\nauthorization: {}\r\ncontent-type: {}\r\ncontent-length: 9999\r\n\r\n",
        authorization(app.token()),
        content_type()
    );
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    app.ask_to_stop();
    app.wait_until_stopped();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_server_without_room_for_anybody_does_not_start() {
    let app = TestApp::start();
    for change in [
        (|config: &mut ServerConfig| config.connections.max_connections = 0) as fn(&mut ServerConfig),
        |config| config.uploads.max_concurrent = 0,
    ] {
        let mut config = config();
        change(&mut config);
        let error =
            app.block_on(sealdex_server::Server::bind(app.repository().clone(), config)).err().unwrap();
        assert!(error.to_string().contains("must be at least 1"), "{error}");
    }
    let taken = ServerConfig { listen: app.address(), ..config() };
    let error = app.block_on(sealdex_server::Server::bind(app.repository().clone(), taken)).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on {}", app.address()));
}
