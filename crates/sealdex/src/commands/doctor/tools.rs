//! The installers that are looked at, and how each is asked for one project of one index.

use std::io;
use std::path::Path;

use serde::Serialize;

/// The project of the trials' repository.
pub(super) const PROJECT: &str = "sealdex-doctor";

/// An installer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tool {
    Pip,
    Uv,
    Poetry,
    Pdm,
    Pipenv,
}

impl Tool {
    pub(super) const ALL: [Self; 5] = [Self::Pip, Self::Uv, Self::Poetry, Self::Pdm, Self::Pipenv];

    /// The program's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Poetry => "poetry",
            Self::Pdm => "pdm",
            Self::Pipenv => "pipenv",
        }
    }

    /// The arguments with which the tool, started in `folder`, gets [`PROJECT`] from this index, and leaves everything
    /// in that folder. Writes the project file that it needs for that.
    pub(super) fn trial(self, folder: &Path, index: &str) -> io::Result<Vec<String>> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        match self {
            Self::Pip => {
                Ok(words(&format!("download --quiet --no-deps --index-url {index} --dest files {PROJECT}")))
            }
            Self::Uv => Ok(words(&format!(
                "pip install --quiet --no-deps --default-index {index} --target files {PROJECT}"
            ))),
            Self::Poetry => {
                let text = format!(
                    "[tool.poetry]\nname = \"trial\"\nversion = \"0\"\ndescription = \"\"\nauthors = []\n\
                     package-mode = false\n[tool.poetry.dependencies]\npython = \">=3.8\"\n{PROJECT} = \"*\"\n\
                     [[tool.poetry.source]]\nname = \"trial\"\nurl = \"{index}\"\npriority = \"primary\"\n"
                );
                std::fs::write(folder.join("pyproject.toml"), text)?;
                Ok(words("lock --no-interaction"))
            }
            Self::Pdm => {
                let text = format!(
                    "[project]\nname = \"trial\"\nversion = \"0\"\nrequires-python = \">=3.8\"\n\
                     dependencies = [\"{PROJECT}\"]\n[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{index}\"\n"
                );
                std::fs::write(folder.join("pyproject.toml"), text)?;
                Ok(words("lock"))
            }
            Self::Pipenv => {
                let text = format!(
                    "[[source]]\nname = \"trial\"\nurl = \"{index}\"\nverify_ssl = true\n\
                     [packages]\n{PROJECT} = \"*\"\n"
                );
                std::fs::write(folder.join("Pipfile"), text)?;
                Ok(words("lock"))
            }
        }
    }
}
