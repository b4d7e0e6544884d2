//! `GET /metadata/{name}`: TUF metadata, by version but for the timestamp (TUF spec 6.2).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};

use crate::app::App;
use crate::disk_file::{self, DiskFile};
use crate::document::{Freshness, vary_by_encoding};
use crate::refusal::Refusal;

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let absent = || Refusal::not_found("no such metadata").into_response();
    let Ok(Path(name)) = name else { return absent() };
    let Some(path) = app.repository.directory().servable_metadata(&name) else { return absent() };
    let (freshness, document) = if is_versioned(&name) {
        (Freshness::Immutable, app.metadata.versioned(&name, path.clone()).await)
    } else if name == "timestamp.json" {
        (Freshness::Revalidate, app.metadata.timestamp(path.clone()).await)
    } else {
        return absent();
    };
    match document {
        Ok(Some(document)) => document.respond(&headers, freshness, vary_by_encoding()).await,
        // Too long to be held in memory.
        Ok(None) => {
            let file = DiskFile { path, content_type: "application/json", tag: None, freshness };
            file.respond(&method, &headers).await
        }
        Err(error) if disk_file::is_absent(&error) => absent(),
        Err(error) => Refusal::internal(&error).into_response(),
    }
}

/// Whether the name is `VERSION.ROLE.json`, which stands for the same bytes for ever.
fn is_versioned(name: &str) -> bool {
    name.split_once('.').is_some_and(|(version, rest)| {
        !version.starts_with('0')
            && !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_digit())
            && rest.len() > ".json".len()
    })
}

#[cfg(test)]
mod tests {
    use super::is_versioned;

    #[test]
    fn versions() {
        for (name, versioned) in [
            ("1.root.json", true),
            ("120.index-0a.json", true),
            ("timestamp.json", false),
            ("root.json", false),
            ("1.json", false),
            ("01.root.json", false),
            ("0.root.json", false),
            ("-1.root.json", false),
            (".root.json", false),
        ] {
            assert_eq!(is_versioned(name), versioned, "{name}");
        }
    }
}
