//! What a source hands on, and how.

use std::fmt;

use sealdex_repository::{CheckedImport, ImportedFile, Repository};
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::mpsc::Sender;

/// Files in one batch.
const FILES: usize = 10_000;

/// Where something stands in its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Line(u64),
    Path(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(formatter, "line {number}"),
            Self::Path(path) => formatter.write_str(path),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something that was not imported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refused {
    pub(crate) place: Place,
    pub(crate) reason: String,
}

/// From where a source goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Bytes of a manifest that are behind.
    pub(crate) done: u64,
    /// The last path that is behind, in a directory.
    pub(crate) after: Option<String>,
    /// Lines that are behind.
    pub(crate) lines: u64,
    /// Refusals among them.
    pub(crate) refused: u64,
}

impl Position {
    /// As it is kept.
    pub(crate) fn written(&self, refused: u64) -> String {
        // Three numbers: this cannot fail.
        serde_json::to_string(&Self { refused, ..self.clone() }).unwrap_or_default()
    }

    /// Whether this path of a directory was taken in before; a directory above one that was is not.
    pub(crate) fn is_behind(&self, path: &std::path::Path) -> bool {
        let Some(after) = self.after.as_deref().map(std::path::Path::new) else { return false };
        path <= after && !(path != after && after.starts_with(path))
    }

    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(text)?)
    }
}

/// Files that were read and checked, and how far the source is with them.
pub(crate) struct Batch {
    pub(crate) checked: CheckedImport,
    /// Where each file stands.
    pub(crate) places: Vec<Place>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) position: Position,
    pub(crate) read_bytes: u64,
}

/// Takes files one by one and hands them on in batches.
pub(crate) struct Feed {
    repository: Repository,
    sender: Sender<Batch>,
    strict: bool,
    files: Vec<ImportedFile>,
    places: Vec<Place>,
    refused: Vec<Refused>,
}

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    /// Nobody wants more.
    Home,
}

impl Feed {
    pub(crate) fn new(repository: Repository, sender: Sender<Batch>, strict: bool) -> Self {
        let (files, places, refused) = (Vec::with_capacity(FILES), Vec::with_capacity(FILES), Vec::new());
        Self { repository, sender, strict, files, places, refused }
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn add(&mut self, place: Place, file: Result<ImportedFile, String>) {
        match file {
            Ok(file) => {
                self.files.push(file);
                self.places.push(place);
            }
            Err(reason) => self.refused.push(Refused { place, reason }),
        }
    }

    /// Whether a batch is due: it is full, or holds the first refusal and that is to be the last thing.
    pub(crate) fn is_due(&self) -> bool {
        self.files.len() + self.refused.len() >= FILES || (self.strict && !self.refused.is_empty())
    }

    /// Hands on what there is; `position` is behind the last of it.
    pub(crate) fn flush(&mut self, position: Position, read_bytes: u64) -> Go {
        let stop = self.strict && !self.refused.is_empty();
        let files = std::mem::replace(&mut self.files, Vec::with_capacity(FILES));
        let places = std::mem::replace(&mut self.places, Vec::with_capacity(FILES));
        let (checked, refused) = (self.repository.check_import(files), std::mem::take(&mut self.refused));
        let batch = Batch { checked, places, refused, position, read_bytes };
        let sent = self.sender.blocking_send(batch).is_ok();
        if sent && !stop { Go::On } else { Go::Home }
    }
}
