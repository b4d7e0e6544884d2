//! `GET /metadata/{name}`: TUF metadata, by version but for the timestamp (TUF spec 6.2).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};
use sealdex_repository::BlobName;

use crate::app::App;
use crate::document::{Freshness, vary_by_encoding};
use crate::refusal::Refusal;
use crate::stored_file::StoredFile;
use crate::versioned;

const CONTENT_TYPE: &str = "application/json";

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let absent = || Refusal::not_found("no such metadata").into_response();
    let Ok(Path(name)) = name else { return absent() };
    let Some(stored) = BlobName::servable_metadata(&name) else { return absent() };
    if let Some(role) = role_suffix(&name) {
        let file = StoredFile {
            name: stored,
            content_type: CONTENT_TYPE,
            tag: None,
            freshness: Freshness::Immutable,
        };
        // An older version of the same role.
        let older =
            |id: &str| (role_suffix(id) == Some(role)).then(|| BlobName::servable_metadata(id)).flatten();
        return versioned::respond(&app, file, &name, role, older, &method, &headers).await;
    }
    if name != "timestamp.json" {
        return absent();
    }
    let freshness = Freshness::Revalidate;
    match app.timestamp.document().await {
        Ok(Some(document)) => document.respond(&headers, freshness, vary_by_encoding(), None).await,
        // Too long to be held in memory.
        Ok(None) => {
            let file = StoredFile { name: stored, content_type: CONTENT_TYPE, tag: None, freshness };
            file.respond(&app, &method, &headers).await
        }
        Err(error) if error.is_absent() => absent(),
        Err(error) => Refusal::failed(&error).into_response(),
    }
}

/// `.ROLE.json` of `VERSION.ROLE.json`, which stands for the same bytes for ever; `None` for other names.
fn role_suffix(name: &str) -> Option<&str> {
    let (version, suffix) = name.split_at_checked(name.find('.')?)?;
    let versioned = !version.starts_with('0')
        && !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && suffix.len() > "..json".len()
        && suffix.ends_with(".json");
    versioned.then_some(suffix)
}

#[cfg(test)]
mod tests {
    use super::role_suffix;

    #[test]
    fn versions() {
        for (name, role) in [
            ("1.root.json", Some(".root.json")),
            ("120.index-0a.json", Some(".index-0a.json")),
            ("3.a.b.json", Some(".a.b.json")),
            ("timestamp.json", None),
            ("root.json", None),
            ("1.json", None),
            ("1..json", None),
            ("01.root.json", None),
            ("0.root.json", None),
            ("-1.root.json", None),
            (".root.json", None),
            ("1.root.json.gz", None),
            ("", None),
        ] {
            assert_eq!(role_suffix(name), role, "{name}");
        }
    }
}
