//! `sealdex log`: the last decisions.

use anstyle::Style;
use sealdex_client::{Decision, DecisionLog, Outcome};

use super::refused::minute;
use super::trusted::{looks_like, refused};
use crate::cli::{Format, LogArguments};
use crate::failure::Failure;
use crate::output::{BAD, FAINT, GOOD, WARNING, count, plain, result, say, styled};

pub(super) fn run(arguments: &LogArguments, format: Format) -> Result<(), Failure> {
    let log = DecisionLog::new(DecisionLog::default_directory().map_err(refused)?);
    let decisions = log.read();
    let (mut shown, given): (Vec<_>, Vec<_>) =
        decisions.into_iter().partition(|decision| arguments.all || is_prominent(decision));
    let hidden = shown.len().saturating_sub(arguments.lines);
    shown.drain(..hidden);
    result(format, &shown, || {
        for decision in &shown {
            for line in lines(decision) {
                say(line);
            }
        }
        let earlier = (hidden > 0).then(|| format!("{hidden} earlier (--lines N)"));
        let good = (!given.is_empty())
            .then(|| format!("{} of what verified (--all)", count(given.len(), "decision", "decisions")));
        let more: Vec<String> = earlier.into_iter().chain(good).collect();
        if shown.is_empty() && hidden == 0 {
            say("nothing was refused");
        }
        if !more.is_empty() {
            say(styled(FAINT, format!("not shown: {}; in {}", more.join(", "), log.path().display())));
        }
    })?;
    Ok(())
}

/// What a user should look at.
fn is_prominent(decision: &Decision) -> bool {
    !matches!(decision.outcome, Outcome::Page(_) | Outcome::File(_) | Outcome::Policy(_))
}

fn lines(decision: &Decision) -> Vec<String> {
    let (style, verb, what, details) = told(decision);
    let repository = decision.repository.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default();
    let head = format!(
        "{} {}{repository} {}",
        styled(FAINT, minute(decision.when)),
        styled(style, verb),
        plain(&what)
    );
    let details = details.iter().map(|detail| format!("    {}", plain(detail)));
    std::iter::once(head).chain(details).collect()
}

/// How a decision is told: in which colour, what was done, to what, and more of it.
fn told(decision: &Decision) -> (Style, &'static str, String, Vec<String>) {
    match &decision.outcome {
        Outcome::Refused(refused) => {
            let what = match (&refused.file, &refused.project) {
                (Some(file), _) => file.clone(),
                (None, Some(project)) => format!("the index page of {project}"),
                (None, None) if decision.repository.is_some() => "the repository".to_owned(),
                (None, None) => "a run".to_owned(),
            };
            let mut details = vec![refused.message.clone()];
            details.extend(refused.attack.as_ref().map(looks_like));
            details.push(format!("what to do: {}", refused.hint));
            (BAD, "refused", what, details)
        }
        Outcome::Unverified(run) => {
            (WARNING, "not verified", format!("a run of {}, as its user demanded", run.program), Vec::new())
        }
        Outcome::File(file) => {
            let by = &file.signed_by;
            let detail = format!(
                "sha256 {}, signed by {} (version {}), snapshot {}",
                file.sha256, by.role, by.role_version, by.snapshot
            );
            (GOOD, "handed out", file.filename.clone(), vec![detail])
        }
        Outcome::Page(page) => {
            let by = &page.signed_by;
            let mut details = vec![format!(
                "signed by {} (version {}), snapshot {}",
                by.role, by.role_version, by.snapshot
            )];
            let left_out = page.left_out.iter();
            details
                .extend(left_out.map(|own| format!("without {}: {} ({})", own.file, own.reason, own.rule)));
            (GOOD, "handed out", format!("the index page of {}", page.project), details)
        }
        Outcome::Policy(policy) => {
            let detail = format!("sha256 {}, snapshot {}", policy.sha256, policy.snapshot);
            (GOOD, "heeded", format!("the policy {}", policy.file), vec![detail])
        }
        _ => (FAINT, "decided", "something that this version does not know".to_owned(), Vec::new()),
    }
}
