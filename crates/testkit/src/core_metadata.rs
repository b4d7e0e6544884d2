//! Core metadata (version 2.2) shared by the builders of wheels and source distributions.

/// What a wheel and a source distribution of one release have in common.
#[derive(Clone, Debug)]
pub(crate) struct CoreMetadata {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) requires: Vec<String>,
    pub(crate) extras: Vec<String>,
    pub(crate) requires_python: Option<String>,
    /// Python modules: path inside the archive and source text.
    pub(crate) modules: Vec<(String, String)>,
}

impl CoreMetadata {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            requires: Vec::new(),
            extras: Vec::new(),
            requires_python: None,
            modules: Vec::new(),
        }
    }

    /// The bytes of `METADATA` or `PKG-INFO`.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("Metadata-Version: 2.2\nName: {}\nVersion: {}\n", self.name, self.version);
        text.push_str("Summary: A small package made for a test\n");
        if let Some(requires_python) = &self.requires_python {
            text.push_str(&format!("Requires-Python: {requires_python}\n"));
        }
        for requirement in &self.requires {
            text.push_str(&format!("Requires-Dist: {requirement}\n"));
        }
        for extra in &self.extras {
            text.push_str(&format!("Provides-Extra: {extra}\n"));
        }
        text.into_bytes()
    }

    /// The name as file names spell it: lower case, each run of `-`, `_` and `.` one underscore.
    pub(crate) fn escaped_name(&self) -> String {
        let mut escaped = String::new();
        for character in self.name.chars() {
            if !matches!(character, '-' | '_' | '.') {
                escaped.push(character.to_ascii_lowercase());
            } else if !escaped.ends_with('_') {
                escaped.push('_');
            }
        }
        escaped
    }

    /// The version as file names spell it.
    pub(crate) fn escaped_version(&self) -> String {
        self.version.replace('-', "_")
    }

    /// The modules given, or one named like the project that holds its version as `VERSION`.
    pub(crate) fn modules(&self) -> Vec<(String, String)> {
        if self.modules.is_empty() {
            vec![(format!("{}.py", self.escaped_name()), format!("VERSION = {:?}\n", self.version))]
        } else {
            self.modules.clone()
        }
    }
}
