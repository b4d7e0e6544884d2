//! Which URLs the repository answers for, and what each asks for.

use sealdex_simple::{DistributionFilename, IndexFile, ProjectName};
use url::Url;

use crate::name::RepositoryUrl;

/// Readings of one file name that are looked up; a source distribution's name can be read in several ways.
const MAX_CANDIDATES: usize = 8;

/// The indexes that the repository stands for, by the URL under which their pages are: `https://index.example/simple/`.
#[derive(Clone, Debug)]
pub(super) struct Indexes(Vec<RepositoryUrl>);

/// What a URL asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The list of all projects.
    ProjectList,
    /// A project's page, under its one URL.
    Page(ProjectName),
    /// A project's page under another name of the project, without the slash at its end or with a second one before the
    /// name; it is at this path.
    PageElsewhere(String),
    /// What is known of a project, or of one of its releases: `/pypi/<project>/json`, beside the pages.
    Release(ProjectName, Option<String>),
    /// A file, or what is served beside one, whose project is one of these.
    File(Vec<ProjectName>, String),
    /// Nothing that an index has.
    Other,
}

impl Indexes {
    pub(super) fn new(urls: Vec<RepositoryUrl>) -> Self {
        Self(urls)
    }

    /// What `url` asks for. Files are asked for on any host: an index may keep them anywhere.
    pub(super) fn asked(&self, url: &Url) -> Asked {
        if let Some((projects, filename)) = file(url) {
            return Asked::File(projects, filename);
        }
        let asked = self.0.iter().filter(|index| same_host(index.as_url(), url)).find_map(|index| {
            let index = index.as_url().path();
            page(index, url.path()).or_else(|| release(index, url.path()))
        });
        asked.unwrap_or(Asked::Other)
    }

    /// Whether an index is on the host of `url`.
    pub(super) fn are_on_host_of(&self, url: &Url) -> bool {
        self.0.iter().any(|index| same_host(index.as_url(), url))
    }

    /// Whether `url` is where the page of `project`, read at one of the indexes, says that `file` is.
    pub(super) fn list(&self, project: &ProjectName, file: &IndexFile, url: &Url) -> bool {
        self.0.iter().any(|index| {
            file_url(index, project, file).is_some_and(|listed| {
                same_host(&listed, url) && file_name_aside(listed.path()) == file_name_aside(url.path())
            })
        })
    }

    /// The index that is asked, if it is for a project's page or release: on one host there may be several.
    pub(super) fn asked_at(&self, url: &Url) -> Option<&RepositoryUrl> {
        let has = |index: &&RepositoryUrl| {
            let (own, path) = (index.as_url().path(), url.path());
            same_host(index.as_url(), url) && page(own, path).or_else(|| release(own, path)).is_some()
        };
        self.0.iter().find(has)
    }
}

/// Where the page of `project`, read at `index`, says that `file` is.
pub(super) fn file_url(index: &RepositoryUrl, project: &ProjectName, file: &IndexFile) -> Option<Url> {
    index.folder(project.as_str()).as_url().join(&file.url).ok()
}

/// Whether two URLs are on the same host and port. Plain `http` to the host of an `https` index is the same place: both
/// are answered from verified data.
fn same_host(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port() == other.port()
}

