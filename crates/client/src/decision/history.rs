//! Since when something is refused, and when it was good last.

use std::collections::HashMap;

use jiff::Timestamp;
use sealdex_simple::ProjectName;

use super::{Decision, Outcome, Refused};
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
    /// When it was refused first since it was good. That it was out of reach before an attack, or before a rule forbade
    /// it, does not count.
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
        let mut histories: HashMap<Target, Known> = HashMap::new();
        for Decision { when, repository, outcome } in decisions {
            let own = |project: Option<&ProjectName>, file: Option<&str>| {
                Target::refused(repository.as_ref(), project, file)
            };
            let mut good = |target| {
                histories.insert(target, Known { last_good: Some(*when), ..Known::default() });
            };
            match outcome {
                Outcome::Page(page) => {
                    good(own(Some(&page.project), None));
                    // Without a snapshot that verifies there is no page.
                    good(own(None, None));
                }
                Outcome::File(file) => good(own(Some(&file.project), Some(&file.filename))),
                Outcome::Policy(policy) => good(own(None, Some(&policy.file))),
                Outcome::Refused(refused) => {
                    let target = own(refused.project.as_ref(), refused.file.as_deref());
                    histories.entry(target).or_default().refuse(*when, refused);
                }
                Outcome::Unverified(_) => {}
            }
        }
        histories.into_iter().map(|(target, known)| (target, known.history())).collect()
    }
}

#[derive(Default)]
struct Known {
    refused_since: Option<Timestamp>,
    /// Whether only faults have been seen since then.
    faults_alone: bool,
    last_good: Option<Timestamp>,
}

impl Known {
    fn refuse(&mut self, when: Timestamp, refused: &Refused) {
        let is_fault = refused.attack.is_none() && refused.rule.is_none();
        if self.refused_since.is_none() || (self.faults_alone && !is_fault) {
            self.refused_since = Some(when);
            self.faults_alone = is_fault;
        }
    }

    fn history(self) -> History {
        History { refused_since: self.refused_since, last_good: self.last_good }
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
    #[test]
    fn an_outage_is_not_the_beginning_of_an_attack() {
        let line = |second: u8, rest: &str| -> Decision {
            let head = format!(r#""when":"2026-01-01T00:00:0{second}Z","repository":"company""#);
            serde_json::from_str(&format!("{{{head},{rest}}}")).unwrap()
        };
        let refused = |why: &str| {
            format!(r#""decision":"refused","file":"policies/base.toml",{why}"message":"m","hint":"h""#)
        };
        let (fault, attack) = (refused(""), refused(r#""attack":"rollback attack","#));
        let rule = refused(r#""rule":"deny","#);
        let zeros = "0".repeat(64);
        let good = format!(
            r#""decision":"policy","file":"policies/base.toml","sha256":"{zeros}","size":1,"snapshot":1"#
        );
        let company = RepositoryName::parse("company").unwrap();
        let at = |second: u8| format!("2026-01-01T00:00:0{second}Z").parse::<Timestamp>().ok();
        for (lines, since, last_good) in [
            (vec![&fault, &fault], at(0), None),
            (vec![&fault, &attack, &fault, &attack], at(1), None),
            (vec![&fault, &rule], at(1), None),
            (vec![&attack, &fault], at(0), None),
            (vec![&attack, &good, &fault], at(2), at(1)),
            (vec![&attack, &good], None, at(1)),
        ] {
            let decisions: Vec<_> = (0..).zip(&lines).map(|(second, rest)| line(second, rest)).collect();
            let target = Target::refused(Some(&company), None, Some("policies/base.toml"));
            let expected = History { refused_since: since, last_good };
            assert_eq!(History::of(&decisions)[&target], expected, "{lines:?}");
        }
    }
}
