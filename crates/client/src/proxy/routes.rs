//! Which request is answered by whom.

use std::sync::Arc;

use http::header::ALLOW;
use http::{Method, Request, StatusCode};
use sealdex_simple::ProjectName;

use super::answer::Answer;
use super::request::Head;
use super::state::State;
use super::{elsewhere, file, page};

/// Answers a request. A body, which no route asks for, is not read.
pub(super) async fn answer<B>(state: &Arc<State>, request: &Request<B>) -> Answer {
    let head = Head::of(request);
    if let Some(refusal) = elsewhere::refuse(state, &head) {
        return refusal;
    }
    if !matches!(*head.method, Method::GET | Method::HEAD) {
        return Answer::problem(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here", "")
            .header(ALLOW, "GET, HEAD");
    }
    let answer = route(state, &head).await;
    if *head.method == Method::HEAD { answer.without_body() } else { answer }
}

async fn route(state: &Arc<State>, head: &Head<'_>) -> Answer {
    let segments: Vec<&str> = head.segments.iter().flatten().map(String::as_str).collect();
    match *segments.as_slice() {
        ["simple"] | ["simple", ""] => Answer::problem(
            StatusCode::NOT_FOUND,
            "the list of all projects is not signed, so sealdex does not serve it",
            "ask for a project by its name",
        ),
        ["simple", name] | ["simple", name, ""] => match ProjectName::parse(name) {
            Ok(project) if segments.len() == 3 && project.as_str() == name => {
                page::answer(state, head, &project).await
            }
            Ok(project) => page::redirect(&project),
            Err(_) => not_found(),
        },
        ["files", name, filename] => match ProjectName::parse(name) {
            Ok(project) => file::answer(state, head, &project, filename).await,
            Err(_) => not_found(),
        },
        _ => not_found(),
    }
}

/// What a verified page, or the absence of one, says is not there.
pub(super) fn not_found() -> Answer {
    Answer::problem(StatusCode::NOT_FOUND, "Not Found", "")
}
