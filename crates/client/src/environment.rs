//! Environments that point an installer at the verifying proxy and nowhere else.
//!
//! In index mode ([`pip_environment`], [`uv_environment`]) the proxy is the index; in interposition mode
//! ([`run_environment`]) an installer keeps its index, for which the proxy answers.
//!
//! Variables alone cannot keep an installer from other sources: requirements files hold index lines, command lines
//! hold URLs. So the proxy is also set as the HTTP proxy: whatever would go elsewhere arrives there and is refused.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::proxy::INDEX_HOST;

/// A variable to set for the installer, or to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Its value; `None` takes the variable away.
    pub value: Option<OsString>,
    /// Why.
    pub reason: &'static str,
}

/// What the variables begin with that are pip's options.
const PIP: &str = "PIP_";

const ONE_INDEX: &str =
    "the one index, under a name that the proxy answers to and nobody else, the same in each run";
const OTHER_SOURCE: &str = "would name a source that is not verified";
const REFUSE: &str = "what would go elsewhere arrives at the proxy and is refused";
const OWN_CACHE: &str =
    "a cache of its own: another one may hold unverified files, which would be installed again";
const RETRIES: &str = "the proxy has tried already; a refusal is to be seen at once";
const PATIENCE: &str = "the proxy bounds every transfer itself, and says why it gave one up";
const VERSION_CHECK: &str = "the check asks the index for a project nobody asked for";
const GIT: &str = "git has settings of its own that would lead it past the proxy";

/// The environment for pip.
///
/// `cache_directory` must be used with this repository's proxy alone: what pip once cached from elsewhere it installs
/// again without asking. The proxy says nothing until a file is verified, and bounds that time itself; `patience` must
/// be longer: [`crate::ClientSettings::patience`].
#[must_use]
pub fn pip_environment(proxy: SocketAddr, cache_directory: &Path, patience: Duration) -> Vec<Setting> {
    let mut settings = vec![
        set("PIP_INDEX_URL", index_url(), ONE_INDEX),
        set("PIP_TRUSTED_HOST", INDEX_HOST, "pip caches nothing from plain http otherwise"),
        set("PIP_CACHE_DIR", cache_directory.join("pip"), OWN_CACHE),
        set(
            "PIP_CONFIG_FILE",
            null_device(),
            "pip.conf can name further indexes; this value turns all of them off",
        ),
        set("PIP_RETRIES", "0", RETRIES),
        set("PIP_TIMEOUT", patience.as_secs().to_string(), PATIENCE),
        set("PIP_DISABLE_PIP_VERSION_CHECK", "1", VERSION_CHECK),
        set("GIT_ALLOW_PROTOCOL", "none", GIT),
        unset("PIP_EXTRA_INDEX_URL", OTHER_SOURCE),
        unset("PIP_FIND_LINKS", OTHER_SOURCE),
        unset("PIP_NO_INDEX", "would keep pip from the proxy"),
        set(
            "PIP_PROXY",
            format!("http://{proxy}"),
            "counts more than --no-proxy-env and the variables below",
        ),
        unset("PIP_NO_PROXY_ENV", "would keep pip from the proxy"),
        unset("PIP_CERT", "no TLS is spoken with the proxy"),
        unset("PIP_CLIENT_CERT", "no TLS is spoken with the proxy"),
    ];
    settings.extend(proxies(&format!("http://{proxy}"), REFUSE));
    settings
}

/// The environment for uv; see [`pip_environment`].
#[must_use]
pub fn uv_environment(proxy: SocketAddr, cache_directory: &Path, patience: Duration) -> Vec<Setting> {
    let mut settings = vec![
        set("UV_DEFAULT_INDEX", index_url(), ONE_INDEX),
        set("UV_CACHE_DIR", cache_directory.join("uv"), OWN_CACHE),
        set("UV_NO_CONFIG", "1", "uv.toml and pyproject.toml can name further indexes"),
        set("UV_HTTP_RETRIES", "0", RETRIES),
        set("UV_HTTP_TIMEOUT", patience.as_secs().to_string(), PATIENCE),
        set("GIT_ALLOW_PROTOCOL", "none", GIT),
        unset("UV_INDEX", OTHER_SOURCE),
        unset("UV_INDEX_URL", OTHER_SOURCE),
        unset("UV_EXTRA_INDEX_URL", OTHER_SOURCE),
        unset("UV_FIND_LINKS", OTHER_SOURCE),
        unset("UV_CONFIG_FILE", OTHER_SOURCE),
        unset("UV_NO_INDEX", "would keep uv from the proxy"),
    ];
    settings.extend(proxies(&format!("http://{proxy}"), REFUSE));
    settings
}

