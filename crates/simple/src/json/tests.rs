use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    CoreMetadata, Error, FileName, IndexFile, IndexPage, PageLimits, ProjectList, ProjectName, ProjectState,
    ProjectStatus, Yanked,
};

const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn read(value: &Value) -> Result<IndexPage, Error> {
    IndexPage::from_json(value.to_string().as_bytes(), &PageLimits::default())
}

fn page_with(file: &Value) -> Value {
    json!({"meta": {"api-version": "1.1"}, "name": "holygrail", "versions": ["1.0"], "files": [file]})
}

fn good_file() -> Value {
    json!({"filename": "holygrail-1.0.tar.gz", "url": "../../files/holygrail/holygrail-1.0.tar.gz",
        "hashes": {"sha256": SHA256}, "size": 7})
}

/// A file with one field replaced, or taken out by `null`.
fn file_with(key: &str, value: Value) -> Value {
    let mut file = good_file();
    file[key] = value;
    page_with(&file)
}

#[test]
fn reads_every_field() {
    let page = read(&json!({
        "meta": {"api-version": "1.4", "_last-serial": 42, "tracks": ["https://index.test/simple/holygrail/"]},
        "name": "HolyGrail",
        "alternate-locations": [],
        "project-status": {"status": "archived", "reason": "done", "_since": 3},
        "versions": ["1.0", "2.0", "1.0"],
        "files": [{
            "filename": "holygrail-1.0-py3-none-any.whl",
            "url": "https://files.test/a/holygrail-1.0-py3-none-any.whl",
            "hashes": {"SHA256": SHA256.to_uppercase(), "blake2b": "ab"},
            "size": 4_294_967_296_u64,
            "upload-time": "2022-10-21T13:52:01.123456Z",
            "requires-python": ">=3.7,<4",
            "yanked": "it's <dangerous>",
            "core-metadata": {"sha256": SHA256},
            "dist-info-metadata": true,
            "gpg-sig": false,
            "provenance": "https://files.test/provenance",
            "_private": {"b": [1, 2.5, null]},
        }],
    }))
    .unwrap();
    assert_eq!(page.name.as_str(), "holygrail");
    assert_eq!(page.versions, ["1.0", "2.0"]);
    assert_eq!(page.last_serial, Some(42));
    assert_eq!(page.meta_extra["tracks"], json!(["https://index.test/simple/holygrail/"]));
    assert_eq!(page.extra["alternate-locations"], json!([]));
    let status = page.project_status.as_ref().unwrap();
    assert_eq!((&status.state, status.reason.as_deref()), (&ProjectState::Archived, Some("done")));
    assert_eq!(status.extra["_since"], 3);
    let file = &page.files[0];
    assert_eq!(file.sha256(), Some(SHA256));
    assert_eq!(file.hashes["blake2b"], "ab");
    assert_eq!(file.size, Some(4_294_967_296));
    assert_eq!(file.upload_time.as_deref(), Some("2022-10-21T13:52:01.123456Z"));
    assert_eq!(file.requires_python.as_deref(), Some(">=3.7,<4"));
    assert_eq!(file.yanked, Yanked::Reason("it's <dangerous>".into()));
    assert_eq!(file.core_metadata.sha256(), Some(SHA256));
    assert_eq!(file.gpg_sig, Some(false));
    assert_eq!(file.provenance.as_deref(), Some("https://files.test/provenance"));
    assert_eq!(file.extra["_private"], json!({"b": [1, 2.5, null]}));
    assert_eq!(page.file("holygrail-1.0-py3-none-any.whl"), Some(file));
    assert_eq!(page.file("other"), None);
}

