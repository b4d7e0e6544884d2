//! `GET /files/<project>/<file>`

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use sealdex_simple::{IndexFile, ProjectName};
use url::Url;

use super::answer::Answer;
use super::content::{self, Content, FILE_TYPE};
use super::download::Wanted;
use super::page::verified_page;
use super::request::Head;
use super::routes::not_found;
use super::sidecar;
use super::state::State;
use crate::bound::Bound;
use crate::decision::Decision;
use crate::error::Error;
use crate::name::{Sha256Digest, escaped};
use crate::store::RepositoryRecord;

/// Files up to this size are sent from memory, larger ones from the verified file: fifty installers at once are to fit in
/// memory. None is sent before it is verified: installers wait longer than that takes ([`crate::pip_environment`]), or
/// try again and join the same download.
const MAX_MEMORY_BYTES: u64 = 1 << 20;

pub(super) async fn answer(
    state: &Arc<State>,
    head: &Head<'_>,
    project: &ProjectName,
    filename: &str,
) -> Answer {
    let (page, policies) = match verified_page(state, project).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_found(),
        Err(error) => return Answer::refused(&state.refuse(Some(project), Some(escaped(filename)), &error)),
    };
    let listed = |name: &str| page.page().file(name);
    let beside = filename.strip_suffix(".metadata").and_then(listed);
    if let Some(file) = listed(filename).or(beside)
        && let Some(why) = policies.refuses(project, file, state.client().now())
    {
        let forbidden = why.forbidden(filename);
        return Answer::refused(&state.refuse(Some(project), Some(escaped(filename)), &forbidden));
    }
    let answered = match (listed(filename), beside) {
        (Some(file), _) => serve(state, head, project, file).await.inspect(|answer| {
            if *head.method == Method::GET && answer.gives_content() {
                state.tell(|now| Decision::file(now, state.source_of(project).ok()?.record(), &page, file));
            }
        }),
        (None, Some(file)) => sidecar::serve(state, head, project, file).await,
        (None, None) => return not_found(),
    };
    answered.unwrap_or_else(|error| {
        Answer::refused(&state.refuse(Some(project), Some(escaped(filename)), &error))
    })
}

async fn serve(
    state: &Arc<State>,
    head: &Head<'_>,
    project: &ProjectName,
    file: &IndexFile,
) -> Result<Answer, Arc<Error>> {
    let wanted = wanted(state, project, file)?;
    let (digest, length) = (wanted.digest, wanted.length);
    if head.has(&content::etag(digest)) {
        return Ok(content::with_headers(Answer::empty(StatusCode::NOT_MODIFIED), digest));
    }
    if *head.method == Method::HEAD {
        // All that is asked for stands on the signed page.
        let answer = Answer::empty(StatusCode::OK).header(CONTENT_TYPE, FILE_TYPE);
        return Ok(content::with_headers(answer.header(CONTENT_LENGTH, &length.to_string()), digest));
    }
    let content = match kept(state, digest, length).await {
        Some(content) => content,
        None => download(state, wanted).await?,
    };
    Ok(content::with_headers(content.answer(head, digest), digest))
}

/// The file in the cache, verified now, or a moment ago and unchanged since.
async fn kept(state: &State, digest: Sha256Digest, length: u64) -> Option<Content> {
    let cache = state.client().cache();
    if length <= MAX_MEMORY_BYTES {
        let bytes = cache.read(digest, length).await?;
        return (bytes.len() as u64 == length).then(|| Content::Memory(bytes.into()));
    }
    if let Some(file) = state.recent_files.unchanged(digest) {
        return Some(Content::File { file, length });
    }
    let file = Arc::new(cache.open_file(digest, length).await?);
    state.recent_files.remember(digest, &file);
    Some(Content::File { file, length })
}

async fn download(state: &State, wanted: Wanted) -> Result<Content, Arc<Error>> {
    state.may_fetch(&wanted.name)?;
    let (digest, length) = (wanted.digest, wanted.length);
    let file = state.downloads.join(state.client(), wanted).verified().await?;
    if length > MAX_MEMORY_BYTES {
        state.recent_files.remember(digest, &file);
        return Ok(Content::File { file, length });
    }
    let bytes = content::read_now(&file, 0, length);
    let bytes = bytes.map_err(|source| Error::io("read", state.client().cache().path(digest), source))?;
    Ok(Content::Memory(bytes))
}

/// What the signed page says of a file, which must be enough to verify it.
fn wanted(state: &State, project: &ProjectName, file: &IndexFile) -> Result<Wanted, Error> {
    let name = file.filename.to_string();
    let unverifiable = |missing| Error::Unverifiable { file: name.clone(), missing };
    let digest = digest(file.sha256()).ok_or_else(|| unverifiable("a sha256"))?;
    let length = file.size.ok_or_else(|| unverifiable("a size"))?;
    let limit = state.client().settings().max_file_bytes;
    if length > limit {
        return Err(Error::TooLarge { file: name, length, limit, bound: Some(Bound::MaxFileBytes) });
    }
    let urls = urls(state.source_of(project)?.record(), project, file, digest, "");
    Ok(Wanted { name, digest, length, urls })
}

/// Where a file, or with `suffix` one beside it, may be: where the page says, and where a repository's own files are
/// on any web server, under the digest of the file.
pub(crate) fn urls(
    record: &RepositoryRecord,
    project: &ProjectName,
    file: &IndexFile,
    digest: Sha256Digest,
    suffix: &str,
) -> Vec<Url> {
    let page_url = record.simple_url.folder(project.as_str());
    let listed = page_url.as_url().join(&file.url).ok().map(|mut url| {
        url.set_fragment(None);
        let path = format!("{}{suffix}", url.path());
        url.set_path(&path);
        url
    });
    let component = file.filename.to_url_component();
    let own = record.targets_url.file(&format!("files/{project}/{digest}.{component}{suffix}"));
    listed.into_iter().filter(|url| matches!(url.scheme(), "http" | "https")).chain(own.ok()).collect()
}

pub(super) fn digest(text: Option<&str>) -> Option<Sha256Digest> {
    text.and_then(|text| Sha256Digest::parse(text).ok())
}
