//! Hosts that the user lets through unverified.

use std::fmt;
use std::str::FromStr;

use url::Host;

use crate::error::Error;
use crate::name::excerpt;

/// A host that the processes of a run may reach although nothing of it is verified: `HOST`, on the ports of http and
/// https, or `HOST:PORT`. There are no wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    port: Option<u16>,
}

impl AllowedHost {
    /// Whether it is `host` (as a URL spells it) on `port`.
    pub(super) fn is(&self, host: &str, port: u16) -> bool {
        let port_allowed = self.port.map_or(matches!(port, 80 | 443), |own| own == port);
        self.host.eq_ignore_ascii_case(host) && port_allowed
    }
}

impl FromStr for AllowedHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::InvalidHost { host: excerpt(text), reason };
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of an IPv6 address without a port is inside the brackets.
            Some((host, port)) if !port.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| refuse("no port after the colon"))?))
            }
            _ => (text, None),
        };
        // As a URL's parser sees it, which is what requests are compared by.
        let host = Host::parse(host).map_err(|_| refuse("not the name or address of a host"))?.to_string();
        if host.contains('*') {
            return Err(refuse("there are no wildcards"));
        }
        if host.ends_with('.') {
            return Err(refuse("it is written without the dot at its end"));
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_let_through_by_name_and_port() {
        let table = [
            ("files.example", "files.example", 443, true),
            ("files.example", "FILES.example", 80, true),
            ("Files.Example", "files.example", 443, true),
            ("files.example", "files.example", 8443, false),
            ("files.example:8443", "files.example", 8443, true),
            ("files.example:8443", "files.example", 443, false),
            ("files.example", "a.files.example", 443, false),
            ("files.example", "files.example.evil.example", 443, false),
            ("127.0.0.1:8080", "127.0.0.1", 8080, true),
            ("[::1]", "[::1]", 443, true),
            ("[::1]:8080", "[::1]", 8080, true),
        ];
        for (allowed, host, port, expected) in table {
            let own: AllowedHost = allowed.parse().unwrap();
            assert_eq!(own.is(host, port), expected, "{allowed} {host} {port}");
        }
        for bad in
            ["", "https://files.example", "files.example/", "a b", "*.example", "files.example:x", "::1"]
        {
            assert!(bad.parse::<AllowedHost>().is_err(), "{bad}");
        }
    }
}
