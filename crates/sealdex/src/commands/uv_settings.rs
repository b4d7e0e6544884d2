//! Settings of uv that count more than the variables that lead it to a run's proxy.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};

/// Each names a proxy, or a host to be asked without one.
const KEYS: [&str; 3] = ["https-proxy", "http-proxy", "no-proxy"];
const MAX_BYTES: u64 = 1 << 20;

/// Refuses to run where uv would find such a setting: below this directory it would not come to the proxy, and what it
/// gets there nobody verifies. What uv finds when a command takes it elsewhere cannot be known here.
pub(super) fn refuse_other_proxy() -> Result<(), Failure> {
    let ignored = |value: std::ffi::OsString| !matches!(value.to_str(), Some("" | "0" | "false"));
    if std::env::var_os("UV_NO_CONFIG").is_some_and(ignored) {
        return Ok(());
    }
    let directory = std::env::current_dir()?;
    let found = files(&directory).into_iter().find_map(|file| key_in(&file).map(|key| (file, key)));
    let Some((file, key)) = found else { return Ok(()) };
    let message = format!("{} sets {key}, which would lead uv around the verification", file.display());
    Err(Failure::message(Kind::Usage, message).hint(
        "take it out, or set UV_NO_CONFIG=1; to reach the repository through a proxy, set HTTPS_PROXY or \
         HTTP_PROXY for sealdex itself",
    ))
}

/// Where uv looks for settings when it is started in `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let mut files: Vec<PathBuf> = variable("UV_CONFIG_FILE").map(PathBuf::from).into_iter().collect();
    for folder in directory.ancestors() {
        files.extend([folder.join("uv.toml"), folder.join("pyproject.toml")]);
    }
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let folders = own.into_iter().chain(std::env::split_paths(&shared)).chain(["/etc".into()]);
    files.extend(folders.map(|folder| folder.join("uv/uv.toml")));
    files
}

/// The first such setting in a file. One that cannot be read is uv's to complain of.
fn key_in(file: &Path) -> Option<&'static str> {
    if file.metadata().ok()?.len() > MAX_BYTES {
        return None;
    }
    let settings: toml::Table = std::fs::read_to_string(file).ok()?.parse().ok()?;
    let is_project = file.file_name().is_some_and(|name| name == "pyproject.toml");
    let settings = if is_project { settings.get("tool")?.get("uv")?.as_table()? } else { &settings };
    KEYS.into_iter().find(|key| settings.contains_key(*key))
}
