//! Which repository the names of projects belong to: what TAP 4 calls mappings, each with one repository and none to fall
//! back to.
//!
//! ```text
//! TRUST/.bindings.toml    version = 2
//!                         [projects]
//!                         "acme-*" = "company"
//!                         "*" = "public"
//! ```
//!
//! A file without a version is an earlier one, where `*` could be left out: it was then for the one repository that
//! nothing was bound to. What was so stays so.

mod pattern;

use std::collections::BTreeMap;
use std::path::Path;

use sealdex_simple::ProjectName;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::name::{RepositoryName, printable};
use crate::store::files;

pub use pattern::ProjectPattern;

/// No repository can be named like that.
const FILE: &str = ".bindings.toml";
const MAX_BYTES: u64 = 1 << 20;
const VERSION: u32 = 2;

/// Projects, each bound to the one repository that they are taken from. They outlive the trust in that repository: the
/// names of one that is trusted no longer are nobody's, until the user says whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    projects: BTreeMap<ProjectPattern, RepositoryName>,
}

/// As they are kept. What does not know a version stops at the word.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: Option<u32>,
    #[serde(default)]
    projects: BTreeMap<ProjectPattern, RepositoryName>,
}

impl Bindings {
    /// Binds projects to a repository, whatever they were bound to before.
    pub fn bind(&mut self, repository: &RepositoryName, patterns: impl IntoIterator<Item = ProjectPattern>) {
        self.projects.extend(patterns.into_iter().map(|pattern| (pattern, repository.clone())));
    }

    /// Takes a binding back; whether there was one.
    pub fn unbind(&mut self, pattern: &ProjectPattern) -> bool {
        self.projects.remove(pattern).is_some()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.projects.is_empty()
    }

    /// The patterns and their repositories, in the order of the patterns.
    pub fn iter(&self) -> impl Iterator<Item = (&ProjectPattern, &RepositoryName)> {
        self.projects.iter()
    }

    /// What is bound to a repository.
    pub fn of<'a>(&'a self, repository: &'a RepositoryName) -> impl Iterator<Item = &'a ProjectPattern> {
        self.iter().filter(move |(_, own)| *own == repository).map(|(pattern, _)| pattern)
    }

    /// The binding that counts for a project by its name. That of all projects (`*`) is no such binding.
    #[must_use]
    pub fn named(&self, project: &ProjectName) -> Option<(&ProjectPattern, &RepositoryName)> {
        let matching = self.iter().filter(|(pattern, _)| !pattern.is_for_all() && pattern.matches(project));
        matching.max_by_key(|(pattern, _)| pattern.weight())
    }

    /// Of the bindings that are for every project of a pattern, the one that counts.
    #[must_use]
    pub fn covering(&self, pattern: &ProjectPattern) -> Option<(&ProjectPattern, &RepositoryName)> {
        self.iter().filter(|(own, _)| own.covers(pattern)).max_by_key(|(own, _)| own.weight())
    }

    /// The repository that all other projects are bound to (`*`).
    #[must_use]
    pub fn rest(&self) -> Option<&RepositoryName> {
        self.iter().find(|(pattern, _)| pattern.is_for_all()).map(|(_, repository)| repository)
    }

    /// Says whose all other projects are, where nothing is bound yet: those of the only repository there is. To be called
    /// before there is a second one, or the first binding, so that neither takes them away.
    ///
    /// Whether there was anything to be said.
    pub fn settle(&mut self, trusted: &[RepositoryName]) -> bool {
        match trusted {
            [only] if self.is_empty() => {
                self.bind(only, [ProjectPattern::all()]);
                true
            }
            _ => false,
        }
    }