/// The environment for any command whose processes are to install verified files alone, from the indexes they know.
///
/// `proxy_url` is [`crate::VerifyingProxy::proxy_url`]. `certificates` is a file with the certificate of the run's
/// authority ([`crate::Interposition::certificates_pem`]) and nothing else, unless hosts are let through: whatever finds a
/// way around the proxy then meets servers whose certificates it does not trust. Caches as for [`pip_environment`].
#[must_use]
pub fn run_environment(
    proxy_url: &str,
    certificates: &Path,
    cache_directory: &Path,
    patience: Duration,
) -> Vec<Setting> {
    let patience = patience.as_secs().to_string();
    let mut settings = proxies(proxy_url, "the proxy answers for the index, and refuses the rest");
    settings.push(set("PIP_PROXY", proxy_url, "counts more than a proxy in pip.conf"));
    settings.push(unset("PIP_NO_PROXY_ENV", "would keep pip from the proxy"));
    let trust = |name| set(name, certificates, "the proxy's authority is trusted, and nobody else");
    settings.extend(
        ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"]
            .map(trust),
    );
    settings.push(unset("SSL_CERT_DIR", "would add authorities"));
    for name in ["PIP_TRUSTED_HOST", "UV_INSECURE_HOST"] {
        settings.push(unset(name, "would take anybody for the host"));
    }
    let caches = [
        ("PIP_CACHE_DIR", "pip"),
        ("UV_CACHE_DIR", "uv"),
        ("POETRY_CACHE_DIR", "poetry"),
        ("PDM_CACHE_DIR", "pdm"),
        ("PIPENV_CACHE_DIR", "pipenv"),
    ];
    settings.extend(caches.map(|(name, folder)| set(name, cache_directory.join(folder), OWN_CACHE)));
    for name in [
        "PIP_TIMEOUT",
        "UV_HTTP_TIMEOUT",
        "POETRY_REQUESTS_TIMEOUT",
        "PDM_REQUEST_TIMEOUT",
        "PIPENV_REQUESTS_TIMEOUT",
    ] {
        settings.push(set(name, patience.as_str(), PATIENCE));
    }
    settings.extend(["PIP_RETRIES", "UV_HTTP_RETRIES"].map(|name| set(name, "0", RETRIES)));
    settings.extend([
        set("PIP_DISABLE_PIP_VERSION_CHECK", "1", VERSION_CHECK),
        set("PDM_CHECK_UPDATE", "0", VERSION_CHECK),
        set("VIRTUALENV_NO_PERIODIC_UPDATE", "1", VERSION_CHECK),
        set("GIT_ALLOW_PROTOCOL", "none", GIT),
    ]);
    settings
}

/// Sends everything to the proxy. Loopback too: an index on another port is another source.
fn proxies(url: &str, reason: &'static str) -> Vec<Setting> {
    const NO_EXCEPTION: &str = "no host is asked without the proxy";
    let mut settings: Vec<_> =
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
            .map(|name| set(name, url, reason))
            .into();
    settings.extend(["NO_PROXY", "no_proxy"].map(|name| unset(name, NO_EXCEPTION)));
    settings
}

