//! The index page of a project, as values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{DistributionFilename, Error, FileName, ProjectName, html, json};

/// A project's page: its versions and files (PEP 503, 691, 700, 792).
///
/// Order carries no meaning in a page; what is written is sorted, see [`IndexPage::to_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct IndexPage {
    /// The project.
    pub name: ProjectName,
    /// Every version of the project, those without files included (PEP 700). Not necessarily PEP 440.
    pub versions: Vec<String>,
    /// The files, each file name once.
    pub files: Vec<IndexFile>,
    /// The project's status (PEP 792); `None` means active.
    pub project_status: Option<ProjectStatus>,
    /// The index's serial number of the project's last change, `_last-serial` in `meta`.
    pub last_serial: Option<u64>,
    /// Fields at the top level that this crate does not know, kept as they came. Known names are not written.
    pub extra: Map<String, Value>,
    /// Fields in `meta` that this crate does not know, kept as they came. Known names are not written.
    pub meta_extra: Map<String, Value>,
}

/// One file of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexFile {
    /// The file's name.
    pub filename: FileName,
    /// Where the file is: absolute (`http`, `https`) or relative to the page.
    pub url: String,
    /// Digests of the file in lower-case hexadecimal, by lower-case algorithm name.
    pub hashes: BTreeMap<String, String>,
    /// Size in bytes (PEP 700). A page is of API version 1.1 or above only if every file has one.
    pub size: Option<u64>,
    /// When the file was uploaded, `yyyy-mm-ddThh:mm:ss.ffffffZ` (PEP 700).
    pub upload_time: Option<String>,
    /// The `Requires-Python` of the distribution, unescaped. Old files hold what PEP 440 does not allow.
    pub requires_python: Option<String>,
    /// Whether the file is yanked (PEP 592).
    pub yanked: Yanked,
    /// Whether the core metadata is served beside the file (PEP 658, 714).
    pub core_metadata: CoreMetadata,
    /// Whether a signature `<url>.asc` is served beside the file (PEP 503); `None` says nothing.
    pub gpg_sig: Option<bool>,
    /// URL of the file's provenance (PEP 740).
    pub provenance: Option<String>,
    /// Fields that this crate does not know, kept as they came. Known names are not written.
    pub extra: Map<String, Value>,
}

/// Whether a file is yanked: not to be chosen unless it is asked for exactly (PEP 592).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Yanked {
    /// Not yanked.
    #[default]
    No,
    /// Yanked without a reason.
    Yes,
    /// Yanked for this reason. An empty reason is written as none.
    Reason(String),
}

/// Whether the core metadata of a file is served at `<url>.metadata` (PEP 658, 714).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CoreMetadata {
    /// It is not, or nothing is said.
    #[default]
    Absent,
    /// It is, without a digest.
    Present,
    /// It is, with these digests: lower-case hexadecimal by lower-case algorithm name.
    Hashes(BTreeMap<String, String>),
}

/// A project's status and why it has it (PEP 792).
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectStatus {
    /// The status.
    pub state: ProjectState,
    /// Free text.
    pub reason: Option<String>,
    /// Fields that this crate does not know, kept as they came.
    pub extra: Map<String, Value>,
}

/// The status markers of PEP 792.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectState {
    /// In use.
    Active,
    /// No more uploads.
    Archived,
    /// Unsafe: an index must not offer its files.
    Quarantined,
    /// Obsolete.
    Deprecated,
    /// A marker of a later specification.
    Other(String),
}

/// Bounds for reading pages. The defaults have room for the largest pages of the public index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Length of the whole document in bytes.
    pub max_page_bytes: usize,
    /// JSON values of any kind in the document, which bounds the memory it takes.
    pub max_values: usize,
    /// Files of a page.
    pub max_files: usize,
    /// Versions of a page.
    pub max_versions: usize,
    /// Projects of a project list.
    pub max_projects: usize,
    /// Length of one text in bytes: a URL, a specifier, a reason.
    pub max_text_bytes: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            max_page_bytes: 64 * 1024 * 1024,
            max_values: 4_000_000,
            max_files: 200_000,
            max_versions: 50_000,
            max_projects: 2_000_000,
            max_text_bytes: 8 * 1024,
        }
    }
}

impl IndexPage {
    /// An empty page.
    pub fn new(name: ProjectName) -> Self {
        Self {
            name,
            versions: Vec::new(),
            files: Vec::new(),
            project_status: None,
            last_serial: None,
            extra: Map::new(),
            meta_extra: Map::new(),
        }
    }

