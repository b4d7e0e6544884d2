//! The real Python tools tests run against, each pinned: python-tuf, pip, uv, poetry, pdm, pipenv, twine, tools that call
//! them, and fresh environments.

mod environment;
mod fresh;

use std::env;
use std::process::Command;
use std::time::Duration;

pub use environment::Environment;
pub use fresh::FreshEnvironment;

use crate::process::{self, Output};

/// Beginnings of the variables through which the machine's own settings would reach a tool under test.
const SETTINGS: [&str; 6] = ["PIP_", "UV_", "TWINE_", "PYTHON", "VIRTUAL_ENV", "SEALDEX_"];
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Frees `command` from the machine's own settings: no pip, uv, twine, Python, proxy or Sealdex variables, no
/// configuration files, no caches. Variables the caller set on `command` before are kept.
pub fn isolate(command: &mut Command) -> &mut Command {
    let chosen: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ambient =
            SETTINGS.iter().any(|start| text.starts_with(start)) || PROXIES.contains(&text.as_ref());
        if ambient && !chosen.contains(&name) {
            command.env_remove(&name);
        }
    }
    let quiet = [
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_CACHE_DIR", "1"),
        ("PIP_NO_INPUT", "1"),
        ("UV_NO_CONFIG", "1"),
        ("UV_NO_CACHE", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("TWINE_NON_INTERACTIVE", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("NO_COLOR", "1"),
    ];
    for (name, value) in quiet {
        if !chosen.iter().any(|chosen| chosen == name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs `command`, freed from the machine's own settings ([`isolate`]), to its end; kills it with its process group
/// after `time_limit`.
///
/// # Panics
/// When the command cannot be started.
pub fn run(command: &mut Command, time_limit: Duration) -> Output {
    process::run(isolate(command), time_limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_settings_are_kept_and_the_machines_are_not() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo \"$PIP_INDEX_URL $PIP_CONFIG_FILE\""]);
        command.env("PIP_INDEX_URL", "http://127.0.0.1:1/simple/");
        let output = run(&mut command, Duration::from_secs(10)).expect_success();
        assert_eq!(output.stdout, "http://127.0.0.1:1/simple/ /dev/null\n");
    }
}
