//! Entity tags and conditional requests (RFC 9110, 8.8.3 and 13).

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE};

/// A strong entity tag: what it stands for are exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(HeaderValue);

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Serve it.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: the client wanted other bytes.
    PreconditionFailed,
}

impl EntityTag {
    /// The tag of the bytes with this lower-case hexadecimal SHA-256; `None` if it is none.
    pub(crate) fn from_sha256(digest: &str) -> Option<Self> {
        if digest.len() != 64 || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        HeaderValue::from_str(&format!("\"{digest}\"")).ok().map(Self)
    }

    /// The tag of another representation of the same thing, such as `gzip`: letters only.
    pub(crate) fn variant(&self, suffix: &str) -> Self {
        let tag = self.0.to_str().unwrap_or_default().trim_matches('"');
        HeaderValue::from_str(&format!("\"{tag}-{suffix}\"")).map_or_else(|_| self.clone(), Self)
    }

    /// The value of the `ETag` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Evaluates `If-Match` and `If-None-Match` (13.2.2). Dates are not compared: nothing here has one to rely on.
    pub(crate) fn evaluate(&self, headers: &HeaderMap) -> Outcome {
        if headers.contains_key(IF_MATCH) && !self.is_listed(headers, &IF_MATCH, Comparison::Strong) {
            return Outcome::PreconditionFailed;
        }
        if self.is_listed(headers, &IF_NONE_MATCH, Comparison::Weak) {
            return Outcome::NotModified;
        }
        Outcome::Proceed
    }

    /// Whether a `Range` header counts: there is no `If-Range`, or it has this tag (13.1.5).
    pub(crate) fn allows_range(&self, headers: &HeaderMap) -> bool {
        headers.get(IF_RANGE).is_none_or(|value| value == self.0)
    }

    fn is_listed(&self, headers: &HeaderMap, name: &HeaderName, comparison: Comparison) -> bool {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|list| {
            // No tag made here has a comma in it, so other ones may fall apart.
            list.split(',').map(str::trim).any(|tag| {
                let tag = match comparison {
                    Comparison::Weak => tag.strip_prefix("W/").unwrap_or(tag),
                    Comparison::Strong => tag,
                };
                tag == "*" || tag.as_bytes() == self.0.as_bytes()
            })
        })
    }
}

/// How tags are compared (8.8.3.2).
#[derive(Clone, Copy)]
enum Comparison {
    Weak,
    Strong,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_digests_become_tags() {
        assert!(EntityTag::from_sha256(DIGEST).is_some());
        for digest in ["", "abc", &DIGEST.to_uppercase(), &DIGEST.replace('e', "\"")] {
            assert!(EntityTag::from_sha256(digest).is_none(), "{digest}");
        }
    }

    #[test]
    fn conditions() {
        use Outcome::{NotModified, PreconditionFailed, Proceed};
        let tag = EntityTag::from_sha256(DIGEST).unwrap();
        let own = format!("\"{DIGEST}\"");
        let weak = format!("W/{own}");
        let among = format!("\"a\", {own}");
        for (name, value, expected) in [
            (IF_NONE_MATCH, own.as_str(), NotModified),
            (IF_NONE_MATCH, &weak, NotModified),
            (IF_NONE_MATCH, &among, NotModified),
            (IF_NONE_MATCH, "*", NotModified),
            (IF_NONE_MATCH, "\"a\"", Proceed),
            (IF_NONE_MATCH, DIGEST, Proceed),
            (IF_MATCH, &own, Proceed),
            (IF_MATCH, "*", Proceed),
            (IF_MATCH, &weak, PreconditionFailed),
            (IF_MATCH, "\"a\"", PreconditionFailed),
        ] {
            assert_eq!(tag.evaluate(&headers(&[(name.clone(), value)])), expected, "{name}: {value}");
        }
        assert_eq!(tag.evaluate(&HeaderMap::new()), Proceed);
        assert_eq!(tag.variant("gzip").evaluate(&headers(&[(IF_NONE_MATCH, &own)])), Proceed);
    }

    #[test]
    fn if_range_wants_the_exact_tag() {
        let tag = EntityTag::from_sha256(DIGEST).unwrap();
        assert!(tag.allows_range(&HeaderMap::new()));
        assert!(tag.allows_range(&headers(&[(IF_RANGE, &format!("\"{DIGEST}\""))])));
        for other in [format!("W/\"{DIGEST}\""), "\"a\"".into(), "Sat, 21 Nov 2026 00:00:00 GMT".into()] {
            assert!(!tag.allows_range(&headers(&[(IF_RANGE, &other)])), "{other}");
        }
    }
}
