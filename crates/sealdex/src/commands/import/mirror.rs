//! A mirror's tree as bandersnatch lays it out: `web/simple/<project>/index.v1_json`, and the files the pages link to.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use sealdex_repository::{ImportedFile, Repository};
use sealdex_simple::{DistributionFilename, IndexFile, IndexPage, PageLimits, ProjectName};
use sealdex_tuf::digest::HashAlgorithm;
use url::Url;

use super::Source;
use super::batch::{Feed, Go, Place, Position};
use super::directory::{flush, go_on_with_others, name_of, shown, sorted};
use crate::failure::Failure;

/// The JSON page of a project.
const PAGE: &str = "index.v1_json";

/// Longest core metadata that is read.
const MAX_METADATA_BYTES: u64 = 5 * 1024 * 1024;

/// A mirror being read.
pub(super) struct Mirror {
    /// Where `simple/` lies.
    web: PathBuf,
    position: Position,
    read_bytes: u64,
}

impl Mirror {
    /// The mirror at `path` or in `path/web`, if there is one.
    pub(super) fn find(path: &Path) -> Option<Result<Self, Failure>> {
        let web = [path.join("web"), path.to_owned()].into_iter().find(|web| web.join("simple").is_dir())?;
        let open =
            || Ok(Self { web: std::path::absolute(web)?, position: Position::default(), read_bytes: 0 });
        Some(open())
    }

    /// Takes in the files of one project.
    fn project(&mut self, folder: &Path, name: &str, feed: &mut Feed) -> Result<(), Failure> {
        let page = match page(folder, name) {
            Ok(page) => page,
            Err(error) => {
                feed.add(Place::Path(name.to_owned()), Err(format!("{error:#}")));
                return Ok(());
            }
        };
        for listed in &page.files {
            let place = format!("{name}: {}", listed.filename);
            let file = imported(feed.repository(), &self.web, &page.name, listed);
            let file = file.map_or_else(go_on_with_others, |file| Ok(Ok(file)))?;
            self.read_bytes += file.as_ref().map_or(0, |file| file.length);
            feed.add(Place::Path(place), file);
        }
        Ok(())
    }
}

impl Source for Mirror {
    fn name(&self) -> String {
        name_of("mirror", &self.web)
    }

    fn go_on_from(&mut self, position: &str) -> Result<u64, Failure> {
        self.position = Position::read(position)?;
        Ok(self.position.refused)
    }

    fn place(&self) -> String {
        format!("behind {}", self.position.after.as_deref().unwrap_or("nothing"))
    }

    fn read(mut self: Box<Self>, mut feed: Feed) -> Result<(), Failure> {
        for entry in sorted(&self.web.join("simple"))? {
            let name = shown(Path::new(&entry.file_name()));
            if !entry.file_type()?.is_dir() || self.position.is_behind(Path::new(&name)) {
                continue;
            }
            self.project(&entry.path(), &name, &mut feed)?;
            self.position.after = Some(name);
            if feed.is_due() && flush(&mut feed, &self.position, self.read_bytes)? == Go::Home {
                return Ok(());
            }
        }
        flush(&mut feed, &self.position, self.read_bytes)?;
        Ok(())
    }
}

fn page(folder: &Path, name: &str) -> anyhow::Result<IndexPage> {
    let project = ProjectName::parse(name)?;
    let path = folder.join(PAGE);
    let limits = PageLimits::default();
    let length = match std::fs::metadata(&path) {
        Ok(page) => page.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("it has no {PAGE} (bandersnatch writes it with simple-format = ALL)")
        }
        Err(error) => return Err(error.into()),
    };
    ensure!(length <= limits.max_page_bytes as u64, "its {PAGE} is {length} bytes long");
    let page = IndexPage::from_json(&std::fs::read(&path)?, &limits)?;
    ensure!(page.name == project, "its page is of {}", page.name);
    Ok(page)
}

/// Copies a file to its place, if it is the one that the page lists.
fn imported(
    repository: &Repository,
    web: &Path,
    project: &ProjectName,
    listed: &IndexFile,
) -> anyhow::Result<ImportedFile> {
    let filename = DistributionFilename::parse_for(project, listed.filename.as_str())?;
    let path = local(web, project, &listed.url)?;
    let sha256 = listed.sha256().context("the page gives no sha256")?.to_ascii_lowercase();
    let file = File::open(&path).with_context(|| shown(&path))?;
    let modified = file.metadata()?.modified()?;
    let placed = repository.place_imported_file(&filename, file, |received| {
        let found = received.sha256();
        ensure!(found == sha256, "it has sha256 {found}, the page lists {sha256}");
        let size = listed.size.unwrap_or(received.length());
        ensure!(received.length() == size, "it is {} bytes long, the page lists {size}", received.length());
        core_metadata(&path, listed)
    })?;
    let upload_time = match &listed.upload_time {
        Some(time) => time.parse().context("its upload-time")?,
        None => Timestamp::try_from(modified).context("its modification time")?,
    };
    Ok(ImportedFile {
        sha256: placed.sha256,
        length: placed.length,
        upload_time,
        requires_python: listed.requires_python.clone(),
        yanked: listed.yanked.clone(),
        core_metadata_sha256: placed.core_metadata_sha256,
        url: None,
        filename,
    })
}

/// The core metadata beside a file, if the page promises it and it is the one promised.
fn core_metadata(path: &Path, listed: &IndexFile) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(sha256) = listed.core_metadata.sha256() else { return Ok(None) };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".metadata");
    let beside = PathBuf::from(beside);
    let Ok(there) = std::fs::metadata(&beside) else { return Ok(None) };
    ensure!(there.len() <= MAX_METADATA_BYTES, "its core metadata is {} bytes long", there.len());
    let bytes = std::fs::read(&beside)?;
    let found = HashAlgorithm::Sha256.hex_digest(&bytes);
    ensure!(
        found.eq_ignore_ascii_case(sha256),
        "its core metadata has sha256 {found}, the page lists {sha256}"
    );
    Ok(Some(bytes))
}

/// The file that a page's relative URL means.
fn local(web: &Path, project: &ProjectName, url: &str) -> anyhow::Result<PathBuf> {
    let outside = || anyhow::anyhow!("the page links to {}, which is not in this mirror", url.escape_debug());
    let page = Url::from_directory_path(web.join("simple").join(project.as_str())).map_err(|()| outside())?;
    let link = page.join(url).map_err(|_| outside())?;
    ensure!(link.scheme() == "file" && link.host().is_none(), outside());
    let path = link.to_file_path().map_err(|()| outside())?;
    let below = path.strip_prefix(web).map_err(|_| outside())?;
    ensure!(below.components().all(|part| matches!(part, Component::Normal(_))), outside());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_the_mirror() {
        let web = Path::new("/mirror/web");
        let project = ProjectName::parse("six").unwrap();
        let found = local(web, &project, "../../packages/aa/bb/six-1.0%2Bx.tar.gz#sha256=ab").unwrap();
        assert_eq!(found, web.join("packages/aa/bb/six-1.0+x.tar.gz"));
        for url in [
            "../../../etc/passwd",
            "../../packages/%2e%2e/%2e%2e/x",
            "file:///etc/passwd",
            "//h/x",
            "https://h/x",
        ] {
            assert!(local(web, &project, url).is_err(), "{url}");
        }
    }
}
