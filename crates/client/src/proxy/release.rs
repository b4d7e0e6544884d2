//! `GET /pypi/<project>/json` and `/pypi/<project>/<version>/json`: what is known of a release, from verified data alone.
//!
//! poetry takes a release's dependencies from here. They are those of the core metadata that the signed page vouches for;
//! an index that says something else is not even asked.

use std::str::FromStr as _;
use std::sync::Arc;

use http::StatusCode;
use http::header::CACHE_CONTROL;
use pep440_rs::Version;
use sealdex_simple::{
    ArchiveLimits, DistributionFilename, DistributionKind, DistributionMetadata, IndexFile, IndexPage,
    ProjectName, Yanked,
};
use serde_json::{Value, json};
use url::Url;

use super::answer::Answer;
use super::page::verified_page;
use super::routes::not_found;
use super::sidecar;
use super::state::State;
use crate::error::Error;
use crate::policy::nothing_left;

/// Where a file of a project is to be had.
pub(super) type FileUrl<'a> = &'a (dyn Fn(&ProjectName, &IndexFile) -> Option<Url> + Sync);

pub(super) async fn answer(
    state: &Arc<State>,
    project: &ProjectName,
    version: Option<&str>,
    file_url: FileUrl<'_>,
) -> Answer {
    match document(state, project, version, file_url).await {
        Ok(Some(document)) => Answer::bytes(StatusCode::OK, "application/json", document.to_string().into())
            .header(CACHE_CONTROL, "no-cache"),
        Ok(None) => not_found(),
        Err(error) => Answer::refused(&state.refuse(Some(project), None, &error)),
    }
}

/// A file of a release, and what its name says.
type ReleaseFile<'a> = (&'a IndexFile, DistributionFilename);

async fn document(
    state: &Arc<State>,
    project: &ProjectName,
    version: Option<&str>,
    file_url: FileUrl<'_>,
) -> Result<Option<Value>, Arc<Error>> {
    let Some((page, policies)) = verified_page(state, project).await? else { return Ok(None) };
    let (page, left_out) = policies.admitted(page.page(), state.client().now());
    if page.files.is_empty() && !left_out.is_empty() {
        return Err(Arc::new(nothing_left(&left_out).forbidden(project.as_str())));
    }
    let Some((version, files)) = release(&page, version) else { return Ok(None) };
    let metadata = core_metadata(state, project, &files).await?;
    let urls: Vec<Value> = files.iter().filter_map(|file| file_entry(file_url, project, file)).collect();
    let yanked = files.iter().all(|(file, _)| file.yanked.is_yanked());
    let reason = files.iter().find_map(|(file, _)| yanked_reason(&file.yanked)).filter(|_| yanked);
    let requires_python = files.iter().find_map(|(file, _)| file.requires_python.clone());
    Ok(Some(json!({
        "info": {
            "name": metadata.as_ref().map_or(project.as_str(), |metadata| &metadata.name),
            "version": version.to_string(),
            "summary": metadata.as_ref().and_then(|metadata| metadata.summary.clone()).unwrap_or_default(),
            "requires_python": requires_python,
            // Without verified core metadata nothing is said: who wants to know has to look into the file.
            "requires_dist": metadata.as_ref().map(|metadata| &metadata.requires_dist),
            "provides_extra": metadata.as_ref().map(|metadata| &metadata.provides_extra),
            "yanked": yanked,
            "yanked_reason": reason,
        },
        "last_serial": page.last_serial,
        "urls": urls,
        "vulnerabilities": [],
    })))
}

/// The release asked for; without a version, the latest that is neither yanked nor a pre-release, if there is one.
fn release<'a>(page: &'a IndexPage, version: Option<&str>) -> Option<(Version, Vec<ReleaseFile<'a>>)> {
    let read = |file: &'a IndexFile| {
        Some((file, DistributionFilename::parse_for(&page.name, file.filename.as_str()).ok()?))
    };
    let files: Vec<ReleaseFile<'_>> = page.files.iter().filter_map(read).collect();
    let wanted = match version {
        Some(text) => Version::from_str(text).ok()?,
        None => {
            let rank = |(file, name): &ReleaseFile<'_>| {
                (!file.yanked.is_yanked(), !name.version().any_prerelease(), name.version().clone())
            };
            files.iter().map(rank).max()?.2
        }
    };
    let files: Vec<_> = files.into_iter().filter(|(_, name)| *name.version() == wanted).collect();
    (!files.is_empty()).then_some((wanted, files))
}

