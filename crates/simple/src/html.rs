//! Writes pages as HTML (PEP 503).
//!
//! Text reaches the document through [`escape`] alone, and attributes are always in double quotes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ProjectName;
use crate::page::{CoreMetadata, IndexFile, IndexPage, Yanked};

/// Digests that installers understand in the fragment of a URL, the best first.
const FRAGMENT_ALGORITHMS: [&str; 6] = ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"];

pub(crate) fn write_page(page: &IndexPage) -> String {
    let mut html = String::with_capacity(512 + page.files.len() * 512);
    let title = format!("Links for {}", page.name);
    let mut metas = vec![("pypi:repository-version", page.api_version())];
    if let Some(status) = &page.project_status {
        metas.push(("pypi:project-status", status.state.as_str()));
        if let Some(reason) = &status.reason {
            metas.push(("pypi:project-status-reason", reason));
        }
    }
    write_head(&mut html, &title, &metas);
    for file in page.sorted_files() {
        write_anchor(&mut html, file);
    }
    html.push_str("  </body>\n</html>\n");
    html
}

pub(crate) fn write_list(projects: &[&ProjectName]) -> String {
    let mut html = String::with_capacity(512 + projects.len() * 64);
    write_head(&mut html, "Simple index", &[("pypi:repository-version", "1.1")]);
    for project in projects {
        // A project name holds nothing to escape; it is escaped all the same, so that nobody has to know.
        html.push_str("    <a href=\"");
        escape(&mut html, project.as_str());
        html.push_str("/\">");
        escape(&mut html, project.as_str());
        html.push_str("</a><br>\n");
    }
    html.push_str("  </body>\n</html>\n");
    html
}

fn write_head(html: &mut String, title: &str, metas: &[(&str, &str)]) {
    html.push_str("<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n");
    for (name, content) in metas {
        html.push_str("    <meta");
        attribute(html, "name", name);
        attribute(html, "content", content);
        html.push_str(">\n");
    }
    html.push_str("    <title>");
    escape(html, title);
    html.push_str("</title>\n  </head>\n  <body>\n    <h1>");
    escape(html, title);
    html.push_str("</h1>\n");
}

fn write_anchor(html: &mut String, file: &IndexFile) {
    html.push_str("    <a");
    // A fragment of the URL itself would stand where the digest has to.
    let mut href = file.url.split('#').next().unwrap_or_default().to_owned();
    if let Some((algorithm, digest)) = fragment_digest(&file.hashes) {
        let _ = write!(href, "#{algorithm}={digest}");
    }
    attribute(html, "href", &href);
    if let Some(requires_python) = &file.requires_python {
        attribute(html, "data-requires-python", requires_python);
    }
    let core_metadata = match &file.core_metadata {
        CoreMetadata::Absent => None,
        CoreMetadata::Present => Some("true".to_owned()),
        CoreMetadata::Hashes(hashes) => Some(
            fragment_digest(hashes)
                .map_or_else(|| "true".to_owned(), |(algorithm, digest)| format!("{algorithm}={digest}")),
        ),
    };
    if let Some(value) = &core_metadata {
        attribute(html, "data-core-metadata", value);
        attribute(html, "data-dist-info-metadata", value);
    }
    match &file.yanked {
        Yanked::No => {}
        Yanked::Yes => attribute(html, "data-yanked", ""),
        Yanked::Reason(reason) => attribute(html, "data-yanked", reason),
    }
    if let Some(gpg_sig) = file.gpg_sig {
        attribute(html, "data-gpg-sig", if gpg_sig { "true" } else { "false" });
    }
    if let Some(provenance) = &file.provenance {
        attribute(html, "data-provenance", provenance);
    }
    html.push('>');
    escape(html, file.filename.as_str());
    html.push_str("</a><br>\n");
}

/// The best digest of those that can stand in a fragment.
fn fragment_digest(hashes: &BTreeMap<String, String>) -> Option<(&'static str, &str)> {
    FRAGMENT_ALGORITHMS.into_iter().find_map(|algorithm| {
        let digest = hashes.get(algorithm)?;
        Some((algorithm, digest.as_str()))
    })
}

fn attribute(html: &mut String, name: &str, value: &str) {
    html.push(' ');
    html.push_str(name);
    html.push_str("=\"");
    escape(html, value);
    html.push('"');
}