#[test]
fn reads_variants_of_fields() {
    let file = |key: &str, value: Value| read(&file_with(key, value)).unwrap().files.remove(0);
    for (value, expected) in [
        (json!(null), Yanked::No),
        (json!(false), Yanked::No),
        (json!(""), Yanked::No),
        (json!(true), Yanked::Yes),
        (json!("why"), Yanked::Reason("why".into())),
    ] {
        assert_eq!(file("yanked", value.clone()).yanked, expected, "{value}");
        assert_eq!(expected.is_yanked(), value.as_bool().unwrap_or(value == "why"));
    }
    let hashes = CoreMetadata::Hashes(BTreeMap::from([("sha256".into(), SHA256.into())]));
    for key in ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"] {
        for (value, expected) in [
            (json!(null), CoreMetadata::Absent),
            (json!(false), CoreMetadata::Absent),
            (json!({}), CoreMetadata::Absent),
            (json!(true), CoreMetadata::Present),
            (json!({"sha256": SHA256}), hashes.clone()),
        ] {
            let file = file(key, value);
            assert_eq!(file.core_metadata, expected, "{key}");
            assert!(file.extra.is_empty());
        }
    }
    for (time, expected) in [
        ("2022-10-21T13:52:01Z", "2022-10-21T13:52:01Z"),
        ("2022-10-21T13:52:01.1Z", "2022-10-21T13:52:01.1Z"),
        ("2022-10-21T15:52:01+02:00", "2022-10-21T13:52:01.000000Z"),
        ("2022-10-21T13:52:01.123456789Z", "2022-10-21T13:52:01.123456Z"),
        ("2022-10-21 13:52:01z", "2022-10-21T13:52:01.000000Z"),
    ] {
        assert_eq!(file("upload-time", json!(time)).upload_time.as_deref(), Some(expected), "{time}");
    }
    for url in
        ["a", "../../a", "//files.test/a", "HTTP://files.test/a", "https://files.test:1/a?b:c#d", "./a:b"]
    {
        assert_eq!(file("url", json!(url)).url, url);
    }
    assert_eq!(file("size", json!(0)).size, Some(0));
    assert_eq!(file("size", json!(null)).size, None);
}

#[test]
fn the_first_metadata_key_wins() {
    let mut value = file_with("core-metadata", json!(false));
    value["files"][0]["dist-info-metadata"] = json!({"sha256": SHA256});
    assert_eq!(read(&value).unwrap().files[0].core_metadata, CoreMetadata::Absent);
}

#[test]
fn a_page_without_versions_gets_those_of_its_files() {
    let mut value = page_with(&good_file());
    value.as_object_mut().unwrap().remove("versions");
    assert_eq!(read(&value).unwrap().versions, ["1.0"]);
}

#[test]
fn refuses_wrong_fields() {
    for (key, value) in [
        ("filename", json!(null)),
        ("filename", json!(7)),
        ("filename", json!("../a")),
        ("filename", json!("a/b")),
        ("url", json!(null)),
        ("url", json!("")),
        ("url", json!(["a"])),
        ("url", json!("javascript:alert(1)")),
        ("url", json!("file:///etc/passwd")),
        ("url", json!("data:,x")),
        ("url", json!("https:a")),
        ("url", json!("a:b")),
        ("url", json!(" a")),
        ("url", json!("a\tb")),
        ("url", json!("a\u{a0}b")),
        ("url", json!("\\\\files.test\\a")),
        ("url", json!("a".repeat(9000))),
        ("hashes", json!(null)),
        ("hashes", json!([])),
        ("hashes", json!({"sha256": 7})),
        ("hashes", json!({"sha256": "00"})),
        ("hashes", json!({"sha256": "g".repeat(64)})),
        ("hashes", json!({"sha256": SHA256, "SHA256": SHA256})),
        ("hashes", json!({"sha256 ": SHA256})),
        ("hashes", json!({"md5": ""})),
        ("hashes", json!({"md5": "x\"><script>"})),
        ("hashes", json!({"md5": "a".repeat(257)})),
        ("size", json!(-1)),
        ("size", json!(1.0)),
        ("size", json!("1")),
        ("upload-time", json!(1)),
        ("upload-time", json!("yesterday")),
        ("upload-time", json!("2022-13-21T13:52:01Z")),
        ("upload-time", json!("2022-10-21")),
        ("upload-time", json!("2022-10-21T13:52:01")),
        ("requires-python", json!(3)),
        ("requires-python", json!("a\0")),
        ("requires-python", json!("a".repeat(9000))),
        ("yanked", json!(1)),
        ("yanked", json!(["a"])),
        ("yanked", json!("a".repeat(9000))),
        ("core-metadata", json!("sha256=00")),
        ("core-metadata", json!({"sha256": "00"})),
        ("gpg-sig", json!("true")),
        ("provenance", json!({})),
        ("provenance", json!("javascript:alert(1)")),
    ] {
        let outcome = read(&file_with(key, value.clone()));
        assert!(
            matches!(outcome, Err(Error::InvalidPage { .. } | Error::InvalidFileName { .. })),
            "{key} {value}: {outcome:?}"
        );
    }
}