    /// Reads a page in its JSON form (PEP 691).
    ///
    /// Types are strict, with two kindnesses that real indexes need: `null` stands for an absent optional field, and
    /// upload times in other offsets than UTC are converted. Both `core-metadata` and the older `dist-info-metadata`
    /// are read, the first one wins (PEP 714). Unknown fields are kept. A page without `versions` (API version 1.0)
    /// gets those of its files.
    ///
    /// # Errors
    /// [`Error::Json`] for what is not JSON or has a key twice, [`Error::InvalidPage`] for a wrong type or value,
    /// [`Error::UnsupportedApiVersion`] if the major version is not 1, [`Error::DuplicateFile`],
    /// [`Error::InvalidProjectName`], [`Error::InvalidFileName`], and [`Error::LimitExceeded`].
    pub fn from_json(bytes: &[u8], limits: &PageLimits) -> Result<Self, Error> {
        json::read_page(bytes, limits)
    }

    /// The page in its JSON form: compact, and the same bytes for the same contents in whatever order.
    ///
    /// Versions and files are sorted by version (PEP 440, what is none first) and then by text. `core-metadata` is
    /// not repeated as `dist-info-metadata` (PEP 714): pip 22.3 to 23.1 fail on that. The API version is the lowest
    /// that has all the fields used: 1.4 with a project status (PEP 792), 1.3 with provenance (PEP 740), 1.2 with
    /// `alternate-locations` or `tracks` (PEP 708), otherwise 1.1 (PEP 700), or 1.0 if a file has no size.
    pub fn to_json(&self) -> Vec<u8> {
        json::write_page(self)
    }

    /// The page in its HTML form (PEP 503, 592, 658, 714, 740, 792), in the order of [`IndexPage::to_json`].
    ///
    /// Every text is escaped; sizes, upload times and unknown fields have no place in HTML.
    pub fn to_html(&self) -> String {
        html::write_page(self)
    }

    /// The same page with other URLs for its files.
    pub fn with_file_urls(&self, url: impl Fn(&IndexFile) -> String) -> Self {
        let mut page = self.clone();
        for file in &mut page.files {
            file.url = url(file);
        }
        page
    }

    /// The file of this name, if the page lists it. Takes time linear in the number of files.
    pub fn file(&self, filename: &str) -> Option<&IndexFile> {
        self.files.iter().find(|file| file.filename.as_str() == filename)
    }

    /// The API version the page is written as, see [`IndexPage::to_json`].
    pub fn api_version(&self) -> &'static str {
        if self.project_status.is_some() {
            "1.4"
        } else if self.files.iter().any(|file| file.provenance.is_some()) {
            "1.3"
        } else if self.extra.contains_key("alternate-locations") || self.meta_extra.contains_key("tracks") {
            "1.2"
        } else if self.files.iter().all(|file| file.size.is_some()) {
            "1.1"
        } else {
            "1.0"
        }
    }

    /// The files by version and name.
    pub(crate) fn sorted_files(&self) -> Vec<&IndexFile> {
        let mut files: Vec<&IndexFile> = self.files.iter().collect();
        files.sort_by_cached_key(|file| {
            let parsed = DistributionFilename::parse_for(&self.name, file.filename.as_str()).ok();
            (parsed.map(|parsed| parsed.version().clone()), &file.filename)
        });
        files
    }
}

impl IndexFile {
    /// A file of which nothing is known but its name and where it is.
    pub fn new(filename: FileName, url: String) -> Self {
        Self {
            filename,
            url,
            hashes: BTreeMap::new(),
            size: None,
            upload_time: None,
            requires_python: None,
            yanked: Yanked::No,
            core_metadata: CoreMetadata::Absent,
            gpg_sig: None,
            provenance: None,
            extra: Map::new(),
        }
    }

    /// The file's SHA-256 in lower-case hexadecimal, or `None` if it is missing or not 64 such digits.
    pub fn sha256(&self) -> Option<&str> {
        sha256_of(&self.hashes)
    }

    /// Whether a page that lists this file can be read: what [`IndexPage::from_json`] asks of a file, without what it
    /// asks of the page as a whole. Hashes are to be in lower case, and unknown fields are not looked at.
    ///
    /// # Errors
    /// [`Error::InvalidPage`]
    pub fn check(&self, limits: &PageLimits) -> Result<(), Error> {
        json::check_file(self, limits)
    }
}

impl Yanked {
    /// Whether the file is yanked, for whatever reason.
    pub fn is_yanked(&self) -> bool {
        *self != Self::No
    }
}

impl CoreMetadata {
    /// The metadata's SHA-256 in lower-case hexadecimal, or `None` if it is missing or not 64 such digits.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::Hashes(hashes) => sha256_of(hashes),
            Self::Absent | Self::Present => None,
        }
    }
}

impl ProjectState {
    /// Reads a marker; unknown ones are kept.
    pub fn parse(marker: &str) -> Self {
        match marker {
            "active" => Self::Active,
            "archived" => Self::Archived,
            "quarantined" => Self::Quarantined,
            "deprecated" => Self::Deprecated,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The marker as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
            Self::Other(other) => other,
        }
    }
}

fn sha256_of(hashes: &BTreeMap<String, String>) -> Option<&str> {
    hashes.get("sha256").map(String::as_str).filter(|digest| is_sha256(digest))
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn is_sha256(digest: &str) -> bool {
    digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
