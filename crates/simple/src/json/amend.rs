//! A page changed in a few files, without reading what it says of the others.
//!
//! Projects with thousands of files get a new page with each of them. What the page said of the files before is taken
//! over as it is written; a test holds the result against the page made as a whole.

use std::str::FromStr as _;

use memchr::memmem;
use pep440_rs::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::write::{FileEntry, Member, Members};
use crate::page::IndexFile;
use crate::{DistributionFilename, FileName, ProjectName};

/// What becomes of a file of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Amendment {
    /// It is added, or takes the place of what the page said of it. It has a size and no provenance.
    Put(Box<IndexFile>),
    /// It is not listed any more.
    Remove(FileName),
}

/// A page of what PEP 700 asks for, as [`crate::IndexPage::to_json`] writes it; nothing else is read here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    files: Vec<&'a RawValue>,
    meta: Meta<'a>,
    name: &'a str,
    versions: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta<'a> {
    #[serde(rename = "_last-serial")]
    _last_serial: Option<u64>,
    #[serde(rename = "api-version")]
    api_version: &'a str,
}

/// All that is read of a file.
#[derive(Deserialize)]
struct Named<'a> {
    filename: &'a str,
}

/// The version of the API of pages whose files all have a size, and that say nothing that is newer.
const API_VERSION: &str = "1.1";

/// The page with these files changed, each of them once, these versions added, and this serial: the bytes that
/// [`crate::IndexPage::to_json`] gives for all of it. `None`: it is not a page of `project` that can be changed so; make
/// it anew.
#[must_use]
pub fn amend_page(
    page: &[u8],
    project: &ProjectName,
    amendments: &[Amendment],
    versions: &[&str],
    last_serial: u64,
) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(page).ok()?;
    let Written { files, meta, name, versions: mut all_versions } = serde_json::from_str(text).ok()?;
    if name != project.as_str() || meta.api_version != API_VERSION {
        return None;
    }
    let mut files: Vec<FileEntry<'_>> = files.into_iter().map(FileEntry::Written).collect();
    for amendment in amendments {
        let filename = match amendment {
            Amendment::Put(file) if file.size.is_none() || file.provenance.is_some() => return None,
            Amendment::Put(file) => &file.filename,
            Amendment::Remove(filename) => filename,
        };
        let place = place(&files, project, filename)?;
        // If it is listed, it must have been found: in a page in another order it would be listed twice.
        let listed = format!("\"filename\":{}", serde_json::to_string(filename.as_str()).ok()?);
        if memmem::find(page, listed.as_bytes()).is_some() != place.is_ok() {
            return None;
        }
        match (amendment, place) {
            (Amendment::Put(file), Ok(at)) => files[at] = FileEntry::Whole(file),
            (Amendment::Put(file), Err(at)) => files.insert(at, FileEntry::Whole(file)),
            (Amendment::Remove(_), Ok(at)) => drop(files.remove(at)),
            (Amendment::Remove(_), Err(_)) => {}
        }
    }
    for version in versions {
        let key = |version: &str| Version::from_str(version).ok();
        let new = (key(version), *version);
        if let Err(at) = all_versions.binary_search_by(|there| (key(there), *there).cmp(&new)) {
            all_versions.insert(at, version);
        }
    }
    let meta = json!({ "_last-serial": last_serial, "api-version": API_VERSION });
    let none = Map::new();
    let mut top = Members::new(&none, &[]);
    top.add("files", Member::Files(&files));
    top.add("meta", Member::Value(&meta));
    top.add("name", Member::Text(project.as_str()));
    top.add("versions", Member::Texts(&all_versions));
    Some(top.to_json(page.len() + 400 * amendments.len()))
}

