//! Since when something is refused, and when it was good last.

use std::collections::HashMap;

use jiff::Timestamp;
use sealdex_simple::ProjectName;

use super::{Decision, Outcome};
use crate::name::RepositoryName;

/// What decisions are about: a page, a file, another source, a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    repository: Option<RepositoryName>,
    project: Option<ProjectName>,
    file: Option<String>,
}

/// What is known of a target from earlier decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When it was refused first since it was good.
    pub refused_since: Option<Timestamp>,
    /// When it was given last.
    pub last_good: Option<Timestamp>,
}

impl Target {
    /// What a refusal is about.
    #[must_use]
    pub fn refused(
        repository: Option<&RepositoryName>,
        project: Option<&ProjectName>,
        file: Option<&str>,
    ) -> Self {
        // What is beside a file is good when the file is.
        let file = file.map(|file| match project {
            Some(_) => file.strip_suffix(".metadata").unwrap_or(file).to_owned(),
            None => file.to_owned(),
        });
        Self { repository: repository.cloned(), project: project.cloned(), file }
    }
}

impl History {
    /// The history of each target, from decisions in their order.
    #[must_use]
    pub fn of(decisions: &[Decision]) -> HashMap<Target, Self> {
        let mut histories: HashMap<Target, Self> = HashMap::new();
        for Decision { when, repository, outcome } in decisions {
            let own = |project: Option<&ProjectName>, file: Option<&str>| {
                Target::refused(repository.as_ref(), project, file)
            };
            let mut good = |target| {
                histories.insert(target, Self { refused_since: None, last_good: Some(*when) });
            };
            match outcome {
                Outcome::Page(page) => {
                    good(own(Some(&page.project), None));
                    // Without a snapshot that verifies there is no page.
                    good(own(None, None));
                }
                Outcome::File(file) => good(own(Some(&file.project), Some(&file.filename))),
                Outcome::Refused(refused) => {
                    let target = own(refused.project.as_ref(), refused.file.as_deref());
                    histories.entry(target).or_default().refused_since.get_or_insert(*when);
                }
                Outcome::Unverified(_) => {}
            }
        }
        histories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_again_was_never_refused() {
        let line = |when: &str, rest: &str| -> Decision {
            let page = r#""sha256":"0000000000000000000000000000000000000000000000000000000000000000","size":1,
                "signed_by":{"role":"bin-1","role_version":1,"key_ids":["k"],"snapshot":1,
                "timestamp_expires":"2026-01-02T00:00:00Z"}"#;
            let head = format!(r#""when":"2026-01-01T00:00:0{when}Z","repository":"play""#);
            serde_json::from_str(&format!("{{{head},{}}}", rest.replace("PAGE", page))).unwrap()
        };
        let page = r#""decision":"page","project":"a",PAGE"#;
        let file = r#""decision":"file","project":"a","filename":"a.whl","url":"a.whl","version":"1",PAGE"#;
        let refused = |what: &str| format!(r#""decision":"refused",{what}"message":"m","hint":"h""#);
        let decisions = [
            line("1", &refused(r#""project":"a","#)),
            line("2", page),
            line("3", file),
            line("4", &refused(r#""project":"a","#)),
            line("5", &refused(r#""project":"a","file":"a.whl.metadata","#)),
            line("6", &refused(r#""project":"a","#)),
            line("7", &refused("")),
            line("8", &refused(r#""file":"evil.example","#)),
        ];
        let histories = History::of(&decisions);
        let (repository, a) = (RepositoryName::parse("play").unwrap(), ProjectName::parse("a").unwrap());
        let at = |second: i64| format!("2026-01-01T00:00:0{second}Z").parse::<Timestamp>().ok();
        for (project, file, since, good) in [
            (Some(&a), None, 4, at(2)),
            (Some(&a), Some("a.whl"), 5, at(3)),
            (None, None, 7, at(2)),
            (None, Some("evil.example"), 8, None),
        ] {
            let history = histories[&Target::refused(Some(&repository), project, file)];
            assert_eq!(
                history,
                History { refused_since: at(since), last_good: good },
                "{project:?} {file:?}"
            );
        }
    }
}
