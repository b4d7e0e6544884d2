//! Layouts: the tree of roles as data.
//!
//! A [`Layout`] says which roles the top-level targets role delegates to, for which paths, who signs them, and whether
//! they spread their targets over bins. [`pep458`](Layout::pep458), [`index_only`](Layout::index_only) and
//! [`tree`](Layout::tree) are such data; an operator may write another. One engine interprets them all: it makes the
//! delegations, and finds the role that speaks for a path by walking the tree in the order a client does
//! ([`Layout::responsible`]).
//!
//! The state keeps the layout, and nothing else does: it says what is signed, and changes in the transaction that publishes
//! what is signed by another ([`crate::Repository::relayout`]).

mod bins;
mod check;
mod delegate;
mod difference;
mod search;

use std::fmt;
use std::str::FromStr;

use sealdex_tuf::RoleName;
use serde::{Deserialize, Serialize};

pub use bins::{BinStyle, Bins};
pub(crate) use check::MAX_ROLES;
pub(crate) use delegate::DelegationKeys;
pub(crate) use difference::is_distribution;

use crate::error::Error;

/// A tree of roles below the top-level targets role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// What it is called, for people.
    pub name: String,
    /// What is sealed.
    pub content: Content,
    /// The roles that targets delegates to, in order of priority.
    pub roles: Vec<Role>,
}

/// What a repository seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A Python index: pages and files come and go with distributions.
    PythonIndex,
    /// Any tree of files.
    Files,
}

/// A delegated role: it delegates to bins, or to other roles, or holds targets itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// ROLENAME
    pub name: String,
    /// The target paths it is trusted with.
    pub paths: Paths,
    /// Who signs it.
    pub keys: KeyHolder,
    /// Whether clients go on after it.
    pub search: Search,
    /// The bins it spreads its targets over; they are signed online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bins: Option<Bins>,
    /// The roles it delegates to, in order of priority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

/// The target paths of a delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Paths {
    /// `"all"`: every path. TUF's patterns have no wildcard for it, so it is written as all sixteen hash prefixes.
    All(AllPaths),
    /// Shell-style patterns (TUF spec 4.5, PATHPATTERN); none of their wildcards matches `/`.
    Patterns(Vec<String>),
}

/// The word `all` in settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllPaths {
    /// Every path.
    All,
}

/// Who holds the keys of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHolder {
    /// The holders of the targets keys, with their threshold; never the server.
    Offline,
    /// The online key.
    Online,
}

/// What a client does after a role trusted with a path did not list it (TUF spec 4.5, TERMINATING).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// It stops: nobody else may speak for these paths.
    Terminating,
    /// It asks the next role.
    Continuing,
}

/// The layouts this crate knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutName {
    /// `pep458`
    Pep458,
    /// `index-only`
    IndexOnly,
    /// `tree`
    Tree,
}

/// 256 bins, enough for some hundred thousand files.
pub const DEFAULT_BIT_LENGTH: u8 = 8;

impl Layout {
    /// The layout of that name.
    ///
    /// # Errors
    /// [`Error::Layout`] when `bit_length` is not 1 to 16.
    pub fn named(name: LayoutName, style: BinStyle, bit_length: u8) -> Result<Self, Error> {
        match name {
            LayoutName::Pep458 => Self::pep458(style, bit_length),
            LayoutName::IndexOnly => Self::index_only(style, bit_length),
            LayoutName::Tree => Self::tree(style, bit_length),
        }
    }

    /// PEP 458's tree with pages and files apart: `targets` to `index` to bins over `simple/*/index.json`, and to
    /// `files` to bins over `files/*/*`. A client that looks up a page never fetches the much longer bins of files.
    ///
    /// # Errors
    /// [`Error::Layout`] when `bit_length` is not 1 to 16.
    pub fn pep458(style: BinStyle, bit_length: u8) -> Result<Self, Error> {
        let roles = vec![index_role(style, bit_length), files_role(style, bit_length)];
        Self { name: LayoutName::Pep458.to_string(), content: Content::PythonIndex, roles }.checked()
    }

    /// Pages alone are targets. They list the files with their hashes, so files are verified all the same, but only by
    /// clients that read pages.
    ///
    /// # Errors
    /// [`Error::Layout`] when `bit_length` is not 1 to 16.
    pub fn index_only(style: BinStyle, bit_length: u8) -> Result<Self, Error> {
        let roles = vec![index_role(style, bit_length)];
        Self { name: LayoutName::IndexOnly.to_string(), content: Content::PythonIndex, roles }.checked()
    }

    /// Any tree of files: `targets` to `bins` to bins over every path.
    ///
    /// # Errors
    /// [`Error::Layout`] when `bit_length` is not 1 to 16.
    pub fn tree(style: BinStyle, bit_length: u8) -> Result<Self, Error> {
        let bins = Bins { style, bit_length, name_prefix: "bin".to_owned() };
        let role = delegating("bins", Paths::All(AllPaths::All), bins);
        Self { name: LayoutName::Tree.to_string(), content: Content::Files, roles: vec![role] }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }

