//! The lines of a CI job that lead pip and uv to a proxy of the job.

use std::net::SocketAddr;

use sealdex_client::{Bindings, ProjectPattern, RepositoryName, TrustedRepository};

use super::installers::PIP_TIMEOUT;
use crate::cli::CiService;

/// What the job is to trust.
pub(super) struct Trust<'a> {
    pub(super) repositories: &'a [TrustedRepository],
    pub(super) bindings: &'a Bindings,
    /// The one that is used alone.
    pub(super) from: Option<&'a RepositoryName>,
}

impl Trust<'_> {
    /// The commands after which the job trusts the same repositories, with the same projects bound to each.
    fn commands(&self) -> Vec<String> {
        let bound = |own: &TrustedRepository| self.bindings.of(own.name()).next().is_some();
        let has_all = |own: &TrustedRepository| self.bindings.rest() == Some(own.name());
        // One that is added with no projects would have everything, were it the first.
        let mut ordered: Vec<&TrustedRepository> = self.repositories.iter().collect();
        ordered.sort_by_key(|own| (!has_all(own), self.patterns(own, false).next().is_none()));
        // What is not used has to be known only if something is bound to it.
        ordered.retain(|own| self.from.is_none_or(|from| from == own.name() || bound(own)));
        let adds = ordered.iter().map(|own| self.add(own));
        let binds = ordered.iter().filter_map(|own| self.bind(own));
        adds.chain(binds).collect()
    }

    /// What is bound to a repository and is, or is not, part of what another one has by a beginning.
    fn patterns<'a>(
        &'a self,
        repository: &'a TrustedRepository,
        is_part: bool,
    ) -> impl Iterator<Item = &'a ProjectPattern> {
        let is_anothers = |by: &ProjectPattern, owner: &RepositoryName, pattern: &ProjectPattern| {
            owner != repository.name() && !by.is_for_all() && by.covers(pattern)
        };
        self.bindings.of(repository.name()).filter(move |pattern| {
            self.bindings.iter().any(|(by, owner)| is_anothers(by, owner, pattern)) == is_part
        })
    }

    /// What `trust add` would not take from another repository has to be taken on its own.
    fn bind(&self, repository: &TrustedRepository) -> Option<String> {
        let words: Vec<String> = self.patterns(repository, true).map(|own| word(&own.to_string())).collect();
        let name = repository.name();
        (!words.is_empty()).then(|| format!("sealdex trust bind {name} {}", words.join(" ")))
    }

    fn add(&self, repository: &TrustedRepository) -> String {
        let (name, record) = (repository.name(), repository.record());
        let mut command = format!(
            "sealdex trust add {name} {} --fingerprint {}",
            word(record.url.as_url().as_str()),
            record.initial_root
        );
        for pattern in self.patterns(repository, false) {
            command.push_str(&format!(" --projects {}", word(&pattern.to_string())));
        }
        for index in &record.stands_for {
            command.push_str(&format!(" --stands-for {}", word(index.as_url().as_str())));
        }
        command
    }
}

/// The lines, ready to be pasted.
pub(super) fn lines(service: CiService, trust: &Trust<'_>, proxy: SocketAddr) -> String {
    let from = trust.from.map(|name| format!(" --from {name}")).unwrap_or_default();
    let (host, port) = (proxy.ip(), proxy.port());
    let mut all = vec!["python3 -m pip install sealdex".to_owned()];
    all.extend(trust.commands());
    all.push(format!("sealdex proxy{from} --listen {proxy} &"));
    // Until it answers, or has ended.
    all.push(format!(
        "until python3 -c 'import socket; socket.create_connection((\"{host}\", {port}))' 2>/dev/null; \
         do kill -0 $! || exit 1; sleep 1; done; kill -0 $!"
    ));
    let variables = [
        ("PIP_INDEX_URL", format!("http://{proxy}/simple/")),
        ("PIP_TRUSTED_HOST", host.to_string()),
        ("PIP_TIMEOUT", PIP_TIMEOUT.to_string()),
        ("UV_DEFAULT_INDEX", format!("http://{proxy}/simple/")),
        ("UV_HTTP_TIMEOUT", PIP_TIMEOUT.to_string()),
    ];
    all.extend(variables.iter().map(|(name, value)| match service {
        CiService::Github => format!("echo \"{name}={value}\" >> \"$GITHUB_ENV\""),
        CiService::Gitlab | CiService::Generic => format!("export {name}={value}"),
    }));
    // A proxy of the job's is for the world outside, and would be asked for this one too.
    all.extend(["NO_PROXY", "no_proxy"].map(|name| {
        let value = format!("{name}={host}${{{name}:+,${name}}}");
        match service {
            CiService::Github => format!("echo \"{value}\" >> \"$GITHUB_ENV\""),
            CiService::Gitlab | CiService::Generic => format!("export \"{value}\""),
        }
    }));
    let (head, indent) = match service {
        CiService::Github => ("- name: Verify what pip and uv install\n  run: |\n", "    "),
        CiService::Gitlab => ("before_script:\n", "  - "),
        CiService::Generic => ("", ""),
    };
    all.iter().fold(head.to_owned(), |text, line| format!("{text}{indent}{line}\n"))
}

/// As a shell takes it for one word.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@%+=".contains(&byte);
    match text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_to_a_shell() {
        for (text, expected) in [
            ("https://packages.example:8443/a/", "https://packages.example:8443/a/"),
            ("acme-*", "'acme-*'"),
            ("https://packages.example/$(x)'y/", r"'https://packages.example/$(x)'\''y/'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
