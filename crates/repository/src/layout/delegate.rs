//! From a layout to the delegations that are signed.

use sealdex_tuf::Key;
use sealdex_tuf::RoleName;
use sealdex_tuf::metadata::{DelegatedRole, DelegatedRoles, Delegations, PathHashPrefix, PathSet, RoleKeys};
use sealdex_tuf::pattern::PathPattern;

use super::{KeyHolder, Layout, Paths, Role, Search};
use crate::error::Error;

/// The keys that delegations name.
#[derive(Clone, Debug)]
pub(crate) struct DelegationKeys {
    /// The targets keys and their threshold.
    pub(crate) offline: (Vec<Key>, u64),
    /// The online key.
    pub(crate) online: Key,
}

impl DelegationKeys {
    fn role_keys(&self, holder: KeyHolder) -> RoleKeys {
        match holder {
            KeyHolder::Offline => {
                let (keys, threshold) = &self.offline;
                RoleKeys::new(keys.iter().map(Key::id).collect(), *threshold)
            }
            KeyHolder::Online => RoleKeys::new(vec![self.online.id()], 1),
        }
    }

    fn keys(&self, holder: KeyHolder) -> Vec<Key> {
        match holder {
            KeyHolder::Offline => self.offline.0.clone(),
            KeyHolder::Online => vec![self.online.clone()],
        }
    }
}

impl Layout {
    /// The delegations of the top-level targets role.
    pub(crate) fn delegations(&self, keys: &DelegationKeys) -> Result<Delegations, Error> {
        listed(&self.roles, keys)
    }
}

impl Role {
    /// The delegations of this role; `None` for one that holds targets itself.
    pub(crate) fn delegations(&self, keys: &DelegationKeys) -> Result<Option<Delegations>, Error> {
        Ok(match (&self.bins, self.roles.as_slice()) {
            (Some(bins), _) => {
                let roles = bins.delegated_roles(&keys.role_keys(KeyHolder::Online))?;
                Some(Delegations::new(keys.keys(KeyHolder::Online), roles))
            }
            (None, []) => None,
            (None, children) => Some(listed(children, keys)?),
        })
    }
}

fn listed(roles: &[Role], keys: &DelegationKeys) -> Result<Delegations, Error> {
    let delegated = roles.iter().map(|role| {
        Ok(DelegatedRole {
            name: RoleName::parse(role.name.as_str())?,
            keys: keys.role_keys(role.keys),
            paths: path_set(&role.paths)?,
            terminating: role.search == Search::Terminating,
        })
    });
    let delegated = delegated.collect::<Result<_, Error>>()?;
    let named = roles.iter().flat_map(|role| keys.keys(role.keys));
    Ok(Delegations::new(named, DelegatedRoles::Listed(delegated)))
}

fn path_set(paths: &Paths) -> Result<PathSet, Error> {
    Ok(match paths {
        // A client matches these on the SHA-256 of the path: together they are every path, in any folder.
        Paths::All(_) => PathSet::HashPrefixes(
            "0123456789abcdef"
                .split("")
                .filter(|digit| !digit.is_empty())
                .map(PathHashPrefix::parse)
                .collect::<Result<_, _>>()?,
        ),
        Paths::Patterns(patterns) => {
            PathSet::Patterns(patterns.iter().map(|pattern| PathPattern::new(pattern.as_str())).collect())
        }
    })
}
