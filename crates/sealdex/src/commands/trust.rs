//! `sealdex trust`: whom this user trusts.

use sealdex_client::{
    Bindings, Bound, ClientSettings, InitialTrust, ProjectPattern, Repositories, RepositoryName,
    RepositoryUrl, Sha256Digest, TrustedRepository,
};
use serde::Serialize;

use super::trusted::{client, refused, store};
use crate::cli::{Format, TrustArguments, TrustCommand};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, HINT, WARNING, result, say, spinner, styled, table, tell};

#[derive(Serialize)]
struct Row {
    name: String,
    url: String,
    initial_root_sha256: String,
    added: jiff::Timestamp,
    stands_for: Vec<String>,
    projects: Vec<String>,
}

impl Row {
    fn of(repository: &TrustedRepository, bindings: &Bindings) -> Self {
        let record = repository.record();
        Self {
            name: repository.name().as_str().to_owned(),
            url: record.url.to_string(),
            initial_root_sha256: record.initial_root.to_string(),
            added: record.added,
            stands_for: record.stands_for.iter().map(ToString::to_string).collect(),
            projects: bindings.of(repository.name()).map(ToString::to_string).collect(),
        }
    }
}

pub(super) async fn run(arguments: TrustArguments, format: Format) -> Result<(), Failure> {
    let store = store(arguments.trust_dir)?;
    match arguments.command {
        TrustCommand::Add { name, url, initial, stands_for, projects, connection, limits } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let url = RepositoryUrl::parse(&url).map_err(refused)?;
            let (indexes, projects) = (indexes(&stands_for)?, patterns(&projects)?);
            let bound = bound_to_another(&store.bindings().map_err(refused)?, &name, &projects);
            if let Some((pattern, owner)) = bound {
                return Err(Failure::message(Kind::Usage, format!("{pattern} is bound to {owner} already"))
                    .hint("to bind it to another, add that without it, and use `sealdex trust bind`"));
            }
            let scratch = tempfile::tempdir()?;
            let client = client(Some(scratch.path().to_owned()), connection, &limits)?;
            let initial = match (initial.root, initial.fingerprint) {
                (Some(file), _) => InitialTrust::Root(read_root(&file, client.settings())?),
                (None, Some(fingerprint)) => {
                    InitialTrust::Fingerprint(Sha256Digest::parse(&fingerprint).map_err(refused)?)
                }
                (None, None) => {
                    return Err(Failure::message(Kind::Usage, "--root or --fingerprint is needed"));
                }
            };
            let waiting = spinner(format!("verifying {url}"));
            let added = store.add(&client, &name, &url, &initial).await;
            waiting.finish_and_clear();
            let mut added = added.map_err(refused)?;
            if !indexes.is_empty() {
                added = store.stand_for(&name, indexes).map_err(refused)?;
            }
            let mut bindings = store.bindings().map_err(refused)?;
            if !projects.is_empty() {
                bindings = store.change_bindings(|own| own.bind(&name, projects)).await.map_err(refused)?;
            }
            let (row, trusted) = (Row::of(&added, &bindings), store.list());
            result(format, &row, || {
                say(format!("{} {} at {}", styled(GOOD, "trusted"), row.name, row.url));
                say(format!("  initial root {}", row.initial_root_sha256));
                tell_what_it_stands_for(&row);
                tell_projects(&row);
                match trusted.and_then(|trusted| Repositories::new(trusted, bindings)) {
                    Ok(_) => say("  install with: sealdex pip install PACKAGE"),
                    Err(error) => {
                        say(format!("  install with: sealdex pip --from {} install PACKAGE", row.name));
                        tell(format!("{} {}", styled(WARNING, "warning:"), error.report()));
                        tell(format!("{} {}", styled(HINT, "hint:"), error.hint()));
                    }
                }
            })?;
        }
        TrustCommand::List => {
            let (trusted, bindings) = (store.list().map_err(refused)?, store.bindings().map_err(refused)?);
            let rows: Vec<Row> = trusted.iter().map(|own| Row::of(own, &bindings)).collect();
            let orphans = bindings.iter().filter(|(_, name)| !trusted.iter().any(|own| own.name() == *name));
            let orphans: Vec<String> = orphans
                .map(|(pattern, name)| format!("{pattern} is bound to {name}, which is not trusted"))
                .collect();
            result(format, &rows, || {
                for orphan in &orphans {
                    tell(format!("{} {orphan}", styled(WARNING, "warning:")));
                }
                if rows.is_empty() {
                    say("no repository is trusted yet; add one: sealdex trust add NAME URL --root root.json");
                    return;
                }
                let cells = rows.iter().map(|row| {
                    [
                        row.name.clone(),
                        row.url.clone(),
                        row.initial_root_sha256[..16].to_owned(),
                        row.added.to_string(),
                        row.stands_for.join(" "),
                        row.projects.join(" "),
                    ]
                });
                say(table(["name", "url", "initial root", "added", "stands for", "projects"], cells));
            })?;
        }
        TrustCommand::StandsFor { name, indexes: urls } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let bindings = store.bindings().map_err(refused)?;
            let row = Row::of(&store.stand_for(&name, indexes(&urls)?).map_err(refused)?, &bindings);
            result(format, &row, || {
                say(format!("{} at {}", row.name, row.url));
                tell_what_it_stands_for(&row);
            })?;
        }
        TrustCommand::Bind { name, projects } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let (repository, projects) = (store.repository(&name).map_err(refused)?, patterns(&projects)?);
            let before = store.bindings().map_err(refused)?;
            let moved = bound_to_another(&before, &name, &projects)
                .map(|(pattern, owner)| format!("{pattern} was bound to {owner} before"));
            let bindings = store.change_bindings(|own| own.bind(&name, projects)).await.map_err(refused)?;
            let row = Row::of(&repository, &bindings);
            result(format, &row, || {
                if let Some(moved) = moved {
                    tell(format!("{} {moved}", styled(WARNING, "warning:")));
                }
                say(format!("{} at {}", row.name, row.url));
                tell_projects(&row);
            })?;
        }
        TrustCommand::Unbind { projects } => {
            let projects = patterns(&projects)?;
            let mut missing = Vec::new();
            let change = |own: &mut Bindings| {
                missing.extend(projects.iter().filter(|pattern| !own.unbind(pattern)).cloned());
            };
            store.change_bindings(change).await.map_err(refused)?;
            if let Some(pattern) = missing.first() {
                return Err(Failure::message(Kind::Usage, format!("{pattern} is bound to no repository"))
                    .hint("`sealdex trust list` shows what is"));
            }
            let unbound: Vec<String> = projects.iter().map(ToString::to_string).collect();
            result(format, &serde_json::json!({ "unbound": unbound }), || {
                say(format!("{} can come from another repository now", unbound.join(", ")));
            })?;
        }
        TrustCommand::Remove { name } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let bindings = store.bindings().map_err(refused)?;
            let bound: Vec<String> = bindings.of(&name).map(ToString::to_string).collect();
            store.remove(&name).map_err(refused)?;
            result(format, &serde_json::json!({ "removed": name.as_str(), "bound": bound }), || {
                say(format!("{} is no longer trusted", name.as_str()));
                if !bound.is_empty() {
                    say(format!("  still bound to it, and not to be had: {}", bound.join(", ")));
                    say("  sealdex trust bind NAME PROJECT, or sealdex trust unbind PROJECT, changes that");
                }
            })?;
        }
    }
    Ok(())
}