/// A path's folder. The name in it is known to be the file's, which may be spelled with other escapes.
fn file_name_aside(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

fn page(index: &str, path: &str) -> Option<Asked> {
    let rest = path.strip_prefix(index)?;
    if rest.is_empty() {
        return Some(Asked::ProjectList);
    }
    // pipenv asks for `/simple//six/` where its source ends with a slash.
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let name = rest.strip_suffix('/').unwrap_or(rest);
    let project = ProjectName::parse(name).ok()?;
    let own = format!("{index}{project}/");
    Some(if own == path { Asked::Page(project) } else { Asked::PageElsewhere(own) })
}

fn release(index: &str, path: &str) -> Option<Asked> {
    let (parent, _) = index.strip_suffix('/')?.rsplit_once('/')?;
    let rest = path.strip_prefix(parent)?.strip_prefix("/pypi/")?;
    let segments: Vec<&str> = rest.split('/').collect();
    match *segments.as_slice() {
        [name, "json"] => Some(Asked::Release(ProjectName::parse(name).ok()?, None)),
        [name, version, "json"] => {
            Some(Asked::Release(ProjectName::parse(name).ok()?, Some(version.to_owned())))
        }
        _ => None,
    }
}

/// The file that a URL ends in, by its name; its project is said by the name, or by the folder it is in.
pub(in crate::proxy) fn file(url: &Url) -> Option<(Vec<ProjectName>, String)> {
    let mut segments = url.path_segments()?.rev();
    let filename = crate::proxy::request::percent_decode(segments.next()?)?;
    let base = filename.strip_suffix(".metadata").unwrap_or(&filename);
    let stem = [".whl", ".tar.gz", ".zip"].iter().find_map(|suffix| base.strip_suffix(suffix))?;
    let mut projects: Vec<ProjectName> = Vec::new();
    let mut add = |project: ProjectName| {
        if !projects.contains(&project) && projects.len() < MAX_CANDIDATES {
            projects.push(project);
        }
    };
    // The folder first: `files/<project>/<file>`.
    if let Some(folder) = segments.next().and_then(|folder| ProjectName::parse(folder).ok())
        && DistributionFilename::parse_for(&folder, base).is_ok()
    {
        add(folder);
    }
    let readings = stem.match_indices('-').filter_map(|(hyphen, _)| ProjectName::parse(&stem[..hyphen]).ok());
    readings.filter(|project| DistributionFilename::parse_for(project, base).is_ok()).for_each(&mut add);
    (!projects.is_empty()).then_some((projects, filename))
}

#[cfg(test)]
mod tests {
    use sealdex_simple::FileName;

    use super::*;

    fn indexes() -> Indexes {
        let urls = ["https://index.example/simple/", "http://127.0.0.1:8080/root/+simple/"];
        Indexes::new(urls.map(|url| RepositoryUrl::parse(url).unwrap()).into())
    }

    fn project(name: &str) -> ProjectName {
        ProjectName::parse(name).unwrap()
    }

    #[test]
    fn each_url_asks_for_one_thing() {
        let release = |version: Option<&str>| Asked::Release(project("a"), version.map(str::to_owned));
        let file = |name: &str| Asked::File(vec![project("holy-grail")], name.to_owned());
        let wheel = "holy_grail-1.0-py3-none-any.whl";
        let table = [
            ("https://index.example/simple/", Asked::ProjectList),
            ("https://index.example/simple/a/", Asked::Page(project("a"))),
            ("https://INDEX.example:443/simple/a/?x=y", Asked::Page(project("a"))),
            ("http://index.example/simple/a/", Asked::Page(project("a"))),
            ("https://index.example/other/../simple/a/", Asked::Page(project("a"))),
            ("https://index.example/simple/A_b/", Asked::PageElsewhere("/simple/a-b/".to_owned())),
            ("https://index.example/simple/a", Asked::PageElsewhere("/simple/a/".to_owned())),
            ("https://index.example/simple//a/", Asked::PageElsewhere("/simple/a/".to_owned())),
            ("https://index.example/simple//", Asked::Other),
            ("https://index.example/simple///a/", Asked::Other),
            ("http://127.0.0.1:8080/root/+simple/a/", Asked::Page(project("a"))),
            ("http://127.0.0.1:8080/root/pypi/a/json", release(None)),
            ("https://index.example/pypi/A/json", release(None)),
            ("https://index.example/pypi/a/1.0/json", release(Some("1.0"))),
            ("https://index.example/pypi/a/1.0/x/json", Asked::Other),
            ("https://index.example/pypi/a/", Asked::Other),
            ("https://index.example:8443/simple/a/", Asked::Other),
            ("https://index.example.evil.example/simple/a/", Asked::Other),
            ("https://evil.example/simple/a/", Asked::Other),
            ("https://index.example/simplex/", Asked::Other),
            ("https://index.example/simple/a/b/", Asked::Other),
            (&format!("https://files.example/packages/aa/{wheel}"), file(wheel)),
            (
                &format!("https://files.example/packages/aa/{wheel}.metadata"),
                file(&format!("{wheel}.metadata")),
            ),
            ("https://files.example/holy-grail-1.0.tar.gz", file("holy-grail-1.0.tar.gz")),
            ("https://files.example/holy%2Dgrail-1.0.tar.gz", file("holy-grail-1.0.tar.gz")),
            ("https://files.example/a.tar.gz", Asked::Other),
            ("https://files.example/a-1.0.exe", Asked::Other),
        ];
        for (url, expected) in table {
            assert_eq!(indexes().asked(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn of_several_indexes_on_one_host_the_one_that_is_asked_is_known() {
        let urls = ["https://host.example/one/simple/", "https://host.example/two/simple/"];
        let indexes = Indexes::new(urls.map(|url| RepositoryUrl::parse(url).unwrap()).into());
        let asked_at = |url: &str| indexes.asked_at(&Url::parse(url).unwrap()).map(ToString::to_string);
        for (url, expected) in [
            ("https://host.example/one/simple/a/", Some(urls[0])),
            ("https://host.example/two/simple/a/", Some(urls[1])),
            ("https://host.example/two/pypi/a/json", Some(urls[1])),
            ("https://host.example/three/simple/a/", None),
        ] {
            assert_eq!(asked_at(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_name_that_can_be_read_in_several_ways_is_read_in_all() {
        let asked = |url: &str| indexes().asked(&Url::parse(url).unwrap());
        let name = "a-1-2.tar.gz".to_owned();
        let both = vec![project("a"), project("a-1")];
        assert_eq!(asked("https://f.example/x/a-1-2.tar.gz"), Asked::File(both, name.clone()));
        // The folder of our own servers says which.
        let folder_first = vec![project("a-1"), project("a")];
        assert_eq!(asked("https://f.example/files/a-1/a-1-2.tar.gz"), Asked::File(folder_first, name));
        let Asked::File(projects, _) = asked("https://f.example/a-1-post-1-dev-1.tar.gz") else { panic!() };
        assert_eq!(projects, ["a", "a-1-post", "a-1-post-1-dev"].map(project));
    }

    #[test]
    fn a_file_is_where_a_page_lists_it() {
        let name = FileName::parse("a-1.0.tar.gz").unwrap();
        let listed = |listed: &str, url: &str| {
            let file = IndexFile::new(name.clone(), listed.to_owned());
            indexes().list(&project("a"), &file, &Url::parse(url).unwrap())
        };
        let absolute = "https://files.example/aa/bb/a-1.0.tar.gz#sha256=00";
        assert!(listed(absolute, "https://files.example/aa/bb/a-1.0.tar.gz"));
        assert!(listed(absolute, "http://files.example/aa/bb/a-1.0.tar.gz.metadata"));
        assert!(!listed(absolute, "https://files.example/aa/cc/a-1.0.tar.gz"));
        assert!(!listed(absolute, "https://evil.example/aa/bb/a-1.0.tar.gz"));
        let relative = "../../files/a/a-1.0.tar.gz";
        assert!(listed(relative, "https://index.example/files/a/a-1.0.tar.gz"));
        assert!(listed(relative, "http://127.0.0.1:8080/root/files/a/a-1.0.tar.gz"));
        assert!(!listed(relative, "http://127.0.0.1:8081/root/files/a/a-1.0.tar.gz"));
    }
}
