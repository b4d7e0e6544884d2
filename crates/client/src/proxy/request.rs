//! What a request says.

use http::header::{ACCEPT, HOST, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderName, Method, Request};

/// A request's head: no route takes a body.
pub(crate) struct Head<'a> {
    pub(super) method: &'a Method,
    /// The path's segments, percent-decoded; `None` when the path is no UTF-8.
    pub(crate) segments: Option<Vec<String>>,
    headers: &'a http::HeaderMap,
    /// The authority of a request in absolute form, or of `CONNECT`.
    pub(super) authority: Option<&'a str>,
}

impl<'a> Head<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        let path = request.uri().path();
        let segments = path.strip_prefix('/').and_then(|path| path.split('/').map(percent_decode).collect());
        Self {
            method: request.method(),
            segments,
            headers: request.headers(),
            authority: request.uri().authority().map(http::uri::Authority::as_str),
        }
    }

    /// A header that must not occur twice, or the values of one that may, as a list.
    pub(super) fn header(&self, name: HeaderName) -> Option<String> {
        let mut values = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let first = values.next()?.to_owned();
        Some(values.fold(first, |list, value| format!("{list}, {value}")))
    }

    pub(super) fn host(&self) -> Option<String> {
        self.header(HOST)
    }

    pub(super) fn accept(&self) -> Option<String> {
        self.header(ACCEPT)
    }

    pub(super) fn is_pip(&self) -> bool {
        self.header(USER_AGENT).is_some_and(|agent| agent.starts_with("pip/"))
    }

    /// Whether the client has what `etag` (quoted) names already (RFC 9110, 13.1.2).
    pub(super) fn has(&self, etag: &str) -> bool {
        self.header(IF_NONE_MATCH).is_some_and(|list| {
            list.split(',')
                .map(str::trim)
                .any(|own| own == "*" || own.strip_prefix("W/").unwrap_or(own) == etag)
        })
    }
}

pub(super) fn percent_decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_after_they_are_split() {
        let request = |uri: &str| Request::builder().uri(uri).body(()).unwrap();
        let table: [(&str, Option<&[&str]>); 5] = [
            ("/simple/six/", Some(&["simple", "six", ""])),
            ("/files/six/a%2Fb%20c", Some(&["files", "six", "a/b c"])),
            ("/a%2", None),
            ("/a%ff", None),
            ("http://host:1/simple/?q=/x", Some(&["simple", ""])),
        ];
        for (uri, expected) in table {
            let request = request(uri);
            let segments = Head::of(&request).segments;
            let expected = expected.map(|own| own.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(segments, expected, "{uri}");
        }
    }

    #[test]
    fn etags_are_compared_weakly() {
        for (header, expected) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false)]
        {
            let request = Request::builder().uri("/").header(IF_NONE_MATCH, header).body(()).unwrap();
            assert_eq!(Head::of(&request).has("\"a\""), expected, "{header}");
        }
    }
}