/// Where a file is, or belongs, among files in the order of [`crate::IndexPage::sorted_files`].
fn place(
    files: &[FileEntry<'_>],
    project: &ProjectName,
    filename: &FileName,
) -> Option<Result<usize, usize>> {
    let version = |filename: &str| {
        DistributionFilename::parse_for(project, filename).ok().map(|parsed| parsed.version().clone())
    };
    let wanted = (version(filename.as_str()), filename.as_str());
    let (mut low, mut high) = (0, files.len());
    while low < high {
        let middle = low.midpoint(high);
        let found = match &files[middle] {
            FileEntry::Whole(file) => file.filename.as_str(),
            FileEntry::Written(text) => serde_json::from_str::<Named<'_>>(text.get()).ok()?.filename,
        };
        match (version(found), found).cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Equal => return Some(Ok(middle)),
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Some(Err(low))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{CoreMetadata, IndexPage, Yanked};

    fn file(version: u8, kind: u8, number: u64) -> IndexFile {
        let filename = match kind {
            0 => format!("holy_grail-{version}.0.tar.gz"),
            1 => format!("holy_grail-{version}.0-py3-none-any.whl"),
            _ => format!("holy_grail-{version}.0rc1-py3-none-any.whl"),
        };
        let filename = FileName::parse(&filename).unwrap();
        IndexFile {
            hashes: BTreeMap::from([("sha256".to_owned(), format!("{number:064x}"))]),
            size: Some(number),
            requires_python: number.is_multiple_of(2).then(|| ">=3.9, \"filename\":\"x\" },{".to_owned()),
            yanked: if number.is_multiple_of(3) {
                Yanked::Reason("\\\"é},{".to_owned())
            } else {
                Yanked::No
            },
            core_metadata: CoreMetadata::Absent,
            ..IndexFile::new(filename.clone(), format!("../../files/holy-grail/{filename}"))
        }
    }

    fn page(files: Vec<IndexFile>, versions: &[String]) -> IndexPage {
        let mut page = IndexPage::new(project());
        page.files = files;
        page.versions = versions.to_vec();
        page.last_serial = Some(7);
        page
    }

    fn project() -> ProjectName {
        ProjectName::parse("holy-grail").unwrap()
    }

    fn files() -> impl Strategy<Value = BTreeMap<(u8, u8), u64>> {
        prop::collection::btree_map((0..12_u8, 0..3_u8), 0..1000_u64, 0..12)
    }

    proptest! {
        #[test]
        fn it_is_the_page_made_as_a_whole(before in files(), put in files(), remove in files()) {
            let versions = |files: &BTreeMap<(u8, u8), u64>| -> Vec<String> {
                files.keys().map(|(version, _)| format!("{version}.0")).collect()
            };
            let made = |files: &BTreeMap<(u8, u8), u64>| {
                files.iter().map(|((version, kind), number)| file(*version, *kind, *number)).collect()
            };
            let old = page(made(&before), &versions(&before)).to_json();
            let mut after = before.clone();
            let mut amendments = Vec::new();
            for ((version, kind), number) in &put {
                after.insert((*version, *kind), *number);
                amendments.push(Amendment::Put(Box::new(file(*version, *kind, *number))));
            }
            for key in remove.keys().filter(|key| !put.contains_key(*key)) {
                after.remove(key);
                amendments.push(Amendment::Remove(file(key.0, key.1, 0).filename));
            }
            let mut all = versions(&before);
            all.extend(versions(&put));
            let mut expected = page(made(&after), &all);
            expected.last_serial = Some(9);
            let put = versions(&put);
            let put: Vec<&str> = put.iter().map(String::as_str).collect();
            let found = amend_page(&old, &project(), &amendments, &put, 9).unwrap();
            prop_assert_eq!(String::from_utf8(found), String::from_utf8(expected.to_json()));
        }
    }

    #[test]
    fn other_pages_are_left_alone() {
        let new = [Amendment::Put(Box::new(file(2, 0, 5)))];
        let good = page(vec![file(1, 0, 1), file(2, 0, 2), file(3, 0, 3)], &[]);
        let amend = |json: &[u8], new: &[Amendment]| amend_page(json, &project(), new, &["2.0"], 9);
        assert!(amend(&good.to_json(), &new).is_some());
        assert!(amend(&good.to_json()[1..], &new).is_none());
        let other = ProjectName::parse("holy").unwrap();
        assert!(amend_page(&good.to_json(), &other, &new, &[], 9).is_none());

        let mut newer = good.clone();
        newer.extra.insert("alternate-locations".to_owned(), json!([]));
        assert!(amend(&newer.to_json(), &new).is_none());
        let mut older = good.clone();
        older.files[0].size = None;
        assert!(amend(&older.to_json(), &new).is_none());
        let mut sizeless = file(2, 0, 5);
        sizeless.size = None;
        assert!(amend(&good.to_json(), &[Amendment::Put(Box::new(sizeless))]).is_none());

        // In another order the file is not where it is looked for.
        let text = String::from_utf8(good.to_json()).unwrap();
        let (second, third) = ("holy_grail-2.0.tar.gz", "holy_grail-3.0.tar.gz");
        let swapped = text.replace(second, "#").replace(third, second).replace('#', third);
        assert!(amend(swapped.as_bytes(), &new).is_none());
    }
}
