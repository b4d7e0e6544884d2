//! Who uploads: HTTP Basic authentication (RFC 7617) with the user `__token__` and a token as password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use crate::refusal::Refusal;

const USER: &str = "__token__";
const MAX_HEADER_BYTES: usize = 4096;

/// A token as a client sent it; not yet known to be one. Nothing ever prints it.
pub(crate) struct OfferedToken(String);

impl OfferedToken {
    /// Takes the token out of a request's head.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "no credentials: uploads need the user name __token__ and a token as password",
            )
            .with_header(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"sealdex\", charset=\"UTF-8\""),
            ));
        };
        let unreadable =
            || Refusal::new(StatusCode::FORBIDDEN, "the credentials cannot be read: Basic is expected");
        if value.len() > MAX_HEADER_BYTES {
            return Err(unreadable());
        }
        let value = value.to_str().map_err(|_| unreadable())?;
        let (scheme, encoded) = value.split_once(' ').ok_or_else(unreadable)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(unreadable());
        }
        let decoded = STANDARD.decode(encoded.trim()).map_err(|_| unreadable())?;
        let decoded = String::from_utf8(decoded).map_err(|_| unreadable())?;
        let (user, password) = decoded.split_once(':').ok_or_else(unreadable)?;
        if user != USER {
            // What was given as the name may be the token.
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "the user name must be __token__, with a token as password",
            ));
        }
        Ok(Self(password.trim().to_owned()))
    }

    /// The text, for the comparison with the tokens there are.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Result<String, u16> {
        let headers = [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
        OfferedToken::from_headers(&headers).map(|token| token.0).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn credentials() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (value, expected) in [
            (basic("__token__:sdx_abc"), Ok("sdx_abc".to_owned())),
            (basic("__token__:a:b"), Ok("a:b".to_owned())),
            (basic("__token__:abc\n"), Ok("abc".to_owned())),
            (basic("__token__:abc").replace("Basic", "bASIC"), Ok("abc".to_owned())),
            (basic("alice:abc"), Err(403)),
            (basic("abc"), Err(403)),
            ("Bearer abc".to_owned(), Err(403)),
            ("Basic !!!".to_owned(), Err(403)),
            ("Basic".to_owned(), Err(403)),
            (format!("Basic {}", "a".repeat(5000)), Err(403)),
        ] {
            assert_eq!(token(&value), expected, "{value}");
        }
        let refusal = OfferedToken::from_headers(&HeaderMap::new()).err().unwrap();
        assert_eq!(refusal.status(), 401);
    }
}
