//! Which role speaks for a path: the tree walked in the order of a client's search (TUF spec 5.6.7).

use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{RoleName, TargetPath};

use super::{KeyHolder, Layout, Paths, Role, Search};
use crate::error::Error;

impl Layout {
    /// The online role that a target of this path is to be written into: the first one a client would ask that holds
    /// targets. `None` where no online role is trusted with the path, or a terminating one keeps clients from it.
    ///
    /// # Errors
    /// [`Error::Layout`] or [`Error::Tuf`] when the layout is not valid.
    pub fn responsible(&self, path: &TargetPath) -> Result<Option<RoleName>, Error> {
        Ok(match visit(&self.roles, path)? {
            Visit::Found(role) => Some(role),
            Visit::Stop | Visit::Nothing => None,
        })
    }

    /// The same, where there must be one.
    ///
    /// # Errors
    /// [`Error::UnsupportedPath`], and those of [`Layout::responsible`].
    pub(crate) fn role_of(&self, path: &TargetPath) -> Result<RoleName, Error> {
        self.responsible(path)?.ok_or_else(|| self.unsupported(path))
    }

    pub(crate) fn unsupported(&self, path: &TargetPath) -> Error {
        Error::UnsupportedPath { path: path.to_string(), layout: self.name.escape_debug().to_string() }
    }
}

enum Visit {
    Found(RoleName),
    /// A terminating role was trusted with the path: nobody else is asked.
    Stop,
    Nothing,
}

fn visit(roles: &[Role], path: &TargetPath) -> Result<Visit, Error> {
    for role in roles.iter().filter(|role| trusts(&role.paths, path)) {
        let found = match (&role.bins, role.roles.as_slice()) {
            (Some(bins), _) => Visit::Found(bins.role_for(path)?),
            (None, []) if role.keys == KeyHolder::Online => {
                Visit::Found(RoleName::parse(role.name.as_str())?)
            }
            (None, children) => visit(children, path)?,
        };
        match found {
            Visit::Nothing if role.search == Search::Continuing => {}
            Visit::Nothing => return Ok(Visit::Stop),
            found => return Ok(found),
        }
    }
    Ok(Visit::Nothing)
}

fn trusts(paths: &Paths, path: &TargetPath) -> bool {
    match paths {
        Paths::All(_) => true,
        Paths::Patterns(patterns) => {
            patterns.iter().any(|pattern| PathPattern::new(pattern.as_str()).matches(path.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{AllPaths, BinStyle, Content};

    fn role(name: &str, pattern: &str, keys: KeyHolder, search: Search, roles: Vec<Role>) -> Role {
        let paths = match pattern {
            "all" => Paths::All(AllPaths::All),
            pattern => Paths::Patterns(vec![pattern.to_owned()]),
        };
        Role { name: name.to_owned(), paths, keys, search, bins: None, roles }
    }

    fn responsible(roles: &[Role], path: &str) -> Option<String> {
        let layout = Layout { name: "test".to_owned(), content: Content::Files, roles: roles.to_vec() };
        let found = layout.responsible(&TargetPath::parse(path).unwrap()).unwrap();
        found.map(|role| role.as_str().to_owned())
    }

    #[test]
    fn the_walk_is_a_clients() {
        use KeyHolder::{Offline, Online};
        use Search::{Continuing, Terminating};
        let leaf = |name, pattern, keys, search| role(name, pattern, keys, search, Vec::new());
        // In order; an offline leaf holds nothing the server could write.
        let roles = [leaf("a", "x/*", Offline, Continuing), leaf("b", "all", Online, Continuing)];
        assert_eq!(responsible(&roles, "x/1").as_deref(), Some("b"));
        // A terminating role keeps later ones from its paths alone.
        let roles = [leaf("a", "x/*", Offline, Terminating), leaf("b", "all", Online, Continuing)];
        assert_eq!(responsible(&roles, "x/1"), None);
        assert_eq!(responsible(&roles, "y/1").as_deref(), Some("b"));
        // A child is trusted with what every role above it is trusted with.
        let child = leaf("c", "*/1", Online, Continuing);
        let roles =
            [role("a", "x/*", Offline, Continuing, vec![child]), leaf("b", "all", Online, Continuing)];
        assert_eq!(responsible(&roles, "x/1").as_deref(), Some("c"));
        assert_eq!(responsible(&roles, "x/2").as_deref(), Some("b"));
        // Terminating counts inside out: the child ends the whole search.
        let child = leaf("c", "*/1", Offline, Terminating);
        let roles =
            [role("a", "x/*", Offline, Continuing, vec![child]), leaf("b", "all", Online, Continuing)];
        assert_eq!(responsible(&roles, "x/1"), None);
    }

    #[test]
    fn pages_and_files_have_bins_of_their_own() {
        let layout = Layout::pep458(BinStyle::Succinct, 8).unwrap();
        let role = |path: &str| layout.responsible(&TargetPath::parse(path).unwrap()).unwrap();
        assert!(role("simple/six/index.json").unwrap().as_str().starts_with("index-"));
        assert!(role("files/six/six-1.0.tar.gz").unwrap().as_str().starts_with("files-"));
        assert_eq!(role("simple/six/other.json"), None);
        assert_eq!(role("files/six/a/b"), None);
        let layout = Layout::tree(BinStyle::Succinct, 8).unwrap();
        let role = |path: &str| layout.responsible(&TargetPath::parse(path).unwrap()).unwrap();
        assert!(role("a/b/c/d").unwrap().as_str().starts_with("bin-"));
    }
}