/// Escapes for text and for values in double quotes. What HTML cannot hold, and line breaks, which some readers take
/// for the end of a value, become references; NUL, which has no reference, becomes the replacement character.
fn escape(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#x27;"),
            '`' => html.push_str("&#x60;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(html, "&#x{:x};", u32::from(character));
            }
            _ if character.is_control() => html.push(char::REPLACEMENT_CHARACTER),
            _ => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Map;

    use crate::{
        CoreMetadata, FileName, IndexFile, IndexPage, ProjectName, ProjectState, ProjectStatus, Yanked,
    };

    fn page_with(change: impl FnOnce(&mut IndexFile)) -> String {
        let mut page = IndexPage::new(ProjectName::parse("holygrail").unwrap());
        let filename = FileName::parse("holygrail-1.0.tar.gz").unwrap();
        page.files.push(IndexFile::new(filename, "../../files/holygrail/holygrail-1.0.tar.gz".into()));
        change(&mut page.files[0]);
        page.to_html()
    }

    fn anchor_with(change: impl FnOnce(&mut IndexFile)) -> String {
        let html = page_with(change);
        html.lines().find(|line| line.contains("<a ")).unwrap().trim().to_owned()
    }

    #[test]
    fn writes_exactly() {
        let sha256 = "a".repeat(64);
        let html = page_with(|file| {
            file.size = Some(1);
            file.hashes = BTreeMap::from([("md5".into(), "00".into()), ("sha256".into(), sha256.clone())]);
            file.requires_python = Some(">=3.7,<4".into());
            file.core_metadata = CoreMetadata::Hashes(BTreeMap::from([("sha256".into(), sha256.clone())]));
            file.yanked = Yanked::Yes;
            file.gpg_sig = Some(true);
            file.provenance = Some("https://files.test/p?a&b".into());
        });
        let expected = format!(
            r#"<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <meta name="pypi:repository-version" content="1.3">
    <title>Links for holygrail</title>
  </head>
  <body>
    <h1>Links for holygrail</h1>
    <a href="../../files/holygrail/holygrail-1.0.tar.gz#sha256={sha256}" data-requires-python="&gt;=3.7,&lt;4" data-core-metadata="sha256={sha256}" data-dist-info-metadata="sha256={sha256}" data-yanked="" data-gpg-sig="true" data-provenance="https://files.test/p?a&amp;b">holygrail-1.0.tar.gz</a><br>
  </body>
</html>
"#
        );
        assert_eq!(html, expected);
    }

    #[test]
    fn attributes() {
        let bare = r#"<a href="../../files/holygrail/holygrail-1.0.tar.gz">holygrail-1.0.tar.gz</a><br>"#;
        assert_eq!(anchor_with(|_| ()), bare);
        let anchor = anchor_with(|file| file.core_metadata = CoreMetadata::Present);
        assert!(anchor.contains(r#" data-core-metadata="true" data-dist-info-metadata="true""#), "{anchor}");
        let unknown = CoreMetadata::Hashes(BTreeMap::from([("blake2b".into(), "00".into())]));
        let anchor = anchor_with(|file| file.core_metadata = unknown);
        assert!(anchor.contains(r#" data-core-metadata="true""#), "{anchor}");
        let anchor = anchor_with(|file| file.yanked = Yanked::Reason("broken".into()));
        assert!(anchor.contains(r#" data-yanked="broken""#), "{anchor}");
        let anchor = anchor_with(|file| file.gpg_sig = Some(false));
        assert!(anchor.contains(r#" data-gpg-sig="false""#), "{anchor}");
        let anchor = anchor_with(|file| {
            file.url = "a#sha256=evil".into();
            file.hashes.insert("sha512".into(), "00".into());
        });
        assert!(anchor.contains(r#"href="a#sha512=00""#), "{anchor}");
    }

    #[test]
    fn nothing_breaks_out() {
        let evil = "\"'><script>alert(1)</script><!-- &amp; \n\r\t`\u{0}\u{1b}\u{85}";
        let escaped = "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- &amp;amp; \
            &#xa;&#xd;&#x9;&#x60;\u{fffd}\u{fffd}\u{fffd}";
        let mut page = IndexPage::new(ProjectName::parse("a").unwrap());
        page.project_status = Some(ProjectStatus {
            state: ProjectState::Other(evil.into()),
            reason: Some(evil.into()),
            extra: Map::new(),
        });
        let mut file = IndexFile::new(FileName::parse("a\"'<b>&`.exe").unwrap(), evil.into());
        file.hashes.insert("sha256".into(), evil.into());
        file.requires_python = Some(evil.into());
        file.core_metadata = CoreMetadata::Hashes(file.hashes.clone());
        file.yanked = Yanked::Reason(evil.into());
        file.provenance = Some(evil.into());
        page.files.push(file);
        let html = page.to_html();
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches(escaped).count(), 9, "{html}");
        assert!(html.contains(">a&quot;&#x27;&lt;b&gt;&amp;&#x60;.exe</a>"), "{html}");
        assert_eq!(html.matches('<').count(), html.matches('>').count());
        assert!(html.contains(r#"<meta name="pypi:project-status-reason" content="&quot;"#), "{html}");
    }
}
