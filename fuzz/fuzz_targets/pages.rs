//! Pages of the simple API.
//!
//! Input: one byte that selects, then a page or a list of projects in JSON, an `Accept` header, or [`Hostile`] values
//! for a page that never came through the reader. Asserted:
//! - what is read is within the limits, and is the same when it is written and read again, whatever the order;
//! - HTML is made of the expected tags and attributes alone, one link a file, whose values are those of the page;
//!   links lead to HTTP;
//! - what is negotiated is what the header allows.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::html::{Token, tokens};
use sealdex_simple::{
    ContentType, CoreMetadata, FileName, IndexFile, IndexPage, PageLimits, ProjectList, ProjectName,
    ProjectState, ProjectStatus, Yanked, layout, negotiate,
};
use url::Url;

const LIMITS: PageLimits = PageLimits {
    max_page_bytes: 32 * 1024,
    max_values: 2000,
    max_files: 20,
    max_versions: 20,
    max_projects: 50,
    max_text_bytes: 200,
};

fuzz_target!(|data: &[u8]| {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 4 {
        0 => sealdex_fuzz::bounded(8 << 20, || read_page(bytes)),
        1 => sealdex_fuzz::bounded(8 << 20, || read_list(bytes)),
        2 => check_negotiation(bytes),
        _ => {
            if let Ok(values) = Hostile::arbitrary(&mut Unstructured::new(bytes)) {
                check_html(&values.page());
            }
        }
    }
});

fn read_page(bytes: &[u8]) {
    let Ok(page) = IndexPage::from_json(bytes, &LIMITS) else { return };
    assert!(bytes.len() <= LIMITS.max_page_bytes);
    assert!(page.files.len() <= LIMITS.max_files);
    assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok(), "only we accept this");

    let json = page.to_json();
    let generous = PageLimits { max_page_bytes: usize::MAX, ..PageLimits::default() };
    let again = IndexPage::from_json(&json, &generous).expect("a page that was written is read");
    assert_eq!(sorted(again.clone()), sorted(page.clone()));
    assert_eq!(again.to_json(), json, "writing is no fixed point");
    let mut backwards = page.clone();
    backwards.files.reverse();
    backwards.versions.reverse();
    assert_eq!(backwards.to_json(), json, "the order of the files shows");
    assert_eq!(backwards.to_html(), page.to_html(), "the order of the files shows");

    check_html(&page);
    let base = Url::parse("https://index/simple/x/").expect("a constant URL");
    for file in &page.files {
        assert!(file.url.len() <= LIMITS.max_text_bytes);
        if let Ok(url) = base.join(&file.url) {
            assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        }
        let digests = file.hashes.values();
        assert!(digests.clone().all(|digest| digest.bytes().all(|b| b"0123456789abcdef".contains(&b))));
        assert_eq!(file.sha256(), file.hashes.get("sha256").map(String::as_str));
        assert_eq!(page.file(file.filename.as_str()), Some(file), "a file name stands twice");
        check_link(&page.name, &file.filename);
    }
}

fn sorted(mut page: IndexPage) -> IndexPage {
    page.files.sort_by(|a, b| a.filename.cmp(&b.filename));
    page.versions.sort();
    page
}

/// A link to a file leads below the project's folder and back to the same name.
fn check_link(project: &ProjectName, filename: &FileName) {
    let base = Url::parse("http://host/simple/x/").expect("a constant URL");
    let url = base.join(&layout::relative_file_url(project, filename)).expect("a link can be joined");
    let name = url.as_str().strip_prefix(&format!("http://host/files/{project}/")).expect("it stays below");
    assert_eq!(name, filename.to_url_component());
    assert!(!name.contains(['/', '?', '#']));
}

fn read_list(bytes: &[u8]) {
    let Ok(list) = ProjectList::from_json(bytes, &LIMITS) else { return };
    assert!(list.projects.len() <= LIMITS.max_projects);
    let json = list.to_json();
    assert_eq!(ProjectList::from_json(&json, &PageLimits::default()).expect("a list is read"), list);
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    let links: Vec<_> = tokens(&list.to_html()).into_iter().filter_map(link).collect();
    assert!(
        links.iter().map(|link| &link["href"]).eq(list
            .projects
            .iter()
            .map(|p| format!("{p}/"))
            .collect::<Vec<_>>()
            .iter())
    );
}

