//! Refuses what is meant for another server, or comes from one.

use std::net::SocketAddr;

use http::Method;
use http::header::CONNECTION;

use super::answer::Answer;
use super::page;
use super::refusal::Refusal;
use super::request::Head;
use super::state::State;
use crate::name::escaped;

const HINT: &str = "everything is to come from the sealed index; publish the file there, or install it apart";

/// A refusal, unless the request is for this proxy itself.
///
/// Set as HTTP proxy, this one is asked for other hosts: a further index, a direct URL. And a browser may be tricked
/// into asking it under another name (DNS rebinding), which the `Host` header shows.
pub(super) fn refuse(state: &State, head: &Head<'_>) -> Option<Answer> {
    if is_ours(state.address(), head) {
        return None;
    }
    if let Some(authority) = head.authority {
        let target = match &head.segments {
            Some(segments) if *head.method != Method::CONNECT => {
                format!("{authority}/{}", segments.join("/"))
            }
            _ => authority.to_owned(),
        };
        let target = escaped(&target);
        let message = format!("{target} is not verified by sealdex");
        return Some(refused(state, head, target, message, HINT));
    }
    let host = escaped(&head.host().unwrap_or_default());
    let message = format!("the request is for the host {host}, not for this proxy");
    Some(refused(state, head, host, message, HINT))
}

/// Whether the request is for the proxy at `address` itself.
pub(crate) fn is_ours(address: SocketAddr, head: &Head<'_>) -> bool {
    match head.authority {
        Some(authority) => *head.method != Method::CONNECT && is_own(address, authority),
        None => head.host().is_some_and(|host| is_own(address, &host)),
    }
}

/// Notes the refusal of what is not the index's, and answers with it.
pub(super) fn refused(state: &State, head: &Head<'_>, target: String, message: String, hint: &str) -> Answer {
    let refusal = note(state, target, message, hint);
    let is_page = head.accept().is_some_and(|accept| accept.contains("application/vnd.pypi.simple"));
    let answer = if is_page { page::refuse(head, &refusal) } else { Answer::refused(&refusal) };
    answer.header(CONNECTION, "close")
}

pub(super) fn note(state: &State, target: String, message: String, hint: &str) -> Refusal {
    let refusal = Refusal {
        when: state.client().now(),
        repository: None,
        project: None,
        file: Some(target),
        attack: None,
        rule: None,
        message,
        hint: hint.to_owned(),
    };
    state.note(&refusal);
    refusal
}

fn is_own(address: SocketAddr, authority: &str) -> bool {
    let named = authority.rsplit_once(':').filter(|(_, port)| *port == address.port().to_string());
    authority == address.to_string() || named.is_some_and(|(name, _)| name.eq_ignore_ascii_case("localhost"))
}
