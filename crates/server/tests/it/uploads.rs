//! Uploads: what is taken, and how each refusal reads.

use sealdex_simple::{IndexPage, PageLimits};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::TestApp;
use crate::client::{self, redacted};
use crate::form::{Form, authorization, content_type};

fn wheel() -> Archive {
    WheelBuilder::new("six", "1.0").build()
}

#[test]
fn an_upload_is_published_when_it_is_answered() {
    let app = TestApp::start();
    let response = app.upload(app.token(), &Form::new(&wheel()));
    insta::assert_snapshot!(response.stable_head(), @"
    200 OK
    content-type: text/plain; charset=utf-8
    cache-control: no-store
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    content-length: 52
    connection: close
    date: [...]
    ");
    insta::assert_snapshot!(response.text(), @"six-1.0-py3-none-any.whl is published in snapshot 2");
    assert_eq!(app.get(&format!("/files/six/{}", wheel().file_name)).body, wheel().bytes);
    assert_eq!(app.upload(app.token(), &Form::new(&wheel())).status, 200);

    let at_root = client::send(
        app.address(),
        "POST",
        "/",
        &[("authorization", &*authorization(app.token())), ("content-type", &*content_type())],
        &Form::new(&SdistBuilder::new("six", "1.0").build()).to_bytes(),
    );
    assert_eq!(at_root.status, 200);
}

#[test]
fn what_is_not_kept_is_said() {
    let app = TestApp::start();
    let form = Form::new(&wheel()).with("attestations", Some("[]"));
    insta::assert_snapshot!(app.upload(app.token(), &form).text(), @"
    six-1.0-py3-none-any.whl is published in snapshot 2
    note: this server does not keep the form field attestations yet
    ");
}

#[test]
fn refusals() {
    let app = TestApp::start();
    app.publish(&wheel());
    let changed = WheelBuilder::new("six", "1.0").module("six.py", "evil = True").build();
    let other = WheelBuilder::new("seven", "1.0").build();
    let renamed = Archive { file_name: wheel().file_name.replace("six", "nine"), ..other.clone() };
    let new = || Form::new(&WheelBuilder::new("six", "2.0").build());
    let too_large = Form { content: vec![0; 2 * 1024 * 1024 + 1], ..new() };
    let garbage = Form { content: b"not a zip".to_vec(), ..new() }.with("sha256_digest", None);
    let only_eight = app.token_for("eight");

    let mut text = String::new();
    for (what, token, form) in [
        ("changed", app.token(), Form::new(&changed)),
        ("no token", "", new()),
        ("unknown token", "sdx_0000", new()),
        ("other project", &*only_eight, new()),
        ("too large", app.token(), too_large),
        ("renamed wheel", app.token(), Form::new(&renamed)),
        ("garbage", app.token(), garbage),
        ("wrong sha256", app.token(), new().with("sha256_digest", Some(&"0".repeat(64)))),
        ("wrong blake2", app.token(), new().with("blake2_256_digest", Some(&"0".repeat(64)))),
        ("other name", app.token(), new().with("name", Some("seven"))),
        ("invalid name", app.token(), new().with("name", Some("-six-"))),
        ("other version", app.token(), new().with("version", Some("2.1"))),
        ("invalid version", app.token(), new().with("version", Some("two"))),
        ("egg", app.token(), new().with("filetype", Some("bdist_egg"))),
        ("other filetype", app.token(), new().with("filetype", Some("sdist"))),
        ("other action", app.token(), new().with(":action", Some("submit"))),
        ("no name", app.token(), new().with("name", None)),
        ("egg file", app.token(), Form { filename: "six-2.0-py3.11.egg".into(), ..new() }),
        ("path", app.token(), Form { filename: "../../six-2.0-py3-none-any.whl".into(), ..new() }),
        ("exe", app.token(), Form { filename: "six-2.0.exe".into(), ..new() }),
    ] {
        let response = app.upload(token, &form);
        assert_eq!(response.text(), format!("{}\n", response.reason), "{what}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        text.push_str(&format!("{what}: {} {}\n", response.status, redacted(&response.reason)));
    }
    insta::assert_snapshot!(text, @r#"
    changed: 400 File already exists ('six-1.0-py3-none-any.whl', with sha256 [sha256]), and this one differs (sha256 [sha256]): files never change, use another version
    no token: 403 the token is not valid: unknown, revoked or expired
    unknown token: 403 the token is not valid: unknown, revoked or expired
    other project: 403 the token [id] may not upload to project six: it is for others
    too large: 413 file too large: this server takes files of at most 2097152 bytes
    renamed wheel: 400 distribution nine-1.0-py3-none-any.whl says directory "seven-1.0.dist-info" inside, its file name says nine 1.0
    garbage: 400 invalid distribution six-2.0-py3-none-any.whl: not a zip archive: it has no end of central directory
    wrong sha256: 400 wrong digest: the form's sha256_digest is "[sha256]", the file received has [sha256]; it changed on its way
    wrong blake2: 400 wrong digest: the form's blake2_256_digest is "[sha256]", the file received has [sha256]; it changed on its way
    other name: 400 the form is for project seven, the file six-2.0-py3-none-any.whl is of six
    invalid name: 400 invalid project name "-six-": must start and end with a letter or a digit
    other version: 400 the form is for version 2.1, the file six-2.0-py3-none-any.whl is of 2.0
    invalid version: 400 invalid version "two" (PEP 440)
    egg: 400 unsupported filetype "bdist_egg": only wheels (bdist_wheel) and source distributions (sdist) are taken
    other filetype: 400 the form says filetype sdist, the file six-2.0-py3-none-any.whl is a wheel
    other action: 400 unsupported :action "submit": only file_upload is
    no name: 400 the form field name is missing
    egg file: 400 invalid file name "six-2.0-py3.11.egg": neither a wheel (.whl) nor a source distribution (.tar.gz, .zip)
    path: 400 invalid file name "../../six-2.0-py3-none-any.whl": starts with a dot
    exe: 400 invalid file name "six-2.0.exe": neither a wheel (.whl) nor a source distribution (.tar.gz, .zip)
    "#);
    let page = app.get_with("/simple/six/", &[("accept", "application/vnd.pypi.simple.v1+json")]);
    let page = IndexPage::from_json(&page.body, &PageLimits::default()).unwrap();
    assert_eq!(page.files.len(), 1);
    assert_eq!(page.files[0].sha256(), Some(&*wheel().sha256()));
}

#[test]
fn heads_that_cannot_lead_to_an_upload() {
    let app = TestApp::start();
    let body = Form::new(&wheel()).to_bytes();
    let mut text = String::new();
    let (good, form) = (authorization(app.token()), content_type());
    for (what, headers) in [
        ("no credentials", vec![("content-type", &*form)]),
        ("bearer", vec![("authorization", "Bearer x"), ("content-type", &form)]),
        ("another user", vec![("authorization", "Basic YWxpY2U6c2VjcmV0"), ("content-type", &form)]),
        ("json", vec![("authorization", &good), ("content-type", "application/json")]),
        ("no boundary", vec![("authorization", &good), ("content-type", "multipart/form-data")]),
        (
            "other boundary",
            vec![("authorization", &good), ("content-type", "multipart/form-data; boundary=b")],
        ),
    ] {
        let response = client::send(app.address(), "POST", "/legacy/", &headers, &body);
        text.push_str(&format!("{what}: {} {}\n", response.status, response.reason));
    }
    insta::assert_snapshot!(text, @"
    no credentials: 401 no credentials: uploads need the user name __token__ and a token as password
    bearer: 403 the credentials cannot be read: Basic is expected
    another user: 403 the user name must be __token__, with a token as password
    json: 400 uploads are multipart/form-data, with a boundary
    no boundary: 400 uploads are multipart/form-data, with a boundary
    other boundary: 400 the form is malformed: no boundary at its start
    ");
    let response = client::send(app.address(), "POST", "/legacy/", &[], &body);
    assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"sealdex\", charset=\"UTF-8\""));
}

#[test]
fn a_token_for_one_project_uploads_to_it() {
    let app = TestApp::start();
    let token = app.token_for("Six");
    assert_eq!(app.upload(&token, &Form::new(&wheel())).status, 200);
}

#[test]
fn a_form_in_another_order() {
    let app = TestApp::start();
    // The file first, as some tools send it.
    let form = Form::new(&wheel()).to_bytes();
    let boundary = content_type().split_once("boundary=").unwrap().1.to_owned();
    let delimiter = format!("--{boundary}\r\n");
    let split = form.windows(delimiter.len()).rposition(|window| window == delimiter.as_bytes()).unwrap();
    let end = format!("--{boundary}--\r\n");
    let mut reordered = form[split..form.len() - end.len()].to_vec();
    reordered.extend_from_slice(&form[..split]);
    reordered.extend_from_slice(end.as_bytes());
    let headers = [("authorization", &*authorization(app.token())), ("content-type", &*content_type())];
    let response = client::send(app.address(), "POST", "/legacy/", &headers, &reordered);
    assert_eq!(response.status, 200, "{}", response.text());
}

#[test]
fn fifty_uploads_at_once_are_all_published() {
    let app = TestApp::start();
    let wheels: Vec<Archive> = (0..50)
        .map(|number| WheelBuilder::new(&format!("project-{}", number % 7), &format!("1.{number}")).build())
        .collect();
    std::thread::scope(|scope| {
        for wheel in &wheels {
            scope.spawn(|| app.publish(wheel));
        }
    });
    let mut listed = 0;
    for number in 0..7 {
        let page = app.get_with(
            &format!("/simple/project-{number}/"),
            &[("accept", "application/vnd.pypi.simple.v1+json")],
        );
        let page = IndexPage::from_json(&page.body, &PageLimits::default()).unwrap();
        for file in &page.files {
            let response = app.get(&format!("/files/project-{number}/{}", file.filename));
            let wheel = wheels.iter().find(|wheel| wheel.file_name == file.filename.as_str()).unwrap();
            assert_eq!(response.body, wheel.bytes);
            listed += 1;
        }
    }
    assert_eq!(listed, 50);
}

#[test]
fn one_file_from_many_at_once() {
    let app = TestApp::start();
    let changed = WheelBuilder::new("six", "1.0").module("six.py", "evil = True").build();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..10)
            .map(|number| {
                let archive = if number % 2 == 0 { wheel() } else { changed.clone() };
                let app = &app;
                scope.spawn(move || app.upload(app.token(), &Form::new(&archive)).status)
            })
            .collect();
        tasks.into_iter().map(|task| task.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 5, "{statuses:?}");
}
