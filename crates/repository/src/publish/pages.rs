//! A project's page, made anew from its rows.
//!
//! As on PyPI, a project whose last file was removed keeps a page with an empty list of files (a client learns that the
//! project is known and has nothing, signed, instead of an absence), and `versions` keeps the versions whose files were
//! removed (PEP 700: all versions, those without files included).

use std::collections::{BTreeMap, BTreeSet};

use sealdex_simple::layout::relative_file_url;
use sealdex_simple::{CoreMetadata, FileName, IndexFile, IndexPage, PageLimits, ProjectName, Yanked};
use serde_json::Map;

use crate::error::Error;
use crate::store::DistributionRow;

/// The page of `project`, and its serial: the number of the last transaction that changed it.
pub(crate) fn build_page(
    project: &ProjectName,
    distributions: &[DistributionRow],
) -> Result<(IndexPage, u64), Error> {
    let mut page = IndexPage::new(project.clone());
    let versions: BTreeSet<&str> = distributions.iter().map(|row| row.version.as_str()).collect();
    page.versions = versions.into_iter().map(str::to_owned).collect();
    let serial = distributions.iter().map(|row| row.changed_by).max().unwrap_or(0);
    page.last_serial = Some(serial);
    let present = distributions.iter().filter(|row| !row.removed);
    page.files = present.map(|row| index_file(project, row)).collect::<Result<_, Error>>()?;
    Ok((page, serial))
}

/// What a page says of a distribution.
pub(super) fn index_file(project: &ProjectName, row: &DistributionRow) -> Result<IndexFile, Error> {
    let filename = FileName::parse(&row.filename)?;
    Ok(IndexFile {
        url: row.url.clone().unwrap_or_else(|| relative_file_url(project, &filename)),
        filename,
        hashes: BTreeMap::from([("sha256".to_owned(), row.sha256.clone())]),
        size: Some(row.length),
        upload_time: Some(row.uploaded_at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()),
        requires_python: row.requires_python.clone(),
        yanked: match &row.yanked {
            None => Yanked::No,
            Some(None) => Yanked::Yes,
            Some(Some(reason)) => Yanked::Reason(reason.clone()),
        },
        core_metadata: match &row.sidecar_sha256 {
            None => CoreMetadata::Absent,
            Some(sha256) => CoreMetadata::Hashes(BTreeMap::from([("sha256".to_owned(), sha256.clone())])),
        },
        gpg_sig: None,
        provenance: None,
        extra: Map::new(),
    })
}

/// A page that says this of a distribution can be read by clients: one that cannot would take the project's other files
/// away with it.
pub(crate) fn check_readable(project: &ProjectName, row: &DistributionRow) -> Result<(), Error> {
    Ok(index_file(project, row)?.check(&PageLimits::default())?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn row(filename: &str, version: &str) -> DistributionRow {
        DistributionRow {
            project: "six".to_owned(),
            filename: filename.to_owned(),
            version: version.to_owned(),
            sha256: "ab".repeat(32),
            length: 7,
            sidecar_sha256: None,
            requires_python: None,
            uploaded_at: Timestamp::UNIX_EPOCH,
            yanked: None,
            removed: false,
            url: None,
            changed_by: 3,
        }
    }

    #[test]
    fn pages_have_the_fields_of_pep_700() {
        let project = ProjectName::parse("six").unwrap();
        let wheel = DistributionRow {
            sidecar_sha256: Some("ef".repeat(32)),
            requires_python: Some(">=3.9".to_owned()),
            yanked: Some(Some("broken".to_owned())),
            changed_by: 9,
            ..row("six-1.1-py3-none-any.whl", "1.1")
        };
        let (page, serial) = build_page(&project, &[row("six-1.0.tar.gz", "1.0"), wheel]).unwrap();
        assert_eq!(serial, 9);
        let json = page.to_json();
        let read = IndexPage::from_json(&json, &PageLimits::default()).unwrap();
        assert_eq!(read, page);
        let text = String::from_utf8(json).unwrap();
        for part in [
            r#""upload-time":"1970-01-01T00:00:00.000000Z""#,
            r#""size":7"#,
            r#""versions":["1.0","1.1"]"#,
            r#""url":"../../files/six/six-1.0.tar.gz""#,
            r#""yanked":"broken""#,
            r#""requires-python":">=3.9""#,
            r#""_last-serial":9"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn the_last_file_leaves_an_empty_page() {
        let project = ProjectName::parse("six").unwrap();
        let removed = DistributionRow { removed: true, ..row("six-1.0.tar.gz", "1.0") };
        let (page, _) = build_page(&project, &[removed]).unwrap();
        assert!(page.files.is_empty());
        assert_eq!(page.versions, ["1.0"]);
    }
}
