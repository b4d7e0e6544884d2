//! The database goes away for a while, and comes back: a real PostgreSQL, stopped and started.

use std::time::{Duration, Instant};

use sealdex_repository::{Actor, Transaction};
use sealdex_simple::{FileName, ProjectName};
use sealdex_testdatabase::{PostgresServer, Synchronise};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::app::{TestApp, config};
use crate::form::Form;

/// Asks again until the answer is as wanted.
fn until<T: std::fmt::Debug>(what: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = what();
        if wanted(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn without_a_database_what_is_published_is_served_and_the_rest_waits() {
    let mut database = PostgresServer::start(Synchronise::Yes).unwrap();
    let mut app = TestApp::start_on(config(), Some(database.schema().unwrap()));
    let (six, seven) = (WheelBuilder::new("six", "1.0").build(), WheelBuilder::new("seven", "1.0").build());
    app.publish(&six);
    // Beyond the age up to which nothing is looked at again: it is in memory as what is public now.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(app.get("/simple/six/").status, 200);
    assert_eq!(app.get("/healthz").status, 200);

    database.stop();
    let start = Instant::now();
    let refused = app.upload(app.token(), &Form::new(&seven));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{}", refused.text());
    insta::assert_snapshot!(refused.reason, @"the server's database cannot be reached at the moment: try again, which is safe");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(app.get("/metadata/timestamp.json").status, 200);
    let again = app.get("/simple/six/");
    assert_eq!(again.status, 200, "it is in memory");
    let health = || {
        let response = app.get("/healthz");
        (response.status, serde_json::from_slice::<Value>(&response.body).unwrap())
    };
    let (status, body) = until(health, |(_, body)| body["writer"] == "unable");
    assert_eq!((status, &body["status"]), (503, &"unready".into()));
    insta::assert_snapshot!(body["problems"][0].as_str().unwrap(), @"the database cannot be reached: nothing is taken in or published until it is back");
    assert_eq!(
        (&body["pending_transactions"], &body["timestamp"]["role"]),
        (&Value::Null, &"timestamp".into())
    );

    database.resume().unwrap();
    let answer = until(|| app.upload(app.token(), &Form::new(&seven)).status, |status| *status == 200);
    assert_eq!(answer, 200);
    assert_eq!(until(health, |(status, _)| *status == 200).1["writer"], "running");
    for path in ["/simple/six/", "/simple/seven/"] {
        assert_eq!(app.get(path).status, 200, "{path}");
    }

    // What was durable before the database went away is published when it is back.
    app.stop_writer();
    let yank = Transaction::Yank {
        project: ProjectName::parse("six").unwrap(),
        filename: FileName::parse(&six.file_name).unwrap(),
        reason: Some("late".to_owned()),
    };
    let late = app.block_on(app.repository().submit(yank, Actor::Local)).unwrap();
    database.stop();
    database.resume().unwrap();
    app.start_writer();
    let published = || app.block_on(app.repository().published(&late, Duration::from_secs(5)));
    until(published, Result::is_ok).unwrap();
    assert!(app.get("/simple/six/").text().contains("late"));
}
