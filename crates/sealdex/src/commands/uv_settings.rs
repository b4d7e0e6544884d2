//! Settings of uv that count more than the variables that lead it to a run's proxy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};

/// Each names a proxy, or a host to be asked without one.
const KEYS: [&str; 3] = ["https-proxy", "http-proxy", "no-proxy"];
const MAX_BYTES: u64 = 1 << 20;

/// Options of uv that name another place to look for settings.
const PLACES: [&str; 3] = ["--project", "--directory", "--config-file"];
/// Variables that do.
const PLACE_VARIABLES: [&str; 4] = ["UV_PROJECT", "UV_WORKING_DIRECTORY", "UV_WORKING_DIR", "UV_CONFIG_FILE"];
/// uv takes each of them once.
const MAX_PLACES: usize = 32;

/// Refuses to run where uv would find such a setting: it would not come to the proxy, and what it gets elsewhere nobody
/// verifies. What it finds when a command takes it to another folder cannot be known here.
pub(super) fn refuse_other_proxy(words: &[OsString]) -> Result<(), Failure> {
    let ignored = |value: OsString| !matches!(value.to_str(), Some("" | "0" | "false"));
    if std::env::var_os("UV_NO_CONFIG").is_some_and(ignored) {
        return Ok(());
    }
    let directory = std::env::current_dir()?;
    let mut files = files(&directory);
    files.extend(named(words, &directory));
    let found = files.into_iter().find_map(|file| key_in(&file).map(|key| (file, key)));
    let Some((file, key)) = found else { return Ok(()) };
    let message = format!("{} sets {key}, which would lead uv around the verification", file.display());
    Err(Failure::message(Kind::Usage, message).hint(
        "take it out, or set UV_NO_CONFIG=1; to reach the repository through a proxy, set HTTPS_PROXY or \
         HTTP_PROXY for sealdex itself",
    ))
}

/// Refuses to run uv with a cache that is not the one of this run: what is in there, nobody has verified.
pub(super) fn refuse_other_cache(words: &[OsString]) -> Result<(), Failure> {
    let Some((program, words)) = words.split_first() else { return Ok(()) };
    let is_uv = Path::new(program).file_stem().is_some_and(|name| name == "uv" || name == "uvx");
    let mut options = words.iter().take_while(|word| *word != "--");
    let names_cache = |word: &OsString| {
        word.to_str().is_some_and(|word| word == "--cache-dir" || word.starts_with("--cache-dir="))
    };
    if !is_uv || !options.any(names_cache) {
        return Ok(());
    }
    let message = "--cache-dir leads uv to files that nobody has verified";
    Err(Failure::message(Kind::Usage, message).hint(
        "leave it out: sealdex gives uv a cache of its own; an option that is meant for a command which uv runs comes \
         after --",
    ))
}

/// Where uv looks for settings when it is started in `directory`.
pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let mut files: Vec<PathBuf> = variable("UV_CONFIG_FILE").map(PathBuf::from).into_iter().collect();
    files.extend(directory.ancestors().flat_map(settings_in));
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let folders = own.into_iter().chain(std::env::split_paths(&shared)).chain(["/etc".into()]);
    files.extend(folders.map(|folder| folder.join("uv/uv.toml")));
    files
}

/// Where uv looks as well, by its options among these words and by its variables: each of these places by itself, and
/// below each other, for uv takes them from the folder that it is led to by another one.
fn named(words: &[OsString], directory: &Path) -> Vec<PathBuf> {
    let after = words.windows(2).filter(|pair| PLACES.iter().any(|place| pair[0] == *place));
    let after = after.map(|pair| PathBuf::from(&pair[1]));
    let joined = words.iter().filter_map(|word| word.to_str()?.split_once('='));
    let joined = joined.filter(|(name, _)| PLACES.contains(name)).map(|(_, place)| PathBuf::from(place));
    let variables = PLACE_VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    let named: Vec<PathBuf> = after.chain(joined).chain(variables).take(MAX_PLACES).collect();
    let mut places: Vec<PathBuf> = named.iter().map(|place| directory.join(place)).collect();
    places
        .extend(named.iter().flat_map(|one| named.iter().map(move |other| directory.join(one).join(other))));
    let folders = places.clone();
    places.extend(folders.iter().flat_map(|folder| folder.ancestors()).flat_map(settings_in));
    places
}

fn settings_in(folder: &Path) -> [PathBuf; 2] {
    [folder.join("uv.toml"), folder.join("pyproject.toml")]
}

/// The first such setting in a file. One that cannot be read is uv's to complain of.
fn key_in(file: &Path) -> Option<&'static str> {
    let settings = in_file(file)?;
    KEYS.into_iter().find(|key| settings.contains_key(*key))
}

/// uv's settings in a file of its own, or in a project's.
pub(super) fn in_file(file: &Path) -> Option<toml::Table> {
    if file.metadata().ok()?.len() > MAX_BYTES {
        return None;
    }
    let settings: toml::Table = std::fs::read_to_string(file).ok()?.parse().ok()?;
    let is_project = file.file_name().is_some_and(|name| name == "pyproject.toml");
    if is_project { settings.get("tool")?.get("uv")?.as_table().cloned() } else { Some(settings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_looked_at_below_each_other() {
        for words in [
            &["uv", "--directory", "d", "pip", "--project", "sub"][..],
            &["uv", "--project=sub", "--directory=d", "sync"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let places = named(&words, Path::new("/here"));
            for expected in
                ["/here/d/sub/pyproject.toml", "/here/d/uv.toml", "/here/sub/uv.toml", "/here/uv.toml"]
            {
                assert!(places.contains(&PathBuf::from(expected)), "{expected}: {places:?}");
            }
        }
        let words: Vec<OsString> =
            ["uv", "--directory", "d", "--config-file", "e.toml"].map(OsString::from).into();
        assert!(named(&words, Path::new("/here")).contains(&PathBuf::from("/here/d/e.toml")));
    }
}
