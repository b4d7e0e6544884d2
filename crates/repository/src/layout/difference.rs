//! What one layout does and another does not.

use sealdex_tuf::pattern::PathPattern;

use super::{BinStyle, KeyHolder, Layout, Paths, Role};

/// The target paths of distributions.
const FILES: &str = "files/*/*";

impl Layout {
    /// Whether every target is in the same role in both, and so no bin changes: they differ in their names and in how
    /// bins are delegated to.
    pub(crate) fn holds_targets_as(&self, other: &Self) -> bool {
        fn in_one_style(roles: &[Role]) -> Vec<Role> {
            let mut roles = roles.to_vec();
            for role in &mut roles {
                if let Some(bins) = &mut role.bins {
                    bins.style = BinStyle::Succinct;
                }
                role.roles = in_one_style(&role.roles);
            }
            roles
        }
        in_one_style(&self.roles) == in_one_style(&other.roles)
    }

    /// Whether a distribution may be a target of its own.
    pub(crate) fn may_hold_files(&self) -> bool {
        self.all_roles().into_iter().any(may_hold_files)
    }

    /// Whether each distribution is a target of its own for certain. `false` may be wrong for unusual patterns.
    pub(crate) fn holds_all_files(&self) -> bool {
        self.roles.iter().find(|role| may_hold_files(role)).is_some_and(|role| {
            let all = match &role.paths {
                Paths::All(_) => true,
                Paths::Patterns(patterns) => patterns.iter().any(|pattern| pattern == FILES),
            };
            let holds = role.bins.is_some() || (role.keys == KeyHolder::Online && role.roles.is_empty());
            all && holds
        })
    }
}

/// Whether `path` is one of a distribution.
pub(crate) fn is_distribution(path: &str) -> bool {
    PathPattern::new(FILES).matches(path)
}

fn may_hold_files(role: &Role) -> bool {
    match &role.paths {
        Paths::All(_) => true,
        Paths::Patterns(patterns) => patterns.iter().any(|pattern| {
            let first = pattern.split('/').next().unwrap_or_default();
            PathPattern::new(first).matches("files")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_apart() {
        let (succinct, explicit) = (BinStyle::Succinct, BinStyle::Explicit);
        let pep458 = Layout::pep458(succinct, 8).unwrap();
        assert!(pep458.holds_targets_as(&Layout::pep458(explicit, 8).unwrap()));
        assert!(!pep458.holds_targets_as(&Layout::pep458(succinct, 9).unwrap()));
        let index_only = Layout::index_only(succinct, 8).unwrap();
        assert!(!pep458.holds_targets_as(&index_only));
        assert!(pep458.may_hold_files() && pep458.holds_all_files());
        assert!(!index_only.may_hold_files() && !index_only.holds_all_files());
        let mut part = pep458;
        part.roles[1].paths = Paths::Patterns(vec!["f*/a*/*".to_owned()]);
        assert!(part.may_hold_files() && !part.holds_all_files());
        assert!(is_distribution("files/six/six-1.0.tar.gz") && !is_distribution("files/six/a/b"));
    }
}