    /// Reads what is kept in a store of repositories, of which these are `trusted`. What cannot be read is an error: to go
    /// on without it would take the names from somebody else.
    pub(crate) fn read(store: &Path, trusted: &[RepositoryName]) -> Result<Self, Error> {
        let path = store.join(FILE);
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(Self::default());
        }
        let damaged = |reason: &str| Error::DamagedBindings { path: path.clone(), reason: printable(reason) };
        let bytes = files::read_private(&path, MAX_BYTES)?.ok_or_else(|| damaged("it cannot be read"))?;
        let kept: Kept = toml::from_slice(&bytes).map_err(|error| damaged(error.message()))?;
        let mut bindings = Self { projects: kept.projects };
        match kept.version {
            Some(VERSION) => {}
            None => bindings.say_what_went_without_saying(trusted),
            Some(version) => return Err(damaged(&format!("a later version wrote it ({version})"))),
        }
        Ok(bindings)
    }

    /// Until there was a version, the one repository that nothing was bound to had what `*` was not said for.
    fn say_what_went_without_saying(&mut self, trusted: &[RepositoryName]) {
        if self.is_empty() || self.rest().is_some() {
            return;
        }
        let mut unbound = trusted.iter().filter(|name| self.of(name).next().is_none());
        if let (Some(only), None) = (unbound.next(), unbound.next()) {
            self.bind(only, [ProjectPattern::all()]);
        }
    }

    /// Keeps them, in one step.
    pub(crate) fn write(&self, store: &Path) -> Result<(), Error> {
        let path = store.join(FILE);
        let damaged = |reason: String| Error::DamagedBindings { path: path.clone(), reason };
        let kept = Kept { version: Some(VERSION), projects: self.projects.clone() };
        let text = toml::to_string(&kept).map_err(|error| damaged(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(damaged(format!("it would be longer than {MAX_BYTES} bytes")));
        }
        files::write_atomically(&path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn bindings(lines: &[(&str, &str)]) -> Bindings {
        let mut bindings = Bindings::default();
        for (pattern, repository) in lines {
            let repository = RepositoryName::parse(repository).unwrap();
            bindings.bind(&repository, [ProjectPattern::parse(pattern).unwrap()]);
        }
        bindings
    }

    fn names(names: &[&str]) -> Vec<RepositoryName> {
        names.iter().map(|name| RepositoryName::parse(name).unwrap()).collect()
    }

    #[test]
    fn the_pattern_that_says_most_counts_whatever_the_order() {
        let lines =
            [("*", "public"), ("acme-*", "company"), ("acme-oss-*", "forge"), ("acme-oss-x", "public")];
        let mut reversed = lines;
        reversed.reverse();
        for lines in [lines, reversed] {
            let bindings = bindings(&lines);
            for (name, expected) in [
                ("acme-a", Some("company")),
                ("acme-oss", Some("company")),
                ("acme-oss-a", Some("forge")),
                ("acme-oss-x", Some("public")),
                ("six", None),
            ] {
                let found = bindings.named(&ProjectName::parse(name).unwrap());
                assert_eq!(found.map(|(_, repository)| repository.as_str()), expected, "{name}");
            }
            assert_eq!(bindings.rest().unwrap().as_str(), "public");
        }
    }

    #[test]
    fn they_are_kept_and_a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Bindings::read(folder.path(), &names(&["company", "public"]));
        assert_eq!(read().unwrap(), Bindings::default());
        for lines in [&[("*", "public"), ("acme-*", "company")][..], &[("acme-*", "company")], &[]] {
            bindings(lines).write(folder.path()).unwrap();
            assert_eq!(read().unwrap(), bindings(lines));
        }
        let path = folder.path().join(FILE);
        for damaged in [
            "x",
            "[projects]\n\"a b\" = \"c\"\n",
            "[projects]\na = 1\n",
            "[project]\n",
            "version = 3\n[projects]\na = \"c\"\n",
        ] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(read(), Err(Error::DamagedBindings { .. })), "{damaged}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(read(), Err(Error::DamagedBindings { .. })));
    }

    #[test]
    fn a_file_of_the_version_before_means_what_it_meant() {
        let folder = tempfile::tempdir().unwrap();
        let rest = |text: &str, trusted: &[&str]| {
            fs::write(folder.path().join(FILE), text).unwrap();
            let bindings = Bindings::read(folder.path(), &names(trusted)).unwrap();
            bindings.rest().map(ToString::to_string)
        };
        let acme = "[projects]\n\"acme-*\" = \"company\"\n";
        let table = [
            (acme, &["company", "public"][..], Some("public")),
            (acme, &["company", "public", "third"], None),
            (acme, &["company"], None),
            (acme, &["public"], Some("public")),
            (
                "[projects]\n\"acme-*\" = \"company\"\n\"*\" = \"gone\"\n",
                &["company", "public"],
                Some("gone"),
            ),
            ("[projects]\n", &["public"], None),
        ];
        for (text, trusted, expected) in table {
            assert_eq!(rest(text, trusted).as_deref(), expected, "{text} {trusted:?}");
            if !text.contains("gone") {
                assert_eq!(rest(&format!("version = 2\n{text}"), trusted), None, "{text}");
            }
        }
    }

    #[test]
    fn the_only_one_keeps_what_it_had() {
        for (trusted, expected) in [(&["one"][..], Some("one")), (&[], None), (&["one", "two"], None)] {
            let mut own = Bindings::default();
            assert_eq!(own.settle(&names(trusted)), expected.is_some());
            assert_eq!(own.rest().map(RepositoryName::as_str), expected);
        }
        let mut own = bindings(&[("acme-*", "one")]);
        assert!(!own.settle(&names(&["one"])) && own.rest().is_none());
    }
}
