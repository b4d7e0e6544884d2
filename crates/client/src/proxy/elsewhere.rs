//! Refuses what is meant for another server, or comes from one.

use std::net::SocketAddr;

use http::Method;
use http::header::CONNECTION;
use sealdex_simple::ProjectName;
use url::Url;

use super::INDEX_HOST;
use super::answer::Answer;
use super::interpose::file_of_url;
use super::page;
use super::refusal::Refusal;
use super::request::Head;
use super::state::State;
use crate::name::escaped;
use crate::policy::Policies;

const HINT: &str = "everything is to come from the sealed index; publish the file there, or install it apart";

/// What is asked for that is not the index's, as far as it can be told.
pub(super) struct Stray {
    /// The host or the URL, escaped.
    pub(super) target: String,
    /// What is wrong with it.
    pub(super) message: String,
    /// What the user can do.
    pub(super) hint: String,
    /// The project that it is a file of, by its name.
    pub(super) project: Option<ProjectName>,
    /// The rule of a policy that forbids it besides.
    rule: Option<String>,
}

impl Stray {
    pub(super) fn new(target: String, message: String, hint: &str) -> Self {
        Self { target, message, hint: hint.to_owned(), project: None, rule: None }
    }

    /// Something of one of these projects, which is what its name can be read as. Whether policy allows it is said too:
    /// who lets its host through would be told so next.
    pub(super) fn of(mut self, policies: &Policies, projects: &[ProjectName], filename: &str) -> Self {
        let denied = |project| Some((project, policies.forbids_named(project, filename)?));
        if let Some((project, why)) = projects.iter().find_map(denied) {
            self.message = format!("{}; and {}", self.message, why.forbidden_text(filename));
            self.project = Some(project.clone());
            self.rule = Some(why.rule);
        } else if let [only] = projects {
            self.project = Some(only.clone());
        }
        self
    }
}

/// A refusal, unless the request is for this proxy itself.
///
/// Set as HTTP proxy, this one is asked for other hosts: a further index, a direct URL. And a browser may be tricked
/// into asking it under another name (DNS rebinding), which the `Host` header shows.
pub(super) fn refuse(state: &State, head: &Head<'_>) -> Option<Answer> {
    if is_ours(state.address(), head) {
        return None;
    }
    if let Some(authority) = head.authority {
        let (mut target, mut file) = (authority.to_owned(), None);
        if let Some(segments) = head.segments.as_ref().filter(|_| *head.method != Method::CONNECT) {
            target = format!("{authority}/{}", segments.join("/"));
            file = Url::parse(&format!("http://{target}")).ok().and_then(|url| file_of_url(&url));
        }
        let target = escaped(&target);
        let message = format!("{target} is not verified by sealdex");
        let mut stray = Stray::new(target, message, HINT);
        if let Some((projects, filename)) = file {
            stray = stray.of(&state.policies(), &projects, &filename);
        }
        return Some(refused(state, head, stray));
    }
    let host = escaped(&head.host().unwrap_or_default());
    let message = format!("the request is for the host {host}, not for this proxy");
    Some(refused(state, head, Stray::new(host, message, HINT)))
}

/// Whether the request is for the proxy at `address` itself.
pub(crate) fn is_ours(address: SocketAddr, head: &Head<'_>) -> bool {
    match head.authority {
        Some(authority) => {
            let is_index = authority.eq_ignore_ascii_case(INDEX_HOST);
            *head.method != Method::CONNECT && (is_index || is_own(address, authority))
        }
        None => head.host().is_some_and(|host| is_own(address, &host)),
    }
}

/// Notes the refusal of what is not the index's, and answers with it.
pub(super) fn refused(state: &State, head: &Head<'_>, stray: Stray) -> Answer {
    let refusal = note(state, stray);
    let is_page = head.accept().is_some_and(|accept| accept.contains("application/vnd.pypi.simple"));
    let answer = if is_page { page::refuse(head, &refusal) } else { Answer::refused(&refusal) };
    answer.header(CONNECTION, "close")
}

pub(super) fn note(state: &State, stray: Stray) -> Refusal {
    let Stray { target, message, hint, project, rule } = stray;
    let refusal = Refusal {
        when: state.client().now(),
        repository: project.as_ref().and_then(|project| state.repository_of(project)),
        project,
        file: Some(target),
        attack: None,
        rule,
        message,
        hint,
    };
    state.note(&refusal);
    refusal
}

fn is_own(address: SocketAddr, authority: &str) -> bool {
    let named = authority.rsplit_once(':').filter(|(_, port)| *port == address.port().to_string());
    authority == address.to_string() || named.is_some_and(|(name, _)| name.eq_ignore_ascii_case("localhost"))
}
