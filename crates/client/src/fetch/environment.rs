//! The variables by which this machine's proxy is known. What reads them takes a value that it cannot read for none, or one
//! that it reads otherwise than it was meant: hosts would be asked directly, or told a part of a password.

use std::ffi::OsString;

use url::Url;

use crate::error::Error;

const VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Refuses what is no proxy's URL.
///
/// # Errors
/// [`Error::InvalidProxy`]
pub(crate) fn check_proxies(value: impl Fn(&str) -> Option<OsString>) -> Result<(), Error> {
    for variable in VARIABLES {
        let Some(value) = value(variable).filter(|value| !value.is_empty()) else { continue };
        let reason = match value.to_str() {
            None => Some("it is not valid UTF-8"),
            Some(url) => fault(url),
        };
        if let Some(reason) = reason {
            return Err(Error::InvalidProxy { variable, reason });
        }
    }
    Ok(())
}

fn fault(text: &str) -> Option<&'static str> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    if with_scheme.matches('@').count() > 1 {
        return Some("there is more than one @ in it");
    }
    let Ok(url) = Url::parse(&with_scheme) else { return Some("it is not the URL of a host") };
    let is_host_alone = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    match url.host() {
        Some(_) if is_host_alone => None,
        Some(_) => Some("something comes after the host"),
        None => Some("it names no host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proxys_url_is_refused() {
        for (value, is_good) in [
            ("", true),
            ("http://proxy.example:3128", true),
            ("http://user:p%40ss@proxy.example:3128/", true),
            ("proxy.example:3128", true),
            ("127.0.0.1:1", true),
            ("socks5://proxy.example", true),
            ("http://[::1]:3128", true),
            ("http://u:S3@cr3t@proxy.example:1", false),
            ("http://u:S3/cr3t@proxy.example:1", false),
            ("http://u/cr3t@proxy.example:1", false),
            ("http://u:S3#cr3t@proxy.example:1", false),
            ("http://u:p@bad host:1/", false),
            ("garbage:::x", false),
            ("http://", false),
        ] {
            let set = |name: &str| (name == "ALL_PROXY").then(|| OsString::from(value));
            let found = check_proxies(set);
            assert_eq!(found.is_ok(), is_good, "{value}: {found:?}");
            let text = found.map_err(|error| error.report()).err().unwrap_or_default();
            assert!(!text.contains("cr3t") && (is_good || text.contains("ALL_PROXY")), "{text}");
        }
    }
}
