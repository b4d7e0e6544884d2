//! A server whose public side is in an object store that fails: it says so, breaks off what it cannot finish, and keeps
//! nothing that is wrong.

use std::time::{Duration, Instant};

use sealdex_testkit::archive::Archive;
use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::object_store::{ObjectStore, object_path};
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::{TestApp, bucket, config};
use crate::client::{Response, connect};
use crate::form::Form;

const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");

/// A server over a bucket, with another one between it and the object store that does as it is told.
struct Scene {
    app: TestApp,
    proxy: HostileServer,
    bucket: String,
    _store: ObjectStore,
}

impl Scene {
    fn start() -> Self {
        let store = ObjectStore::start();
        let proxy = HostileServer::start(Origin::server(store.endpoint()));
        let bucket = bucket(&store, &proxy.url());
        let name = bucket.name.clone();
        let mut config = config();
        config.uploads.publish_seconds = 5;
        let app = TestApp::start_over(Some(bucket), config, jiff::Timestamp::now);
        Self { app, proxy, bucket: name, _store: store }
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(60), "not {what} in time");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Too long to be read at once.
fn long_wheel() -> Archive {
    let noise = |n: u32| format!("{:08x}", n.wrapping_mul(2_654_435_761));
    let text: String = (0..250_000).map(noise).collect();
    let wheel = WheelBuilder::new("long", "1.0").module("long/data.py", &format!("X = '{text}'\n")).build();
    assert!(wheel.bytes.len() > 500_000, "{}", wheel.bytes.len());
    wheel
}

fn assert_unavailable(response: &Response) {
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(response.text().contains("object store"), "{}", response.text());
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(response.header("cache-control"), Some("no-cache"));
}

#[test]
fn parts_of_a_long_file_are_what_is_asked_for() {
    let scene = Scene::start();
    let (app, wheel) = (&scene.app, long_wheel());
    app.publish(&wheel);
    let path = format!("/files/long/{}", wheel.file_name);
    scene.proxy.clear_requests();
    let whole = app.get(&path);
    assert!(whole.body == wheel.bytes);
    for (range, part) in [
        ("bytes=0-0", &wheel.bytes[..1]),
        ("bytes=100000-199999", &wheel.bytes[100_000..200_000]),
        ("bytes=-1000", &wheel.bytes[wheel.bytes.len() - 1000..]),
    ] {
        let response = app.get_with(&path, &[("range", range)]);
        assert!(response.status == 206 && response.body == part, "{range}");
    }
    assert_eq!(app.get_with(&path, &[("range", "bytes=99999999-")]).status, 416);
    let tag = whole.header("etag").unwrap();
    assert_eq!(app.get_with(&path, &[("if-none-match", tag)]).status, 304);
    let head = app.head_with(&path, &[]);
    assert_eq!(head.header("content-length"), Some(&*wheel.bytes.len().to_string()));
    let asked = scene.proxy.requests_for(&Paths::EndingWith(".whl".to_owned()));
    assert_eq!(
        asked.iter().filter(|request| request.method == "HEAD").count(),
        1,
        "its length is remembered"
    );
    assert_eq!(asked.len(), 5, "what is not sent is not fetched");
}

#[test]
fn a_store_that_answers_500_is_told_of_and_nothing_wrong_is_kept() {
    let scene = Scene::start();
    let (app, wheel) = (&scene.app, long_wheel());
    app.publish(&wheel);
    let (file, page) = (format!("/files/long/{}", wheel.file_name), "/simple/long/");
    assert_eq!(app.get("/healthz").status, 200);

    scene.proxy.set(Paths::All, Behaviour::Status(500));
    assert_unavailable(&app.get(&file));
    assert_unavailable(&app.get("/metadata/1.root.json"));
    std::thread::sleep(Duration::from_secs(1));
    assert_unavailable(&app.get("/metadata/timestamp.json"));
    let refused = app.upload(app.token(), &Form::new(&WheelBuilder::new("six", "1.0").build()));
    assert_unavailable(&refused);
    assert!(refused.text().contains("try again, which is safe"), "{}", refused.text());
    scene.until("said by /healthz", || {
        let health = app.get("/healthz");
        health.status == 503 && health.text().contains("the object store does not answer")
    });

    scene.proxy.clear();
    assert_eq!(app.get("/metadata/timestamp.json").status, 200);
    assert!(app.get(&file).body == wheel.bytes);
    assert_eq!(app.get_with(page, &[JSON]).status, 200);
    app.publish(&WheelBuilder::new("six", "1.0").build());
    scene.until("ready again", || app.get("/healthz").status == 200);
}

/// Received, durable, and not published: the answer says so, and so does `/healthz`, until it is.
#[test]
fn publishing_waits_for_the_store() {
    let scene = Scene::start();
    let (app, six) = (&scene.app, WheelBuilder::new("six", "1.0").build());
    scene.proxy.set(Paths::Containing(".snapshot.json".to_owned()), Behaviour::Status(500));
    let waiting = app.upload(app.token(), &Form::new(&six));
    assert_eq!(waiting.status, 503);
    assert!(waiting.text().contains("is not published yet"), "{}", waiting.text());
    let problem = |text: &str| app.get("/healthz").text().contains(text);
    scene.until("told", || problem("publishing is paused") || problem("the object store does not answer"));
    scene.proxy.clear();
    scene.until("published", || app.get("/simple/six/").status == 200 && app.get("/healthz").status == 200);
    assert_eq!(app.upload(app.token(), &Form::new(&six)).status, 200);
}

#[test]
fn what_breaks_off_at_the_store_breaks_off_here() {
    let scene = Scene::start();
    let (app, wheel) = (&scene.app, long_wheel());
    app.publish(&wheel);
    let path = format!("/files/long/{}", wheel.file_name);
    let key = format!("targets/files/long/{}.{}", wheel.sha256(), wheel.file_name);
    let stored = object_path(&scene.bucket, &key);
    for behaviour in [Behaviour::TruncateAt(1_000), Behaviour::StallAfter(1_000)] {
        scene.proxy.set(Paths::Reading(stored.clone()), behaviour.clone());
        let mut stream = connect(app.address());
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // The connection ends, by a reset or an end, before all that was announced is there.
        drop(std::io::Read::read_to_end(&mut stream, &mut answer));
        assert!(answer.len() < wheel.bytes.len(), "{behaviour:?}: all of it arrived");
        scene.proxy.clear();
        let whole = app.get(&path);
        assert!(whole.body == wheel.bytes, "{behaviour:?}: {} {} bytes", whole.status, whole.body.len());
    }
}