fn check_negotiation(bytes: &[u8]) {
    let Ok(accept) = std::str::from_utf8(bytes) else { return };
    let lower = accept.to_ascii_lowercase();
    let chosen = negotiate(Some(accept));
    match chosen {
        Some(ContentType::JsonV1 | ContentType::HtmlV1) => {
            // Never without a range that has it.
            assert!(lower.contains("application/") || lower.contains("*/*"), "{accept:?}: {chosen:?}");
        }
        Some(ContentType::LegacyHtml) => {}
        None => assert!(lower.contains('/'), "{accept:?} is refused"),
    }
    // A header that only repeats itself asks for nothing else.
    if accept.len() < 4096 && !accept.contains('"') {
        assert_eq!(negotiate(Some(&format!("{accept},{accept}"))), chosen, "{accept:?}");
    }
}

/// Values for a page, of any text.
#[derive(Arbitrary, Debug)]
struct Hostile {
    url: String,
    text: String,
    other: String,
    filename: String,
    digests: Vec<(String, String)>,
    flags: u8,
}

impl Hostile {
    fn page(self) -> IndexPage {
        let mut page = IndexPage::new(ProjectName::parse("holy-grail").expect("a constant name"));
        let filename = FileName::parse(&self.filename)
            .unwrap_or_else(|_| FileName::parse("holy_grail-1.0.zip").expect("a constant name"));
        let mut file = IndexFile::new(filename, self.url);
        file.hashes = self.digests.into_iter().collect();
        file.requires_python = Some(self.text.clone());
        file.provenance = Some(self.other.clone());
        file.yanked = match self.flags & 3 {
            0 => Yanked::No,
            1 => Yanked::Yes,
            _ => Yanked::Reason(self.text.clone()),
        };
        file.core_metadata = match self.flags & 12 {
            0 => CoreMetadata::Absent,
            4 => CoreMetadata::Present,
            _ => CoreMetadata::Hashes(file.hashes.clone()),
        };
        page.files.push(file);
        page.project_status = Some(ProjectStatus {
            state: ProjectState::parse(&self.other),
            reason: Some(self.text),
            extra: serde_json::Map::new(),
        });
        page
    }
}

/// The document says of each file what the page says, and nothing else.
fn check_html(page: &IndexPage) {
    let tokens = tokens(&page.to_html());
    for token in &tokens {
        let Token::Tag(name, attributes) = token else { continue };
        let allowed: &[&str] = match name.as_str() {
            "a" => &[
                "href",
                "data-requires-python",
                "data-core-metadata",
                "data-dist-info-metadata",
                "data-yanked",
                "data-gpg-sig",
                "data-provenance",
            ],
            "meta" => &["charset", "name", "content"],
            "!DOCTYPE html" | "html" | "head" | "title" | "body" | "h1" | "br" => &[],
            "/html" | "/head" | "/title" | "/body" | "/h1" | "/a" => &[],
            other => panic!("unexpected tag {other}"),
        };
        assert!(attributes.iter().all(|(name, _)| allowed.contains(&name.as_str())), "{attributes:?}");
    }
    let links: Vec<_> = tokens.into_iter().filter_map(link).collect();
    assert_eq!(links.len(), page.files.len());
    for file in &page.files {
        let url = shown(file.url.split('#').next().unwrap_or_default());
        let fits = |link: &&BTreeMap<String, String>| link["href"].split('#').next() == Some(url.as_str());
        let mut candidates = links.iter().filter(fits).peekable();
        assert!(candidates.peek().is_some(), "no link to {url}");
        assert!(candidates.any(|link| {
            let says =
                |name: &str, value: Option<&String>| link.get(name) == value.map(|v| shown(v)).as_ref();
            says("data-requires-python", file.requires_python.as_ref())
                && says("data-provenance", file.provenance.as_ref())
                && link.contains_key("data-yanked") == file.yanked.is_yanked()
                && link.contains_key("data-core-metadata") == (file.core_metadata != CoreMetadata::Absent)
                && link.get("data-core-metadata") == link.get("data-dist-info-metadata")
        }));
    }
}

fn link(token: Token) -> Option<BTreeMap<String, String>> {
    match token {
        Token::Tag(name, attributes) if name == "a" => Some(attributes.into_iter().collect()),
        _ => None,
    }
}

/// What a reader of HTML gets to see of a text: control characters cannot be written in it.
fn shown(text: &str) -> String {
    let show =
        |c: char| if c.is_control() && !"\n\r\t".contains(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(show).collect()
}
