//! The paths under which pages and files are sealed, and how a page points at its files.
//!
//! The names go in parsed, so no path can leave its place.

use crate::{FileName, ProjectName};

/// The target path of a project's page: `simple/<project>/index.json`.
pub fn index_page_target_path(project: &ProjectName) -> String {
    format!("simple/{project}/index.json")
}

/// The target path of a file: `files/<project>/<filename>`.
pub fn file_target_path(project: &ProjectName, filename: &FileName) -> String {
    format!("files/{project}/{filename}")
}

/// The project whose page or file a target path is for, or would be if there were such a file.
#[must_use]
pub fn project_of(target_path: &str) -> Option<ProjectName> {
    let mut segments = target_path.splitn(3, '/');
    let (folder, name, rest) = (segments.next()?, segments.next()?, segments.next()?);
    let is_projects = matches!(folder, "simple" | "files") && !rest.is_empty();
    ProjectName::parse(name).ok().filter(|_| is_projects)
}

/// The URL that a page served at `/simple/<project>/` holds for one of its files:
/// `../../files/<project>/<filename>`, the file name percent-encoded where it must be.
pub fn relative_file_url(project: &ProjectName, filename: &FileName) -> String {
    format!("../../files/{project}/{}", filename.to_url_component())
}

#[cfg(test)]
mod tests {
    use super::{file_target_path, index_page_target_path, project_of, relative_file_url};
    use crate::{FileName, ProjectName};

    #[test]
    fn paths() {
        let project = ProjectName::parse("Holy_Grail").unwrap();
        let filename = FileName::parse("holy_grail-1.0+local.tar.gz").unwrap();
        assert_eq!(index_page_target_path(&project), "simple/holy-grail/index.json");
        assert_eq!(file_target_path(&project, &filename), "files/holy-grail/holy_grail-1.0+local.tar.gz");
        for path in [
            index_page_target_path(&project),
            file_target_path(&project, &filename),
            "files/Holy_Grail/a/b".to_owned(),
        ] {
            assert_eq!(project_of(&path).as_ref(), Some(&project), "{path}");
        }
        for path in
            ["", "simple", "simple/holy-grail", "simple/holy-grail/", "simple/-/x", "other/holy-grail/x"]
        {
            assert_eq!(project_of(path), None, "{path}");
        }
        assert_eq!(
            relative_file_url(&project, &filename),
            "../../files/holy-grail/holy_grail-1.0+local.tar.gz"
        );
        let odd = FileName::parse("a b%2f?#.exe").unwrap();
        assert_eq!(relative_file_url(&project, &odd), "../../files/holy-grail/a%20b%252f%3F%23.exe");
    }
}