#[test]
fn refuses_wrong_pages() {
    let good = page_with(&good_file());
    read(&good).unwrap();
    for (key, value) in [
        ("meta", json!(null)),
        ("meta", json!({})),
        ("meta", json!({"api-version": 1})),
        ("name", json!(null)),
        ("name", json!(7)),
        ("files", json!(null)),
        ("files", json!({})),
        ("files", json!(["a"])),
        ("versions", json!("1.0")),
        ("versions", json!([1.0])),
        ("project-status", json!("archived")),
        ("project-status", json!({"status": 1})),
    ] {
        let mut page = good.clone();
        page[key] = value.clone();
        assert!(matches!(read(&page), Err(Error::InvalidPage { .. })), "{key} {value}");
    }
    for version in ["2.0", "0.9", "1", "1.", "1.x", "1.0.0", "01.0", "", "v1.0", " 1.0"] {
        let mut page = good.clone();
        page["meta"]["api-version"] = json!(version);
        assert!(matches!(read(&page), Err(Error::UnsupportedApiVersion { .. })), "{version}");
    }
    let mut page = good.clone();
    page["name"] = json!("../evil");
    assert!(matches!(read(&page), Err(Error::InvalidProjectName { .. })));
    let mut page = good.clone();
    page["files"] = json!([good_file(), good_file()]);
    assert!(matches!(read(&page), Err(Error::DuplicateFile { .. })));
    for text in ["", "[]", "null", "{\"meta\":{\"api-version\":\"1.0\"}", "\u{feff}{}"] {
        assert!(IndexPage::from_json(text.as_bytes(), &PageLimits::default()).is_err(), "{text:?}");
    }
    let twice = good.to_string().replacen("\"size\":7", "\"size\":7,\"size\":8", 1);
    let error = IndexPage::from_json(twice.as_bytes(), &PageLimits::default()).unwrap_err();
    assert!(matches!(error, Error::Json { .. }), "{error}");
}

#[test]
fn bounds() {
    let bytes = page_with(&good_file()).to_string().into_bytes();
    let defaults = PageLimits::default();
    IndexPage::from_json(
        &bytes,
        &PageLimits { max_page_bytes: bytes.len(), max_files: 1, max_versions: 1, ..defaults },
    )
    .unwrap();
    for limits in [
        PageLimits { max_page_bytes: bytes.len() - 1, ..defaults },
        PageLimits { max_files: 0, ..defaults },
        PageLimits { max_versions: 0, ..defaults },
    ] {
        let error = IndexPage::from_json(&bytes, &limits).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { .. }), "{limits:?}: {error}");
    }
    assert!(IndexPage::from_json(&bytes, &PageLimits { max_values: 5, ..defaults }).is_err());
    assert!(IndexPage::from_json(&bytes, &PageLimits { max_text_bytes: 5, ..defaults }).is_err());
}

#[test]
fn writes_exactly() {
    let mut page = IndexPage::new(ProjectName::parse("HolyGrail").unwrap());
    assert_eq!(
        page.to_json(),
        br#"{"files":[],"meta":{"api-version":"1.1"},"name":"holygrail","versions":[]}"#
    );
    page.versions = ["1.10", "1.9", "odd", "1.9"].map(str::to_owned).to_vec();
    for name in
        ["holygrail-1.10.tar.gz", "holygrail-1.9.tar.gz", "holygrail-1.9-py3-none-any.whl", "holygrail.exe"]
    {
        let mut file = IndexFile::new(FileName::parse(name).unwrap(), format!("u/{name}"));
        file.size = Some(1);
        page.files.push(file);
    }
    page.files[0].core_metadata = CoreMetadata::Present;
    page.files[0].yanked = Yanked::Reason(String::new());
    page.files[0].extra.insert("url".into(), "https://evil.test/".into());
    page.files[0].extra.insert("provenance".into(), "https://evil.test/".into());
    page.files[1].extra.insert("dist-info-metadata".into(), true.into());
    page.extra.insert("name".into(), "evil".into());
    page.last_serial = Some(3);
    let expected = concat!(
        r#"{"files":["#,
        r#"{"filename":"holygrail.exe","hashes":{},"size":1,"url":"u/holygrail.exe","yanked":false},"#,
        r#"{"filename":"holygrail-1.9-py3-none-any.whl","hashes":{},"size":1,"#,
        r#""url":"u/holygrail-1.9-py3-none-any.whl","yanked":false},"#,
        r#"{"filename":"holygrail-1.9.tar.gz","hashes":{},"size":1,"url":"u/holygrail-1.9.tar.gz","yanked":false},"#,
        r#"{"core-metadata":true,"filename":"holygrail-1.10.tar.gz","hashes":{},"size":1,"#,
        r#""url":"u/holygrail-1.10.tar.gz","yanked":true}"#,
        r#"],"meta":{"_last-serial":3,"api-version":"1.1"},"name":"holygrail","versions":["odd","1.9","1.10"]}"#
    );
    assert_eq!(String::from_utf8(page.to_json()).unwrap(), expected);
    page.files.reverse();
    page.versions.reverse();
    assert_eq!(String::from_utf8(page.to_json()).unwrap(), expected);
}