/// The core metadata of the release: of a wheel if one has any, as it is what gets installed.
async fn core_metadata(
    state: &Arc<State>,
    project: &ProjectName,
    files: &[ReleaseFile<'_>],
) -> Result<Option<DistributionMetadata>, Arc<Error>> {
    let mut described: Vec<_> =
        files.iter().filter(|(file, _)| file.core_metadata.sha256().is_some()).collect();
    described.sort_by_key(|(file, name)| (name.kind() != DistributionKind::Wheel, &file.filename));
    let Some((file, name)) = described.first() else { return Ok(None) };
    let Some((_, bytes)) = sidecar::verified(state, project, file).await? else { return Ok(None) };
    let limits = ArchiveLimits::default();
    let metadata = DistributionMetadata::parse(bytes, name, &limits)
        .map_err(|source| Error::Page { project: project.to_string(), source })?;
    Ok(Some(metadata))
}

fn file_entry(file_url: FileUrl<'_>, project: &ProjectName, (file, name): &ReleaseFile<'_>) -> Option<Value> {
    let mut url = file_url(project, file)?;
    url.set_fragment(None);
    let (packagetype, python_version) = match name.kind() {
        DistributionKind::Wheel => ("bdist_wheel", python_tag(file.filename.as_str())),
        DistributionKind::SourceDistribution => ("sdist", "source"),
    };
    Some(json!({
        "filename": file.filename,
        "url": url.as_str(),
        "digests": file.hashes,
        "size": file.size,
        "packagetype": packagetype,
        "python_version": python_version,
        "requires_python": file.requires_python,
        "upload_time_iso_8601": file.upload_time,
        "yanked": file.yanked.is_yanked(),
        "yanked_reason": yanked_reason(&file.yanked),
    }))
}

/// `name-version(-build)?-PYTHON-abi-platform.whl`
fn python_tag(wheel: &str) -> &str {
    wheel.rsplit('-').nth(2).unwrap_or_default()
}

fn yanked_reason(yanked: &Yanked) -> Option<&str> {
    match yanked {
        Yanked::Reason(reason) => Some(reason),
        Yanked::No | Yanked::Yes => None,
    }
}

#[cfg(test)]
mod tests {
    use sealdex_simple::FileName;

    use super::*;

    fn page(files: &[(&str, Yanked)]) -> IndexPage {
        let mut page = IndexPage::new(ProjectName::parse("a").unwrap());
        for (name, yanked) in files {
            let mut file = IndexFile::new(FileName::parse(name).unwrap(), (*name).to_owned());
            file.yanked = yanked.clone();
            page.files.push(file);
        }
        page
    }

    #[test]
    fn the_latest_release_is_one_that_would_be_chosen() {
        let page = page(&[
            ("a-1.0.tar.gz", Yanked::No),
            ("a-1.9.tar.gz", Yanked::No),
            ("a-1.10-py3-none-any.whl", Yanked::No),
            ("a-1.10.tar.gz", Yanked::No),
            ("a-2.0rc1.tar.gz", Yanked::No),
            ("a-3.0.tar.gz", Yanked::Yes),
            ("a-9.exe", Yanked::No),
        ]);
        let found = |version: Option<&str>| {
            release(&page, version).map(|(version, files)| (version.to_string(), files.len()))
        };
        assert_eq!(found(None), Some(("1.10".to_owned(), 2)));
        assert_eq!(found(Some("1.9.0")).map(|(_, files)| files), Some(1));
        assert_eq!(found(Some("3.0")).map(|(_, files)| files), Some(1));
        assert_eq!(found(Some("4.0")), None);
        assert_eq!(found(Some("..")), None);
    }

    #[test]
    fn only_bad_releases_are_better_than_none() {
        let found = |files: &[(&str, Yanked)]| release(&page(files), None).map(|found| found.0.to_string());
        assert_eq!(
            found(&[("a-1.0rc1.tar.gz", Yanked::No), ("a-1.0.tar.gz", Yanked::Yes)]).unwrap(),
            "1.0rc1"
        );
        assert_eq!(found(&[("a-1.0.tar.gz", Yanked::Yes)]).unwrap(), "1.0");
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_python_tag_of_a_wheel() {
        assert_eq!(python_tag("a-1.0-py3-none-any.whl"), "py3");
        assert_eq!(python_tag("a-1.0-1-cp311-cp311-linux_x86_64.whl"), "cp311");
    }
}
