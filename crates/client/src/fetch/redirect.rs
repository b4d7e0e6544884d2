//! Which redirects are followed.

use url::Url;

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
    pub(super) fn follow(self, from: &Url, location: &str) -> Result<Url, Error> {
        let refuse = |reason| Err(Error::Redirect { url: show(from), location: escaped(location), reason });
        let Ok(to) = from.join(location) else { return refuse("not a url") };
        if !matches!(to.scheme(), "http" | "https") {
            return refuse("neither http nor https");
        }
        if from.scheme() == "https" && to.scheme() == "http" {
            return refuse("from https to http");
        }
        let same_port = to.port_or_known_default() == from.port_or_known_default();
        let stays = to.host() == from.host() && (same_port || from.scheme() != to.scheme());
        if self == Self::SameHost && !stays {
            return refuse("metadata is not fetched from another host");
        }
        Ok(to)
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
        ];
        for (from, location, redirects, expected) in table {
            let to = redirects.follow(&Url::parse(from).unwrap(), location);
            assert_eq!(to.as_ref().ok().map(Url::as_str), expected, "{from} {location}");
            assert!(to.is_ok() || matches!(to, Err(Error::Redirect { .. })));
        }
    }
}
