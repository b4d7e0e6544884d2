//! `GET /simple/<project>/`

use std::sync::Arc;

use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, LOCATION, VARY};
use sealdex_simple::layout::relative_file_url;
use sealdex_simple::{ContentType, CoreMetadata, IndexPage, ProjectName, negotiate};

use super::answer::Answer;
use super::refusal::Refusal;
use super::request::Head;
use super::routes::not_found;
use super::state::State;
use crate::decision::Decision;
use crate::error::Error;
use crate::name::Sha256Digest;
use crate::policy::{LeftOut, Policies, nothing_left};
use crate::session::VerifiedPage;

pub(super) fn redirect(project: &ProjectName) -> Answer {
    Answer::empty(StatusCode::MOVED_PERMANENTLY).header(LOCATION, &format!("/simple/{project}/"))
}

pub(super) async fn answer(state: &Arc<State>, head: &Head<'_>, project: &ProjectName) -> Answer {
    let Some(content_type) = negotiate(head.accept().as_deref()) else {
        return Answer::problem(
            StatusCode::NOT_ACCEPTABLE,
            "pages are served as JSON and HTML of the simple API, version 1",
            "ask for application/vnd.pypi.simple.v1+json",
        );
    };
    match verified_page(state, project).await {
        Ok(Some((page, policies))) => {
            let (admitted, left_out) = policies.admitted(page.page(), state.client().now());
            if admitted.files.is_empty() && !left_out.is_empty() {
                let forbidden = nothing_left(&left_out).forbidden(project.as_str());
                return refuse(head, &state.refuse(Some(project), None, &forbidden));
            }
            let etag = etag(&page, content_type, &left_out);
            state.tell(|now| Some(Decision::page(now, &page, left_out)));
            let answer = if head.has(&etag) {
                Answer::empty(StatusCode::NOT_MODIFIED)
            } else {
                let body = render(state, &admitted, content_type);
                Answer::bytes(StatusCode::OK, content_type.as_header_value(), body.into())
            };
            // Asked again each time: an installer must not go on with what a later snapshot took back.
            answer.header(ETAG, &etag).header(CACHE_CONTROL, "no-cache").header(VARY, "Accept")
        }
        Ok(None) => not_found(),
        Err(error) => refuse(head, &state.refuse(Some(project), None, &error)),
    }
}

/// The page in the snapshot that is served now, of the repository that the project belongs to, if those have signed for it
/// whom policy pins; and the policies by which it is to be judged. All that is handed out of a project begins here.
pub(super) async fn verified_page(
    state: &State,
    project: &ProjectName,
) -> Result<Option<(Arc<VerifiedPage>, Policies)>, Arc<Error>> {
    let policies = state.policies_now().await?;
    let session = state.source_of(project)?.session().await?;
    let Some(page) = session.page(project).await? else { return Ok(None) };
    policies.check_publisher(project, page.publisher())?;
    Ok(Some((page, policies)))
}

/// pip hides why an index page could not be had, and goes on as if the project did not exist; but it shows the whole
/// content type of an answer that it cannot read. Others show the reason of an error.
pub(super) fn refuse(head: &Head<'_>, refusal: &Refusal) -> Answer {
    if !head.is_pip() {
        return Answer::refused(refusal);
    }
    let reason = refusal.line().replace(['"', '\\'], "'");
    let content_type = format!("application/x-sealdex-refused; reason=\"{reason}\"");
    Answer::bytes(StatusCode::OK, &content_type, refusal.line().into()).header(CACHE_CONTROL, "no-store")
}

/// The signed page, its files to be had here; in place of another index, where they are: lock files hold these URLs.
/// Nothing is offered that could not be verified.
fn render(state: &State, page: &IndexPage, content_type: ContentType) -> Vec<u8> {
    let mut page = match state.interposition() {
        Some(_) => page.clone(),
        None => page.with_file_urls(|file| relative_file_url(&page.name, &file.filename)),
    };
    for file in &mut page.files {
        if file.core_metadata.sha256().is_none() {
            file.core_metadata = CoreMetadata::Absent;
        }
        // Signatures and attestations beside the files are not served here.
        file.gpg_sig = None;
        file.provenance = None;
    }
    match content_type {
        ContentType::JsonV1 => page.to_json(),
        ContentType::HtmlV1 | ContentType::LegacyHtml => page.to_html().into_bytes(),
    }
}

/// What is rendered follows from the signed bytes, the format, the version of this program, and what policy left out.
fn etag(page: &VerifiedPage, content_type: ContentType, left_out: &[LeftOut]) -> String {
    let format = if content_type == ContentType::JsonV1 { "json" } else { "html" };
    let names: Vec<&str> = left_out.iter().map(|own| own.file.as_str()).collect();
    // No name has a slash.
    let without = match names.as_slice() {
        [] => String::new(),
        names => format!("-{}", Sha256Digest::of(names.join("/").as_bytes())),
    };
    format!("\"{}-{format}-{}{without}\"", page.sha256(), env!("CARGO_PKG_VERSION"))
}
