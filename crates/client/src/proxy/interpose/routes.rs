//! What a request for some URL is answered with.

use std::sync::Arc;

use http::header::LOCATION;
use http::{Method, StatusCode};
use sealdex_simple::{IndexFile, ProjectName};
use url::Url;

use super::indexes::{Asked, file_url};
use super::{HINT, Interposition};
use crate::name::escaped;
use crate::proxy::answer::Answer;
use crate::proxy::elsewhere::Stray;
use crate::proxy::page::{self, verified_page};
use crate::proxy::request::Head;
use crate::proxy::state::State;
use crate::proxy::{elsewhere, file, release, routes};

pub(super) async fn answer(
    state: &Arc<State>,
    interposition: &Interposition,
    head: &Head<'_>,
    url: &Url,
) -> Answer {
    let asked = interposition.indexes.asked(url);
    if asked == Asked::Other {
        return elsewhere::refused(state, head, stray(url, ""));
    }
    if !matches!(*head.method, Method::GET | Method::HEAD) {
        return routes::method_not_allowed();
    }
    if let Asked::Page(project) | Asked::Release(project, _) = &asked
        && let Some(answer) = bound_elsewhere(state, interposition, url, project)
    {
        return answer;
    }
    let answer = match asked {
        Asked::ProjectList => routes::project_list(),
        Asked::Page(project) => page::answer(state, head, &project).await,
        Asked::PageElsewhere(path) => Answer::empty(StatusCode::MOVED_PERMANENTLY).header(LOCATION, &path),
        Asked::Release(project, version) => {
            let index = interposition.indexes.asked_at(url);
            let place = |project: &ProjectName, file: &IndexFile| file_url(index?, project, file);
            release::answer(state, &project, version.as_deref(), &place).await
        }
        Asked::File(projects, filename) => {
            file_of(state, interposition, head, url, &projects, &filename).await
        }
        Asked::Other => routes::not_found(),
    };
    if *head.method == Method::HEAD { answer.without_body() } else { answer }
}

/// A file of one of these projects, if its signed page lists it. From the host of an index it is enough that the page has
/// a file of that name: a lock file may be older than the repository, or made where the index kept its files elsewhere.
/// On any other host the page must name this very place, lest a file that someone else offers be mistaken for the
/// index's.
async fn file_of(
    state: &Arc<State>,
    interposition: &Interposition,
    head: &Head<'_>,
    url: &Url,
    projects: &[ProjectName],
    filename: &str,
) -> Answer {
    let indexes = &interposition.indexes;
    let base = filename.strip_suffix(".metadata").unwrap_or(filename);
    let mut known = None;
    for project in projects {
        let page = match verified_page(state, project).await {
            Ok(Some((page, _))) => page,
            Ok(None) => continue,
            Err(error) => {
                return Answer::refused(&state.refuse(Some(project), Some(escaped(filename)), &error));
            }
        };
        known = known.or(Some(project));
        let Some(listed) = page.page().file(base) else { continue };
        if indexes.are_on_host_of(url) || indexes.list(project, listed, url) {
            return file::answer(state, head, project, filename).await;
        }
        let why = format!(": the signed page of {project} has it elsewhere");
        let mut stray = stray(url, &why).of(&state.policies(), std::slice::from_ref(project), base);
        stray.hint = by_name(state, project);
        return elsewhere::refused(state, head, stray);
    }
    let mut stray = stray(url, "").of(&state.policies(), projects, base);
    if let Some(project) = known {
        stray.hint = by_name(state, project);
        stray.project = Some(project.clone());
    }
    elsewhere::refused(state, head, stray)
}

/// What to do about a file of a project that can be had verified.
fn by_name(state: &State, project: &ProjectName) -> String {
    let from = state.repository_of(project).map(|name| format!(" from {name}")).unwrap_or_default();
    format!("ask for {project} by its name: what is to be had of it{from} is verified")
}

/// Where several repositories stand for several indexes, each index has the projects of its own repository alone: as a
/// tool that asks one index after the other expects it, and so that no index gives what is another's.
fn bound_elsewhere(
    state: &State,
    interposition: &Interposition,
    url: &Url,
    project: &ProjectName,
) -> Option<Answer> {
    let index = interposition.indexes.asked_at(url)?;
    let repositories = state.repositories();
    let place = repositories.place_for(project).ok()?;
    if repositories.is_asked_at(place, index) {
        interposition.misplaced.found(project);
        return None;
    }
    let repository = repositories.as_slice().get(place)?;
    interposition.misplaced.note(state.client().now(), project, repository, index);
    let title = format!("{project} belongs to {}, which does not stand for this index", repository.name());
    Some(Answer::problem(StatusCode::NOT_FOUND, &title, ""))
}

/// Nothing that came over the network unverified is handed on.
fn stray(url: &Url, why: &str) -> Stray {
    let mut shown = url.clone();
    shown.set_query(None);
    let shown = escaped(shown.as_str());
    let message = format!("{shown} is not verified by sealdex{why}");
    Stray::new(shown, message, HINT)
}
