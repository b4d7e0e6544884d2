//! The simple API: representations, redirects, conditional requests.

use sealdex_repository::Transaction;
use sealdex_simple::{FileName, IndexPage, PageLimits, ProjectName};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::TestApp;
use crate::client::{Response, redacted};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";

fn wheel() -> Archive {
    WheelBuilder::new("Holy_Grail", "1.0").requires_python(">=3.9").requires("six").build()
}

fn sdist() -> Archive {
    SdistBuilder::new("Holy_Grail", "1.0").build()
}

fn etag(response: &Response) -> &str {
    response.header("etag").expect("there is an etag")
}

#[test]
fn a_page_as_json_is_the_target_that_is_signed() {
    let app = TestApp::start();
    app.publish(&wheel());
    app.publish(&sdist());
    let response = app.get_with("/simple/holy-grail/", &[("accept", JSON)]);
    insta::assert_snapshot!(redact(&response.stable_head()), @r#"
    200 OK
    etag: "[sha256]"
    cache-control: no-cache
    vary: accept, accept-encoding
    content-type: application/vnd.pypi.simple.v1+json
    x-pypi-last-serial: 2
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    content-length: [...]
    connection: close
    date: [...]
    "#);

    let digest = etag(&response).trim_matches('"').to_owned();
    let target = app.get(&format!("/targets/simple/holy-grail/{digest}.index.json"));
    assert_eq!(target.body, response.body);
    assert_eq!(target.header("cache-control"), Some("public, max-age=31536000, immutable"));

    let page = IndexPage::from_json(&response.body, &PageLimits::default()).unwrap();
    assert_eq!(page.versions, ["1.0"]);
    let file = page.file(&wheel().file_name).unwrap();
    assert_eq!(file.sha256(), Some(&*wheel().sha256()));
    assert_eq!(file.url, "../../files/holy-grail/holy_grail-1.0-py3-none-any.whl");
    assert_eq!(file.requires_python.as_deref(), Some(">=3.9"));
    assert_eq!(file.core_metadata.sha256(), Some(&*wheel().core_metadata_sha256()));
    assert_eq!(file.size, Some(wheel().bytes.len() as u64));
    assert!(page.file(&sdist().file_name).unwrap().core_metadata.sha256().is_none());
}

#[test]
fn a_page_as_html() {
    let app = TestApp::start();
    app.publish(&wheel());
    let response = app.get("/simple/holy-grail/");
    insta::assert_snapshot!(redact(&response.stable_head()), @r#"
    200 OK
    etag: "[sha256]-html"
    cache-control: no-cache
    vary: accept, accept-encoding
    content-type: text/html; charset=utf-8
    x-pypi-last-serial: 1
    x-content-type-options: nosniff
    server: sealdex
    x-request-id: [...]
    sealdex-development-keys: true
    content-length: 630
    connection: close
    date: [...]
    "#);
    insta::assert_snapshot!(redacted(&response.text()), @r#"
    <!DOCTYPE html>
    <html>
      <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Links for holy-grail</title>
      </head>
      <body>
        <h1>Links for holy-grail</h1>
        <a href="../../files/holy-grail/holy_grail-1.0-py3-none-any.whl#sha256=[sha256]" data-requires-python="&gt;=3.9" data-core-metadata="sha256=[sha256]" data-dist-info-metadata="sha256=[sha256]">holy_grail-1.0-py3-none-any.whl</a><br>
      </body>
    </html>
    "#);
}

#[test]
fn the_list_of_projects() {
    let app = TestApp::start();
    insta::assert_snapshot!(app.get_with("/simple/", &[("accept", JSON)]).text(), @r#"{"meta":{"api-version":"1.1"},"projects":[]}"#);
    app.publish(&wheel());
    app.publish(&WheelBuilder::new("six", "1.0").build());
    insta::assert_snapshot!(app.get_with("/simple/", &[("accept", JSON)]).text(), @r#"{"meta":{"api-version":"1.1"},"projects":[{"name":"holy-grail"},{"name":"six"}]}"#);
    let html = app.get_with("/simple/", &[("accept", "text/html")]);
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    insta::assert_snapshot!(html.text(), @r#"
    <!DOCTYPE html>
    <html>
      <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Simple index</title>
      </head>
      <body>
        <h1>Simple index</h1>
        <a href="holy-grail/">holy-grail</a><br>
        <a href="six/">six</a><br>
      </body>
    </html>
    "#);
}

#[test]
fn representations_are_negotiated() {
    let app = TestApp::start();
    app.publish(&wheel());
    let pip = format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01");
    for path in ["/simple/", "/simple/holy-grail/"] {
        for (accept, status, content_type) in [
            (pip.as_str(), 200, JSON),
            (HTML, 200, HTML),
            ("text/html", 200, "text/html; charset=utf-8"),
            ("*/*", 200, "text/html; charset=utf-8"),
            ("application/vnd.pypi.simple.latest+json", 200, JSON),
            ("image/png", 406, "text/plain; charset=utf-8"),
            ("application/vnd.pypi.simple.v2+json", 406, "text/plain; charset=utf-8"),
        ] {
            let response = app.get_with(path, &[("accept", accept)]);
            assert_eq!(response.status, status, "{path} {accept}");
            assert_eq!(response.header("content-type"), Some(content_type), "{path} {accept}");
            assert_eq!(response.header("vary"), Some("accept, accept-encoding"), "{path} {accept}");
        }
    }
}

#[test]
fn each_representation_has_its_tag_and_can_be_revalidated() {
    let app = TestApp::start();
    app.publish(&wheel());
    app.publish(&WheelBuilder::new("Holy_Grail", "1.1").build());
    let mut tags = Vec::new();
    for accept in [JSON, HTML, "text/html"] {
        for encoding in ["identity", "gzip"] {
            for path in ["/simple/", "/simple/holy-grail/"] {
                let headers = [("accept", accept), ("accept-encoding", encoding)];
                let response = app.get_with(path, &headers);
                let tag = etag(&response).to_owned();
                let again = app.get_with(path, &[headers[0], headers[1], ("if-none-match", &tag)]);
                assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())));
                assert_eq!(again.header("cache-control"), Some("no-cache"));
                if path != "/simple/" {
                    tags.push(tag);
                }
            }
        }
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "no two representations may share a tag: {tags:?}");

    // After a change the tag is stale, whichever is asked for.
    app.publish(&sdist());
    for tag in &tags {
        for accept in [JSON, HTML, "text/html"] {
            let headers = [("accept", accept), ("if-none-match", tag.as_str())];
            assert_eq!(app.get_with("/simple/holy-grail/", &headers).status, 200, "{tag}");
        }
    }
}

#[test]
fn gzip_is_sent_to_who_asks_for_it() {
    let app = TestApp::start();
    app.publish(&wheel());
    app.publish(&sdist());
    let headers = [("accept", JSON), ("accept-encoding", "gzip, deflate")];
    let packed = app.get_with("/simple/holy-grail/", &headers);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let plain = app.get_with("/simple/holy-grail/", &headers[..1]);
    assert_eq!(plain.header("content-encoding"), None);
    let mut unpacked = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
}

#[test]
fn other_spellings_are_redirected() {
    let app = TestApp::start();
    for (path, location) in [
        ("/simple", "simple/"),
        ("/simple/six", "six/"),
        ("/simple/Holy_Grail", "holy-grail/"),
        ("/simple/Holy_Grail/", "../holy-grail/"),
        ("/simple/holy--.grail/", "../holy-grail/"),
        ("/simple/SIX/", "../six/"),
    ] {
        let response = app.get(path);
        assert_eq!((response.status, response.header("location")), (301, Some(location)), "{path}");
    }
    for path in ["/simple/absent/", "/simple/-/", "/simple/a%20b/", "/simple/%C3%A9/", "/simple/a/b/"] {
        assert_eq!(app.get(path).status, 404, "{path}");
    }
}

#[test]
fn what_is_yanked_or_removed_shows_at_once() {
    let app = TestApp::start();
    app.publish(&wheel());
    app.publish(&sdist());
    let project = ProjectName::parse("holy-grail").unwrap();
    let page = || {
        let response = app.get_with("/simple/holy-grail/", &[("accept", JSON)]);
        let serial: u64 = response.header("x-pypi-last-serial").unwrap().parse().unwrap();
        (IndexPage::from_json(&response.body, &PageLimits::default()).unwrap(), serial)
    };
    let (before, first_serial) = page();
    assert!(!before.file(&wheel().file_name).unwrap().yanked.is_yanked());

    app.transact(Transaction::Yank {
        project: project.clone(),
        filename: FileName::parse(&wheel().file_name).unwrap(),
        reason: Some("it broke".to_owned()),
    });
    let (yanked, second_serial) = page();
    assert!(yanked.file(&wheel().file_name).unwrap().yanked.is_yanked());
    assert!(second_serial > first_serial);
    assert!(app.get("/simple/holy-grail/").text().contains("data-yanked=\"it broke\""));
    let file = format!("/files/holy-grail/{}", wheel().file_name);
    assert_eq!(app.get(&file).status, 200, "a yanked file can still be had");

    app.transact(Transaction::RemoveDistribution {
        project,
        filename: FileName::parse(&wheel().file_name).unwrap(),
    });
    assert!(page().0.file(&wheel().file_name).is_none());
    assert_eq!(app.get(&file).status, 404);
    assert_eq!(app.get(&format!("{file}.metadata")).status, 404);
}

/// Digests of pages hold the time of the upload.
fn redact(head: &str) -> String {
    head.lines()
        .map(|line| match line.split_once(": ") {
            Some(("content-length", _)) if head.contains("json") => "content-length: [...]".to_owned(),
            _ => redacted(line),
        })
        .collect::<Vec<_>>()
        .join("\n")
}
