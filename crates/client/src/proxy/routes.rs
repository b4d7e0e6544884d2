//! Which request is answered by whom.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::ALLOW;
use http::{Method, Request, StatusCode};
use sealdex_simple::layout::relative_file_url;
use sealdex_simple::{IndexFile, ProjectName};
use url::Url;

use super::answer::Answer;
use super::request::Head;
use super::state::State;
use super::{elsewhere, file, page, release};

/// Answers a request. A body, which no route asks for, is not read.
pub(super) async fn answer<B>(state: &Arc<State>, request: &Request<B>) -> Answer {
    let head = Head::of(request);
    if let Some(refusal) = elsewhere::refuse(state, &head) {
        return refusal;
    }
    if !matches!(*head.method, Method::GET | Method::HEAD) {
        return method_not_allowed();
    }
    let answer = route(state, &head).await;
    if *head.method == Method::HEAD { answer.without_body() } else { answer }
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The list of all projects.
    ProjectList,
    /// A project's page, under its one URL.
    Page(ProjectName),
    /// A project's page under another name of the project, or without the slash at its end.
    PageElsewhere(ProjectName),
    /// What is known of a project, or of one of its releases.
    Release(ProjectName, Option<&'a str>),
    /// A project's file, or what is served beside one.
    File(ProjectName, &'a str),
    /// Nothing that is served here.
    Unknown,
}

impl<'a> Route<'a> {
    /// The route of a path's segments.
    pub(crate) fn of(segments: &'a [String]) -> Self {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match *segments.as_slice() {
            ["simple"] | ["simple", ""] => Self::ProjectList,
            ["simple", name] | ["simple", name, ""] => match ProjectName::parse(name) {
                Ok(project) if segments.len() == 3 && project.as_str() == name => Self::Page(project),
                Ok(project) => Self::PageElsewhere(project),
                Err(_) => Self::Unknown,
            },
            ["pypi", name, "json"] => {
                ProjectName::parse(name).map_or(Self::Unknown, |project| Self::Release(project, None))
            }
            ["pypi", name, version, "json"] => ProjectName::parse(name)
                .map_or(Self::Unknown, |project| Self::Release(project, Some(version))),
            ["files", name, filename] => {
                ProjectName::parse(name).map_or(Self::Unknown, |project| Self::File(project, filename))
            }
            _ => Self::Unknown,
        }
    }
}

async fn route(state: &Arc<State>, head: &Head<'_>) -> Answer {
    match Route::of(head.segments.as_deref().unwrap_or_default()) {
        Route::ProjectList => project_list(),
        Route::Page(project) => page::answer(state, head, &project).await,
        Route::PageElsewhere(project) => page::redirect(&project),
        Route::Release(project, version) => {
            let address = state.address();
            let place = |project: &ProjectName, file: &IndexFile| file_url(address, project, file);
            release::answer(state, &project, version, &place).await
        }
        Route::File(project, filename) => file::answer(state, head, &project, filename).await,
        Route::Unknown => not_found(),
    }
}

/// Where a file is to be had from the proxy at `address`.
fn file_url(address: SocketAddr, project: &ProjectName, file: &IndexFile) -> Option<Url> {
    let page = Url::parse(&format!("http://{address}/simple/{project}/")).ok()?;
    page.join(&relative_file_url(project, &file.filename)).ok()
}

/// Which other methods there are.
pub(super) fn method_not_allowed() -> Answer {
    Answer::problem(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here", "")
        .header(ALLOW, "GET, HEAD")
}

pub(super) fn project_list() -> Answer {
    Answer::problem(
        StatusCode::NOT_FOUND,
        "the list of all projects is not signed, so sealdex does not serve it",
        "ask for a project by its name",
    )
}

/// What a verified page, or the absence of one, says is not there.
pub(super) fn not_found() -> Answer {
    Answer::problem(StatusCode::NOT_FOUND, "Not Found", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_url() {
        let project = || ProjectName::parse("holy-grail").unwrap();
        let table = [
            ("simple", Route::ProjectList),
            ("simple/", Route::ProjectList),
            ("simple/holy-grail/", Route::Page(project())),
            ("simple/holy-grail", Route::PageElsewhere(project())),
            ("simple/Holy_Grail/", Route::PageElsewhere(project())),
            ("simple/holy-grail/x", Route::Unknown),
            ("simple/../", Route::Unknown),
            ("files/Holy_Grail/a.whl", Route::File(project(), "a.whl")),
            ("files/holy-grail", Route::Unknown),
            ("pypi/Holy_Grail/json", Route::Release(project(), None)),
            ("pypi/holy-grail/1.0/json", Route::Release(project(), Some("1.0"))),
            ("pypi/holy-grail/1.0/x/json", Route::Unknown),
            ("pypi/holy-grail", Route::Unknown),
            ("", Route::Unknown),
        ];
        for (path, expected) in table {
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(Route::of(&segments), expected, "{path}");
        }
    }
}