    /// Whether the role of this name is signed online: a bin, or a role that holds targets itself.
    pub(crate) fn signs_online(&self, name: &str) -> bool {
        self.all_roles().into_iter().any(|role| {
            (role.keys == KeyHolder::Online && role.name == name)
                || role.bins.as_ref().is_some_and(|bins| bins.has(name))
        })
    }

    /// Whether there is a role of this name: a top-level one, or one that is delegated to.
    pub(crate) fn has_role(&self, name: &str) -> bool {
        RoleName::parse(name).is_ok_and(|name| name.is_top_level())
            || self.signs_online(name)
            || self.all_roles().into_iter().any(|role| role.name == name)
    }

    /// The roles that are signed online, bins and others.
    pub(crate) fn online_roles(&self) -> Result<Vec<RoleName>, Error> {
        let mut names = Vec::new();
        for role in self.all_roles() {
            if role.keys == KeyHolder::Online {
                names.push(RoleName::parse(role.name.as_str())?);
            }
            if let Some(bins) = &role.bins {
                names.extend(bins.role_names()?);
            }
        }
        Ok(names)
    }

    /// What the state keeps.
    pub(crate) fn to_fact(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Layout { reason: error.to_string() })
    }

    pub(crate) fn from_fact(fact: &str) -> Result<Self, Error> {
        serde_json::from_str(fact)
            .map_err(|error| Error::State { reason: format!("the layout cannot be read: {error}") })
    }

    /// Reads a layout from TOML, as [`Layout::to_toml`] writes it, and checks it.
    ///
    /// # Errors
    /// [`Error::Layout`]
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let layout: Self =
            toml::from_str(text).map_err(|error| Error::Layout { reason: error.to_string() })?;
        layout.checked()
    }

    /// The layout in TOML.
    ///
    /// # Errors
    /// [`Error::Layout`]
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|error| Error::Layout { reason: error.to_string() })
    }

    /// The same tree with other bins: each role that has bins has so many of them, in this style.
    ///
    /// # Errors
    /// [`Error::Layout`] when `bit_length` is not 1 to 16.
    pub fn with_bins(mut self, style: Option<BinStyle>, bit_length: Option<u8>) -> Result<Self, Error> {
        fn change(roles: &mut [Role], style: Option<BinStyle>, bit_length: Option<u8>) {
            for role in roles {
                if let Some(bins) = &mut role.bins {
                    bins.style = style.unwrap_or(bins.style);
                    bins.bit_length = bit_length.unwrap_or(bins.bit_length);
                }
                change(&mut role.roles, style, bit_length);
            }
        }
        change(&mut self.roles, style, bit_length);
        self.checked()
    }

    /// Every delegated role but bins, parents before children.
    #[must_use]
    pub fn all_roles(&self) -> Vec<&Role> {
        fn add<'a>(roles: &'a [Role], all: &mut Vec<&'a Role>) {
            for role in roles {
                all.push(role);
                add(&role.roles, all);
            }
        }
        let mut all = Vec::new();
        add(&self.roles, &mut all);
        all
    }
}

impl Default for Layout {
    /// [`Layout::index_only`] with 256 succinct bins (decision 18).
    fn default() -> Self {
        let roles = vec![index_role(BinStyle::Succinct, DEFAULT_BIT_LENGTH)];
        Self { name: LayoutName::IndexOnly.to_string(), content: Content::PythonIndex, roles }
    }
}

impl fmt::Display for LayoutName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pep458 => "pep458",
            Self::IndexOnly => "index-only",
            Self::Tree => "tree",
        })
    }
}

impl FromStr for LayoutName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = [Self::Pep458, Self::IndexOnly, Self::Tree];
        known.into_iter().find(|known| known.to_string() == name).ok_or_else(|| Error::Layout {
            reason: format!("{} is not pep458, index-only or tree", name.escape_debug()),
        })
    }
}

fn index_role(style: BinStyle, bit_length: u8) -> Role {
    let bins = Bins { style, bit_length, name_prefix: "index".to_owned() };
    delegating("index", Paths::Patterns(vec!["simple/*/index.json".to_owned()]), bins)
}

fn files_role(style: BinStyle, bit_length: u8) -> Role {
    let bins = Bins { style, bit_length, name_prefix: "files".to_owned() };
    delegating("files", Paths::Patterns(vec!["files/*/*".to_owned()]), bins)
}

/// A role signed offline that does nothing but delegate to bins. Nobody after it speaks for its paths.
fn delegating(name: &str, paths: Paths, bins: Bins) -> Role {
    Role {
        name: name.to_owned(),
        paths,
        keys: KeyHolder::Offline,
        search: Search::Terminating,
        bins: Some(bins),
        roles: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_survive_toml() {
        for layout in [
            Layout::default(),
            Layout::index_only(BinStyle::Explicit, 5).unwrap(),
            Layout::tree(BinStyle::Succinct, 14).unwrap(),
        ] {
            let text = toml::to_string_pretty(&layout).unwrap();
            assert_eq!(toml::from_str::<Layout>(&text).unwrap(), layout, "{text}");
        }
        assert_eq!(Layout::default(), Layout::index_only(BinStyle::Succinct, 8).unwrap());
        assert_eq!("index-only".parse::<LayoutName>().unwrap(), LayoutName::IndexOnly);
        assert!("pep480".parse::<LayoutName>().is_err());
    }
}
