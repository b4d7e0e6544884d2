//! Whether a layout is a tree that every client can walk.

use std::collections::HashSet;

use sealdex_tuf::RoleName;

use super::{KeyHolder, Layout, Paths, Role};
use crate::error::Error;

/// Clients visit at most 32 roles in search of a target (python-tuf's limit too): a layout stays well below.
pub(crate) const MAX_ROLES: usize = 16;
const MAX_DEPTH: usize = 4;
const MAX_NAME_BYTES: usize = 100;

impl Layout {
    /// Checks names, bins and depth, and that only offline keys delegate: whoever has the online key can then write into
    /// the roles it signs, and never appoint others.
    ///
    /// # Errors
    /// [`Error::Layout`] naming the role.
    pub fn check(&self) -> Result<(), Error> {
        let all = self.all_roles();
        if all.is_empty() || all.len() > MAX_ROLES {
            return Err(refuse(format!("{} delegated roles, but 1 to {MAX_ROLES} are possible", all.len())));
        }
        if depth(&self.roles) > MAX_DEPTH {
            return Err(refuse(format!("roles are nested deeper than {MAX_DEPTH}")));
        }
        let mut names = HashSet::new();
        let mut prefixes = HashSet::new();
        for role in all {
            check_name("role", &role.name)?;
            if !names.insert(role.name.as_str()) {
                return Err(refuse(format!("two roles are called {}", role.name)));
            }
            if matches!(&role.paths, Paths::Patterns(patterns) if patterns.is_empty()) {
                return Err(refuse(format!("the role {} is trusted with no path", role.name)));
            }
            if role.keys == KeyHolder::Online && (role.bins.is_some() || !role.roles.is_empty()) {
                let name = &role.name;
                return Err(refuse(format!("the role {name} delegates, so its keys must be offline ones")));
            }
            let Some(bins) = &role.bins else { continue };
            if !role.roles.is_empty() {
                return Err(refuse(format!("the role {} has both bins and roles", role.name)));
            }
            check_name("bin prefix", &bins.name_prefix)?;
            if !prefixes.insert(bins.name_prefix.as_str()) {
                return Err(refuse(format!("two roles have bins called {}", bins.name_prefix)));
            }
            bins.role_names()?;
        }
        check_names_differ(&names, &prefixes)
    }
}

fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !plain {
        let name = name.escape_debug();
        return Err(refuse(format!(
            "the {what} {name} is not 1 to {MAX_NAME_BYTES} of a-z, 0-9, '-' and '_'"
        )));
    }
    if RoleName::parse(name)?.is_top_level() {
        return Err(refuse(format!("{name} is a top-level role and cannot be delegated to")));
    }
    Ok(())
}

/// No role and no prefix may look like a bin of another prefix: `a-0` beside the bins of `a`.
fn check_names_differ(names: &HashSet<&str>, prefixes: &HashSet<&str>) -> Result<(), Error> {
    for prefix in prefixes {
        let clash = names.iter().chain(prefixes).find(|name| {
            let rest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(|rest| rest.bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit()))
        });
        if let Some(name) = clash {
            return Err(refuse(format!("{name} can be taken for a bin of {prefix}")));
        }
    }
    Ok(())
}

fn depth(roles: &[Role]) -> usize {
    roles.iter().map(|role| 1 + depth(&role.roles)).max().unwrap_or(0)
}

fn refuse(reason: String) -> Error {
    Error::Layout { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{BinStyle, Bins};

    #[test]
    fn trees_that_clients_cannot_walk_are_refused() {
        let good = Layout::pep458(BinStyle::Succinct, 8).unwrap();
        assert!(good.check().is_ok());
        let change = |change: fn(&mut Layout)| {
            let mut layout = good.clone();
            change(&mut layout);
            layout.check()
        };
        for (index, refused) in [
            change(|layout| layout.roles.clear()),
            change(|layout| layout.roles[0].name = "snapshot".to_owned()),
            change(|layout| layout.roles[0].name = "../x".to_owned()),
            change(|layout| layout.roles[0].name = "files".to_owned()),
            change(|layout| layout.roles[0].name = "files-0".to_owned()),
            change(|layout| layout.roles[0].keys = KeyHolder::Online),
            change(|layout| layout.roles[0].paths = Paths::Patterns(Vec::new())),
            change(|layout| {
                let child = layout.roles[1].clone();
                layout.roles[0].roles.push(child);
            }),
            change(|layout| {
                layout.roles[0].bins =
                    Some(Bins { style: BinStyle::Succinct, bit_length: 8, name_prefix: "files".to_owned() });
            }),
            change(|layout| {
                layout.roles[0].bins =
                    Some(Bins { style: BinStyle::Succinct, bit_length: 0, name_prefix: "x".to_owned() });
            }),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(matches!(refused, Err(Error::Layout { .. })), "case {index}: {refused:?}");
        }
    }
}
