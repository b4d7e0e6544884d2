//! Which redirects are followed.

use std::net::Ipv4Addr;

use url::{Host, Url};

use super::show;
use crate::error::Error;
use crate::name::escaped;

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// To the same host alone; from http to https is fine.
    SameHost,
    /// To any host: the bytes are compared with a digest.
    AnyHost,
}

impl Redirects {
    /// The URL to go on with.
    pub(crate) fn follow(self, from: &Url, location: &str) -> Result<Url, Error> {
        let refuse = |reason| Err(Error::Redirect { url: show(from), location: escaped(location), reason });
        let Ok(to) = from.join(location) else { return refuse("not a url") };
        if !matches!(to.scheme(), "http" | "https") {
            return refuse("neither http nor https");
        }
        if from.scheme() == "https" && to.scheme() == "http" {
            return refuse("from https to http");
        }
        // A server that need not be trusted must not send requests to what listens for this machine alone.
        if is_local(&to) && !is_local(from) {
            return refuse("from another host to this machine");
        }
        let same_port = to.port_or_known_default() == from.port_or_known_default();
        let stays = to.host() == from.host() && (same_port || from.scheme() != to.scheme());
        if self == Self::SameHost && !stays {
            return refuse("metadata is not fetched from another host");
        }
        Ok(to)
    }
}

/// Whether the URL names this machine, or what only its own link reaches. A name that resolves to it is not looked up.
pub(crate) fn is_local(url: &Url) -> bool {
    let local =
        |address: Ipv4Addr| address.is_loopback() || address.is_link_local() || address.is_unspecified();
    match url.host() {
        Some(Host::Ipv4(address)) => local(address),
        Some(Host::Ipv6(address)) => address.to_ipv4_mapped().map_or_else(
            || address.is_loopback() || address.is_unicast_link_local() || address.is_unspecified(),
            local,
        ),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_where_they_may() {
        use Redirects::{AnyHost, SameHost};
        let table = [
            ("http://a/x", "/y", SameHost, Some("http://a/y")),
            ("http://a/x", "https://a/x", SameHost, Some("https://a/x")),
            ("https://a/x", "http://a/x", SameHost, None),
            ("https://a/x", "http://b/x", AnyHost, None),
            ("http://a/x", "http://b/x", SameHost, None),
            ("http://a/x", "http://a:81/x", SameHost, None),
            ("http://a/x", "http://b/x", AnyHost, Some("http://b/x")),
            ("http://a/x", "file:///etc/passwd", AnyHost, None),
            ("http://a/x", "http://", AnyHost, None),
            ("http://a/x", "http://127.0.0.1:6379/", AnyHost, None),
            ("http://a/x", "http://2130706433/", AnyHost, None),
            ("http://a/x", "http://0.0.0.0/", AnyHost, None),
            ("http://a/x", "http://169.254.169.254/latest/", AnyHost, None),
            ("http://a/x", "http://[::1]/", AnyHost, None),
            ("http://a/x", "http://[::ffff:127.0.0.1]/", AnyHost, None),
            ("http://a/x", "http://[fe80::1]/", AnyHost, None),
            ("http://a/x", "http://LocalHost./", AnyHost, None),
            ("http://10.0.0.1/x", "http://10.0.0.2/x", AnyHost, Some("http://10.0.0.2/x")),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:2/x", AnyHost, Some("http://127.0.0.1:2/x")),
        ];
        for (from, location, redirects, expected) in table {
            let to = redirects.follow(&Url::parse(from).unwrap(), location);
            assert_eq!(to.as_ref().ok().map(Url::as_str), expected, "{from} {location}");
            assert!(to.is_ok() || matches!(to, Err(Error::Redirect { .. })));
        }
    }
}