/// Without `float_roundtrip`, serde_json reads the last digit of what it wrote differently.
#[test]
fn unknown_numbers_are_the_same_when_they_are_read_again() {
    let text = page_with(&good_file()).to_string();
    for number in ["333333388888888888888888833311113311111111", "0.1", "1e300", "-12.5e-7"] {
        let text = text.replacen('{', &format!("{{\"_x\":{number},"), 1);
        let page = IndexPage::from_json(text.as_bytes(), &PageLimits::default()).unwrap();
        let again = IndexPage::from_json(&page.to_json(), &PageLimits::default()).unwrap();
        assert_eq!(again, page, "{number}");
    }
}

#[test]
fn api_version_follows_the_fields() {
    let file = || {
        let mut file = IndexFile::new(FileName::parse("a-1.zip").unwrap(), "a".into());
        file.size = Some(1);
        file
    };
    let mut page = IndexPage::new(ProjectName::parse("a").unwrap());
    page.files.push(file());
    assert_eq!(page.api_version(), "1.1");
    page.files[0].size = None;
    assert_eq!(page.api_version(), "1.0");
    page.extra.insert("alternate-locations".into(), json!([]));
    assert_eq!(page.api_version(), "1.2");
    page.files[0].provenance = Some("p".into());
    assert_eq!(page.api_version(), "1.3");
    page.project_status =
        Some(ProjectStatus { state: ProjectState::Quarantined, reason: None, extra: Map::new() });
    assert_eq!(page.api_version(), "1.4");
    let written: Value = serde_json::from_slice(&page.to_json()).unwrap();
    assert_eq!(written["meta"]["api-version"], "1.4");
    assert_eq!(written["project-status"], json!({"status": "quarantined"}));
}

#[test]
fn status_has_two_spellings() {
    let mut value = page_with(&good_file());
    for (status, expected) in [
        (json!({}), ProjectState::Active),
        (json!({"state": "quarantined"}), ProjectState::Quarantined),
        (json!({"status": "deprecated", "state": "active"}), ProjectState::Deprecated),
        (json!({"status": "haunted"}), ProjectState::Other("haunted".into())),
    ] {
        value["project-status"] = status;
        assert_eq!(read(&value).unwrap().project_status.unwrap().state, expected);
    }
}

#[test]
fn other_urls() {
    let page = read(&page_with(&good_file())).unwrap();
    let other = page.with_file_urls(|file| format!("https://files.test/{}", file.filename));
    assert_eq!(other.files[0].url, "https://files.test/holygrail-1.0.tar.gz");
    assert_eq!(other.with_file_urls(|_| page.files[0].url.clone()), page);
}

#[test]
fn project_lists() {
    let limits = PageLimits::default();
    let list = ProjectList {
        projects: ["b", "A.c", "a_c", "2to3"].map(|name| ProjectName::parse(name).unwrap()).to_vec(),
    };
    let bytes = list.to_json();
    let expected =
        r#"{"meta":{"api-version":"1.1"},"projects":[{"name":"2to3"},{"name":"a-c"},{"name":"b"}]}"#;
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    let read = ProjectList::from_json(&bytes, &limits).unwrap();
    assert_eq!(read.to_json(), bytes);
    assert!(ProjectList::from_json(&bytes, &PageLimits { max_projects: 2, ..limits }).is_err());
    for text in [
        r#"{"projects":[]}"#,
        r#"{"meta":{"api-version":"2.0"},"projects":[]}"#,
        r#"{"meta":{"api-version":"1.0"}}"#,
        r#"{"meta":{"api-version":"1.0"},"projects":["a"]}"#,
        r#"{"meta":{"api-version":"1.0"},"projects":[{"name":"../a"}]}"#,
    ] {
        assert!(ProjectList::from_json(text.as_bytes(), &limits).is_err(), "{text}");
    }
    let html = list.to_html();
    assert!(html.contains("<a href=\"a-c/\">a-c</a>"), "{html}");
}

