//! The lines of a CI job that lead pip and uv to a proxy of the job.

use std::net::SocketAddr;

use sealdex_client::TrustedRepository;

use super::installers::PIP_TIMEOUT;
use crate::cli::CiService;

/// The lines, ready to be pasted.
pub(super) fn lines(service: CiService, repository: &TrustedRepository, proxy: SocketAddr) -> String {
    let record = repository.record();
    let name = repository.name();
    let start = [
        "python3 -m pip install sealdex".to_owned(),
        format!("sealdex trust add {name} {} --fingerprint {}", record.url, record.initial_root),
        format!("sealdex proxy --from {name} --listen {proxy} &"),
    ];
    let variables = [
        ("PIP_INDEX_URL", format!("http://{proxy}/simple/")),
        ("PIP_TRUSTED_HOST", proxy.ip().to_string()),
        ("PIP_TIMEOUT", PIP_TIMEOUT.to_string()),
        ("UV_DEFAULT_INDEX", format!("http://{proxy}/simple/")),
        ("UV_HTTP_TIMEOUT", PIP_TIMEOUT.to_string()),
    ];
    let (indent, lines): (&str, Vec<String>) = match service {
        CiService::Github => (
            "    ",
            variables
                .iter()
                .map(|(name, value)| format!("echo \"{name}={value}\" >> \"$GITHUB_ENV\""))
                .collect(),
        ),
        CiService::Gitlab | CiService::Generic => {
            ("", variables.iter().map(|(name, value)| format!("export {name}={value}")).collect())
        }
    };
    let all = start.iter().chain(&lines);
    match service {
        CiService::Github => {
            let steps = all.map(|line| format!("{indent}{line}\n")).collect::<String>();
            format!("- name: Verify what pip and uv install\n  run: |\n{steps}")
        }
        CiService::Gitlab => {
            let steps = all.map(|line| format!("  - {line}\n")).collect::<String>();
            format!("before_script:\n{steps}")
        }
        CiService::Generic => all.map(|line| format!("{line}\n")).collect(),
    }
}
