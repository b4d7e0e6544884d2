//! Where poetry keeps a user's environments: by default in its cache folder, which in a run is another one. They are to be
//! found all the same.

use std::path::{Path, PathBuf};

/// The variable that says where they are.
pub(super) const VARIABLE: &str = "POETRY_VIRTUALENVS_PATH";

/// What [`VARIABLE`] must be, so that poetry finds its environments although its cache folder is another one. `None`:
/// they do not lie below that folder, or nobody knows.
pub(super) fn environments() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if variable(VARIABLE).is_some() {
        return None;
    }
    let home = variable("HOME");
    let below_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let (configuration, caches) = if cfg!(target_os = "macos") {
        (below_home("Library/Application Support"), below_home("Library/Caches"))
    } else {
        (
            variable("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            variable("XDG_CACHE_HOME").or_else(|| below_home(".cache")),
        )
    };
    let configuration = variable("POETRY_CONFIG_DIR").or_else(|| Some(configuration?.join("pypoetry")));
    let settings: Vec<toml::Table> = own_files(configuration).iter().filter_map(|file| read(file)).collect();
    let cache = variable("POETRY_CACHE_DIR")
        .or_else(|| settings.iter().find_map(|own| own.get("cache-dir")?.as_str().map(PathBuf::from)))
        .or_else(|| Some(caches?.join("pypoetry")))?;
    let path = settings.iter().find_map(|own| own.get("virtualenvs")?.get("path")?.as_str());
    match path.map(|path| path.split_once("{cache-dir}")) {
        None => Some(cache.join("virtualenvs")),
        Some(Some(("", rest))) => Some(cache.join(rest.trim_start_matches('/'))),
        Some(_) => None,
    }
}

/// Poetry's files of settings: a project's own count more than the user's.
fn own_files(configuration: Option<PathBuf>) -> Vec<PathBuf> {
    let directory = std::env::current_dir().unwrap_or_default();
    let projects = directory.ancestors().map(|folder| folder.join("poetry.toml"));
    projects.chain(configuration.map(|folder| folder.join("config.toml"))).collect()
}

fn read(file: &Path) -> Option<toml::Table> {
    const MAX_BYTES: u64 = 1 << 20;
    (file.metadata().ok()?.len() <= MAX_BYTES).then_some(())?;
    std::fs::read_to_string(file).ok()?.parse().ok()
}
