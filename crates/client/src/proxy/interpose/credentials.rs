//! Who may use the proxy of a run: its own processes.
//!
//! Loopback is open to every user of a machine. So the proxy's URL, which only the processes of the run are given, holds
//! a password. Tools send it as they do with any proxy (RFC 9110, 11.7.2).

use std::fmt;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::PROXY_AUTHORIZATION;

use super::random_bytes;
use crate::error::Error;
use crate::name::Sha256Digest;
use crate::proxy::request::Head;

const USER: &str = "run";

/// The password of one run.
pub(super) struct Credentials {
    password: String,
}

impl Credentials {
    pub(super) fn new() -> Result<Self, Error> {
        // Hexadecimal digits are the same in a URL, in a header and in every tool's hands.
        Ok(Self { password: hex::encode(random_bytes::<16>()?) })
    }

    /// The URL for `HTTPS_PROXY`.
    pub(super) fn proxy_url(&self, address: SocketAddr) -> String {
        format!("http://{USER}:{}@{address}", self.password)
    }

    /// Whether the request brings them.
    pub(super) fn are_in(&self, head: &Head<'_>) -> bool {
        let Some(header) = head.header(PROXY_AUTHORIZATION) else { return false };
        let Some((scheme, value)) = header.split_once(' ') else { return false };
        let expected = STANDARD.encode(format!("{USER}:{}", self.password));
        // Of digests: how long it takes tells nothing of the password.
        let matches = Sha256Digest::of(value.trim().as_bytes()) == Sha256Digest::of(expected.as_bytes());
        scheme.eq_ignore_ascii_case("basic") && matches
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn only_the_password_of_the_run_will_do() {
        let own = Credentials::new().unwrap();
        let header = |user: &str, password: &str| STANDARD.encode(format!("{user}:{password}"));
        let right = header(USER, &own.password);
        let table = [
            (Some(format!("Basic {right}")), true),
            (Some(format!("basic {right}")), true),
            (Some(format!("Bearer {right}")), false),
            (Some(right.clone()), false),
            (Some(format!("Basic {}", header(USER, &Credentials::new().unwrap().password))), false),
            (Some(format!("Basic {}", header("other", &own.password))), false),
            (Some(format!("Basic {right}, Basic {right}")), false),
            (Some("Basic ".to_owned()), false),
            (None, false),
        ];
        for (header, expected) in table {
            let mut request = Request::builder().uri("http://index.example/");
            if let Some(header) = &header {
                request = request.header(PROXY_AUTHORIZATION, header);
            }
            let request = request.body(()).unwrap();
            assert_eq!(own.are_in(&Head::of(&request)), expected, "{header:?}");
        }
        assert!(!format!("{own:?}").contains(&own.password));
    }
}