/// Whether a variable of the user's is another spelling of one of these, or names another proxy: it is to be taken away
/// before they are set. pip lowers the case of what follows `PIP_`, takes `_` for `-` and drops hyphens before it; Python
/// takes a proxy from any name that ends in `_proxy`, in any case, and its requests one for each host.
#[must_use]
pub fn is_another_spelling(name: &OsStr, settings: &[Setting]) -> bool {
    let name = name.to_string_lossy();
    if settings.iter().any(|setting| setting.name == name) {
        return false;
    }
    let pip_option = |name: &str| -> Option<String> {
        let (start, option) = name.split_at_checked(PIP.len())?;
        let option = option.to_ascii_lowercase().replace('_', "-");
        start.eq_ignore_ascii_case(PIP).then(|| option.trim_start_matches('-').to_owned())
    };
    let option = pip_option(&name);
    let ours = || settings.iter().filter_map(|setting| pip_option(setting.name));
    name.to_ascii_lowercase().ends_with("_proxy")
        || option.is_some_and(|own| ours().any(|other| own == other))
}

fn set(name: &'static str, value: impl Into<OsString>, reason: &'static str) -> Setting {
    Setting { name, value: Some(value.into()), reason }
}

fn unset(name: &'static str, reason: &'static str) -> Setting {
    Setting { name, value: None, reason }
}

fn index_url() -> String {
    format!("http://{INDEX_HOST}/simple/")
}

/// What Python calls `os.devnull`.
fn null_device() -> &'static str {
    if cfg!(windows) { "nul" } else { "/dev/null" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_in_a_run_goes_through_the_proxy_and_trusts_it_alone() {
        let url = "http://run:secret@127.0.0.1:4321";
        let settings =
            run_environment(url, Path::new("/run/ca.pem"), Path::new("/c"), Duration::from_secs(1));
        let names: BTreeSet<_> = settings.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), settings.len());
        for setting in &settings {
            let value = setting.value.as_deref().unwrap_or_default().to_string_lossy();
            assert!(!value.contains("://") || value == url, "{setting:?}");
            assert_eq!(
                value == url,
                setting.name.to_ascii_uppercase().ends_with("_PROXY") && !value.is_empty(),
                "{setting:?}"
            );
        }
        for name in ["HTTPS_PROXY", "https_proxy", "PIP_PROXY", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn other_spellings_lead_nowhere_else() {
        let proxy = SocketAddr::from(([127, 0, 0, 1], 4321));
        let (cache, patience) = (Path::new("/c"), Duration::from_secs(1));
        let pip = pip_environment(proxy, cache, patience);
        let run = run_environment("http://run:x@127.0.0.1:1", Path::new("/ca"), cache, patience);
        for settings in [&pip, &run] {
            for (name, expected) in [
                ("PIP_proxy", true),
                ("PIP___PROXY", true),
                ("pip_Proxy", true),
                ("PIP_No_Proxy_Env", true),
                ("PIP_Cert", true),
                ("No_Proxy", true),
                ("Https_proxy", true),
                ("http://127.0.0.1_proxy", true),
                ("FTP_PROXY", true),
                ("PIP_PROXY", false),
                ("HTTPS_PROXY", false),
                ("PIP_REQUIRE_HASHES", false),
                ("PIP_", false),
                ("PIP", false),
                ("é", false),
                ("PATH", false),
            ] {
                assert_eq!(is_another_spelling(OsStr::new(name), settings), expected, "{name}");
            }
        }
        assert!(is_another_spelling(OsStr::new("PIP_Find_Links"), &pip));
    }

    #[test]
    fn each_variable_is_set_once_and_nothing_leads_elsewhere() {
        let proxy = SocketAddr::from(([127, 0, 0, 1], 4321));
        let (cache, patience) = (Path::new("/c"), Duration::from_secs(1));
        for settings in [pip_environment(proxy, cache, patience), uv_environment(proxy, cache, patience)] {
            let names: BTreeSet<_> = settings.iter().map(|setting| setting.name).collect();
            assert_eq!(names.len(), settings.len());
            for setting in &settings {
                let value = setting.value.as_deref().unwrap_or_default().to_string_lossy();
                let url = if setting.name.contains("INDEX") {
                    "http://sealdex.invalid/simple/"
                } else {
                    "http://127.0.0.1:4321"
                };
                assert!(!value.contains("://") || value == url, "{setting:?}");
            }
            for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
                assert!(names.contains(name), "{name}");
            }
        }
    }
}