fn any_file(name: String) -> impl Strategy<Value = IndexFile> {
    let hashes = || proptest::collection::btree_map("(md5|sha512|blake2b)", "[0-9a-f]{2,8}", 0..3);
    let text = || proptest::option::of("[^\0]{0,20}");
    (
        (hashes(), any::<Option<u64>>(), any::<bool>(), text(), text()),
        (proptest::option::of(hashes()), any::<bool>(), any::<Option<bool>>(), any::<bool>(), any::<i64>()),
    )
        .prop_map(
            move |((hashes, size, time, python, yanked), (core, present, gpg_sig, provenance, extra))| {
                IndexFile {
                    filename: FileName::parse(&name).unwrap(),
                    url: format!("../../files/{name}"),
                    hashes,
                    size,
                    upload_time: time.then(|| "2022-10-21T13:52:01.5Z".to_owned()),
                    requires_python: python,
                    yanked: match yanked {
                        None => Yanked::No,
                        Some(reason) if reason.is_empty() => Yanked::Yes,
                        Some(reason) => Yanked::Reason(reason),
                    },
                    core_metadata: match core.filter(|hashes| !hashes.is_empty()) {
                        Some(hashes) => CoreMetadata::Hashes(hashes),
                        None if present => CoreMetadata::Present,
                        None => CoreMetadata::Absent,
                    },
                    gpg_sig,
                    provenance: provenance.then(|| "https://files.test/p".to_owned()),
                    extra: Map::from_iter([("_x".to_owned(), json!({"z": extra, "a": [extra]}))]),
                }
            },
        )
}

fn any_page() -> impl Strategy<Value = IndexPage> {
    let files =
        proptest::collection::btree_set("a-[0-9]\\.[0-9]{1,2}(\\.zip|-py3-none-any\\.whl|\\.exe)", 0..6)
            .prop_flat_map(|names| names.into_iter().map(any_file).collect::<Vec<_>>());
    let status = proptest::option::of(("[a-z]{1,8}", proptest::option::of("[^\0]{0,20}")));
    let versions = proptest::collection::btree_set("[0-9.a]{1,5}", 0..5);
    (files, versions, status, any::<Option<u64>>()).prop_map(|(files, versions, status, last_serial)| {
        IndexPage {
            versions: versions.into_iter().collect(),
            files,
            project_status: status.map(|(state, reason)| ProjectStatus {
                state: ProjectState::parse(&state),
                reason,
                extra: Map::new(),
            }),
            last_serial,
            ..IndexPage::new(ProjectName::parse("a").unwrap())
        }
    })
}

proptest! {
    #[test]
    fn round_trip(page in any_page()) {
        let bytes = page.to_json();
        let again = IndexPage::from_json(&bytes, &PageLimits::default()).unwrap();
        prop_assert_eq!(again.to_json(), bytes.clone());
        let by_name = |page: &IndexPage| -> BTreeMap<String, IndexFile> {
            page.files.iter().map(|file| (file.filename.to_string(), file.clone())).collect()
        };
        prop_assert_eq!(by_name(&again), by_name(&page));
        prop_assert_eq!(
            IndexPage { files: Vec::new(), versions: Vec::new(), ..again },
            IndexPage { files: Vec::new(), versions: Vec::new(), ..page.clone() }
        );
        let mut shuffled = page;
        shuffled.files.reverse();
        shuffled.versions.reverse();
        prop_assert_eq!(shuffled.to_json(), bytes);
    }

    #[test]
    fn what_is_checked_can_be_read(
        mut file in any_file("a-1.0.zip".to_owned()),
        texts in proptest::collection::vec((0_u8..6, "[a-z:/\\\\ \u{0}\u{85}\u{a0}0-9TZ.é-]{0,12}"), 0..3),
        long in 0_u8..8,
    ) {
        for (field, text) in texts {
            match field {
                0 => file.url = text,
                1 => drop(file.hashes.insert(text.to_ascii_lowercase(), "ab".to_owned())),
                2 => drop(file.hashes.insert("sha256".to_owned(), text.to_ascii_lowercase())),
                3 => file.upload_time = Some(text),
                4 => file.provenance = Some(text),
                _ => file.requires_python = Some(text),
            }
        }
        if long == 0 {
            file.yanked = Yanked::Reason("x".repeat(9000));
        }
        let limits = PageLimits::default();
        let checked = file.check(&limits).is_ok();
        let page = IndexPage { files: vec![file], ..IndexPage::new(ProjectName::parse("a").unwrap()) };
        prop_assert_eq!(checked, IndexPage::from_json(&page.to_json(), &limits).is_ok());
    }

    #[test]
    fn html_holds_no_markup_from_outside(page in any_page()) {
        let html = page.to_html();
        prop_assert_eq!(html.matches("<a ").count(), page.files.len());
        prop_assert_eq!(html.matches("<script").count(), 0);
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = IndexPage::from_json(&bytes, &PageLimits::default());
        let _ = ProjectList::from_json(&bytes, &PageLimits::default());
    }

    #[test]
    fn never_panics_on_damaged_pages(page in any_page(), position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = page.to_json();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(page) = IndexPage::from_json(&bytes, &PageLimits::default()) {
            let _ = page.to_html();
        }
    }
}
