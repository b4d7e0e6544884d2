//! Pages that an installer is about to ask for.
//!
//! pip asks for one page after the other. But what a file requires stands in its core metadata, which an installer asks
//! for before it asks for the pages of that: by then they are on their way, all at the same time. Only what is required
//! in any case is looked up, so that little is fetched in vain.

use std::sync::{Arc, Mutex, PoisonError};

use sealdex_simple::ProjectName;
use tokio::task::JoinSet;

use super::source::Source;
use super::state::State;

/// Metadata files whose requirements are looked up at the same time.
const MAX_TASKS: usize = 16;
/// Requirements looked at, of one file.
const MAX_PROJECTS: usize = 64;

/// Lookups under way; they end with the proxy.
#[derive(Debug, Default)]
pub(super) struct Prefetches(Mutex<JoinSet<()>>);

impl Prefetches {
    /// Looks up what a file requires, each project where it belongs. Whatever goes wrong is told to who asks for the page.
    pub(super) fn begin(&self, state: &State, core_metadata: &[u8]) {
        let mut lookups: Vec<(Arc<Source>, Vec<ProjectName>)> = Vec::new();
        for project in required(core_metadata) {
            let Ok(source) = state.source_of(&project) else { continue };
            match lookups.iter_mut().find(|(own, _)| Arc::ptr_eq(own, source)) {
                Some((_, projects)) => projects.push(project),
                None => lookups.push((Arc::clone(source), vec![project])),
            }
        }
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        for (source, projects) in lookups {
            if tasks.len() < MAX_TASKS {
                tasks.spawn(look_up(source, projects));
            }
        }
    }
}

async fn look_up(source: Arc<Source>, projects: Vec<ProjectName>) {
    let Ok(session) = source.session().await else { return };
    if session.is_offline() {
        return;
    }
    if let Err(error) = session.pages(&projects).await {
        tracing::debug!(error = error.report(), "a page could not be fetched ahead");
    }
}

/// The projects that `Requires-Dist` names without a condition.
fn required(core_metadata: &[u8]) -> Vec<ProjectName> {
    let text = String::from_utf8_lossy(core_metadata);
    let headers = text.lines().take_while(|line| !line.is_empty());
    let requirements = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let required = name.eq_ignore_ascii_case("requires-dist") && !value.contains([';', '@']);
        required.then_some(value.trim())
    });
    let names = requirements.filter_map(|requirement| {
        let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        ProjectName::parse(&requirement[..end.unwrap_or(requirement.len())]).ok()
    });
    names.take(MAX_PROJECTS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_in_any_case() {
        let metadata = "Metadata-Version: 2.1\r\nName: six\r\nRequires-Dist: Zope.Interface (>=5)\r\n\
            requires-dist: idna[all]<4,>=2.5\r\nRequires-Dist: certifi\r\n\
            Requires-Dist: pysocks!=1.5.7 ; extra == 'socks'\r\nRequires-Dist: a @ https://b.example/a.whl\r\n\
            Requires-Dist: -\r\nProvides-Extra: socks\r\n\r\nRequires-Dist: in-the-description\r\n";
        let names: Vec<_> = required(metadata.as_bytes()).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["zope-interface", "idna", "certifi"]);
        assert!(required(b"\xff\n\nRequires-Dist: a").is_empty());
        let many = "Requires-Dist: six\n".repeat(1000);
        assert_eq!(required(many.as_bytes()).len(), MAX_PROJECTS);
    }
}
