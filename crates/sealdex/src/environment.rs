//! Every environment variable Sealdex reads: the one list. The command line's help and `config show` use it.
//!
//! One with nothing in it is as good as unset: CI systems and units set what they have no value for.

use std::ffi::{OsStr, OsString};

/// `--format`
pub(crate) const FORMAT: &str = "SEALDEX_FORMAT";
/// What is logged, as in `SEALDEX_LOG=sealdex_server=debug`
pub(crate) const LOG: &str = "SEALDEX_LOG";
/// `--log-format`
pub(crate) const LOG_FORMAT: &str = "SEALDEX_LOG_FORMAT";
/// `--repository`
pub(crate) const REPOSITORY: &str = "SEALDEX_REPOSITORY";
/// The database that holds the state
pub(crate) const DATABASE: &str = "SEALDEX_DATABASE";
/// `serve --listen`
pub(crate) const LISTEN: &str = "SEALDEX_LISTEN";
/// The online key's passphrase
pub(crate) const ONLINE_PASSPHRASE: &str = "SEALDEX_ONLINE_PASSPHRASE";
/// `--online-passphrase-file`
pub(crate) const ONLINE_PASSPHRASE_FILE: &str = "SEALDEX_ONLINE_PASSPHRASE_FILE";
/// The offline keys' passphrase
pub(crate) const OFFLINE_PASSPHRASE: &str = "SEALDEX_OFFLINE_PASSPHRASE";
/// `--offline-passphrase-file`
pub(crate) const OFFLINE_PASSPHRASE_FILE: &str = "SEALDEX_OFFLINE_PASSPHRASE_FILE";
/// `--trust-dir`
pub(crate) const TRUST_DIR: &str = "SEALDEX_TRUST_DIR";
/// `--cache-dir`
pub(crate) const CACHE_DIR: &str = "SEALDEX_CACHE_DIR";
/// `--from`
pub(crate) const FROM: &str = "SEALDEX_FROM";
/// `run --for`, separated by commas
pub(crate) const FOR: &str = "SEALDEX_FOR";
/// `run --allow-host`, separated by commas
pub(crate) const ALLOW_HOST: &str = "SEALDEX_ALLOW_HOST";
/// `--python`
pub(crate) const PYTHON: &str = "SEALDEX_PYTHON";
/// `proxy --listen`
pub(crate) const PROXY_LISTEN: &str = "SEALDEX_PROXY_LISTEN";
/// `proxy --refresh-after`
pub(crate) const REFRESH_AFTER: &str = "SEALDEX_REFRESH_AFTER";
/// `--ca-file`
pub(crate) const CA_FILE: &str = "SEALDEX_CA_FILE";
/// `--offline`
pub(crate) const OFFLINE: &str = "SEALDEX_OFFLINE";
/// `--limit`, separated by commas
pub(crate) const LIMITS: &str = "SEALDEX_LIMITS";
/// `--config`
pub(crate) const CONFIG: &str = "SEALDEX_CONFIG";

/// `--policy`, separated by commas
pub(crate) const POLICY: &str = "SEALDEX_POLICY";

/// What is in a variable; `None` where it is not set, or nothing is in it.
pub(crate) fn value(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text; what is not valid UTF-8 is none.
pub(crate) fn text(name: &str) -> Option<String> {
    value(name)?.into_string().ok()
}

/// Each variable and what it sets.
pub(crate) const ALL: [(&str, &str); 23] = [
    (FORMAT, "--format: human or json"),
    (LOG, "what is logged, as in sealdex_server=debug"),
    (LOG_FORMAT, "--log-format: text or json"),
    (REPOSITORY, "--repository: the repository's directory"),
    (DATABASE, "the PostgreSQL that holds the state, in place of storage.database"),
    (LISTEN, "serve --listen: address and port"),
    (ONLINE_PASSPHRASE, "the online key's passphrase"),
    (ONLINE_PASSPHRASE_FILE, "--online-passphrase-file"),
    (OFFLINE_PASSPHRASE, "the offline keys' passphrase"),
    (OFFLINE_PASSPHRASE_FILE, "--offline-passphrase-file"),
    (TRUST_DIR, "--trust-dir: directory of the trusted state"),
    (CACHE_DIR, "--cache-dir: directory of verified downloads"),
    (FROM, "--from: name of the trusted repository"),
    (FOR, "run --for: URLs of indexes, separated by commas"),
    (ALLOW_HOST, "run --allow-host: hosts, separated by commas"),
    (PYTHON, "--python: the Python whose pip is run"),
    (PROXY_LISTEN, "proxy --listen: address and port"),
    (REFRESH_AFTER, "proxy --refresh-after: seconds"),
    (CA_FILE, "--ca-file: PEM file with certificate authorities"),
    (OFFLINE, "--offline: true or false"),
    (LIMITS, "--limit: NAME=VALUE, separated by commas"),
    (CONFIG, "--config: the file of the client's limits"),
    (POLICY, "--policy: files of further policies, separated by commas"),
];