/// URLs under which indexes have their pages.
pub(super) fn indexes(urls: &[String]) -> Result<Vec<RepositoryUrl>, Failure> {
    urls.iter().map(|url| RepositoryUrl::parse(url).map_err(refused)).collect()
}

fn patterns(projects: &[String]) -> Result<Vec<ProjectPattern>, Failure> {
    projects.iter().map(|pattern| ProjectPattern::parse(pattern).map_err(refused)).collect()
}

/// The first of these patterns that another repository than `name` has.
fn bound_to_another(
    bindings: &Bindings,
    name: &RepositoryName,
    projects: &[ProjectPattern],
) -> Option<(ProjectPattern, RepositoryName)> {
    let mut others = bindings.iter().filter(|(_, owner)| *owner != name);
    others.find(|(pattern, _)| projects.contains(pattern)).map(|(own, owner)| (own.clone(), owner.clone()))
}

fn tell_projects(row: &Row) {
    if !row.projects.is_empty() {
        say(format!("  has the projects {}", row.projects.join(", ")));
    }
}

fn tell_what_it_stands_for(row: &Row) {
    let indexes =
        if row.stands_for.is_empty() { "no other index".to_owned() } else { row.stands_for.join(", ") };
    say(format!("  stands for {indexes}"));
}

fn read_root(file: &std::path::Path, settings: &ClientSettings) -> Result<Vec<u8>, Failure> {
    let unreadable = |error| Failure::message(Kind::Failed, format!("root file {}: {error}", file.display()));
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    let (limit, bound) = (settings.metadata.max_root_bytes, Some(Bound::MaxRootBytes));
    if length > limit {
        let file = file.display().to_string();
        return Err(refused(sealdex_client::Error::TooLarge { file, length, limit, bound }));
    }
    std::fs::read(file).map_err(unreadable)
}
