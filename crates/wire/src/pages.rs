//! Index pages: what is fetched beside the metadata, whatever the layout.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealdex_simple::layout::relative_file_url;
use sealdex_simple::{CoreMetadata, FileName, IndexFile, IndexPage, ProjectName, Yanked};
use sealdex_tuf::digest::sha256;
use sealdex_workload::{File, Population, Upload};

use crate::encoding::Lengths;
use crate::moment::{Away, NOW};

/// The lengths of a project's page, with the uploads to it.
///
/// # Errors
/// A name that is none, which the workload never makes.
pub fn measure(population: &Population, project: u32, uploads: &[Upload]) -> anyhow::Result<Lengths> {
    let now = page(population, project, uploads, NOW)?;
    let mut then: [Option<Vec<u8>>; 4] = Default::default();
    for away in Away::ALL {
        if uploads.iter().any(|upload| upload.at > away.moment()) {
            then[away.index()] = Some(page(population, project, uploads, away.moment())?);
        }
    }
    Lengths::of(&now, std::array::from_fn(|away| then[away].as_deref()))
}

/// A page as the repository makes it (PEP 691, PEP 700), core metadata listed for wheels.
fn page(
    population: &Population,
    number: u32,
    uploads: &[Upload],
    until: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let project = population.project(number);
    let name = ProjectName::parse(&project.name)?;
    let mut page = IndexPage::new(name.clone());
    page.last_serial = Some(uploads.len() as u64);
    for release in project.all_releases() {
        for file in release.files() {
            page.files.push(index_file(&name, &file)?);
        }
        page.versions.push(release.version);
    }
    for upload in uploads.iter().filter(|upload| upload.at <= until) {
        if let Some((_, file)) = upload.file(population) {
            page.files.push(index_file(&name, &file)?);
        }
        page.versions.push(project.release_at(upload.release, upload.released_at).version);
    }
    Ok(page.to_json())
}

fn index_file(project: &ProjectName, file: &File) -> anyhow::Result<IndexFile> {
    let filename = FileName::parse(&file.filename)?;
    let sidecar = || BTreeMap::from([("sha256".to_owned(), hex::encode(sha256(&file.sha256)))]);
    Ok(IndexFile {
        url: relative_file_url(project, &filename),
        core_metadata: match file.filename.ends_with(".whl") {
            true => CoreMetadata::Hashes(sidecar()),
            false => CoreMetadata::Absent,
        },
        filename,
        hashes: BTreeMap::from([("sha256".to_owned(), hex::encode(file.sha256))]),
        size: Some(file.size),
        upload_time: Some(file.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()),
        requires_python: file.requires_python.map(str::to_owned),
        yanked: if file.yanked { Yanked::Yes } else { Yanked::No },
        gpg_sig: None,
        provenance: None,
        extra: serde_json::Map::new(),
    })
}
