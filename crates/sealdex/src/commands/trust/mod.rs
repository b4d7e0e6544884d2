//! `sealdex trust`: whom this user trusts.

mod shown;

use sealdex_client::{
    Bindings, Bound, ClientSettings, InitialTrust, ProjectPattern, RepositoryName, RepositoryUrl,
    Sha256Digest, TrustStore,
};
use serde_json::json;

use super::trusted::{client, refused, store};
use crate::cli::{Format, TrustArguments, TrustCommand};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, WARNING, result, say, spinner, styled, tell};
use shown::{Row, Whole, quoted};

pub(super) async fn run(arguments: TrustArguments, format: Format) -> Result<(), Failure> {
    let store = store(arguments.trust_dir)?;
    match arguments.command {
        TrustCommand::Add { name, url, initial, stands_for, projects, connection, limits } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let url = RepositoryUrl::parse(&url).map_err(refused)?;
            let (indexes, projects) = (indexes(&stands_for)?, patterns(&projects)?);
            let before = Whole::of(&store)?;
            if let Some(Taken { pattern, by, owner }) = taken(&settled(&store)?, &name, &projects).first() {
                let move_it = format!("sealdex trust bind {name} {}", quoted(pattern));
                let part = if by == pattern { String::new() } else { format!(", as {by}") };
                return Err(Failure::message(
                    Kind::Usage,
                    format!("{pattern} is bound to {owner} already{part}"),
                )
                .hint(format!("add {name} without it, then move it: {move_it}")));
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
            if !projects.is_empty() {
                store.change_bindings(|own| own.bind(&name, projects)).await.map_err(refused)?;
            }
            let whole = Whole::of(&store)?;
            let row = whole.row(&added);
            result(format, &row, || {
                say(format!("{} {} at {}", styled(GOOD, "trusted"), row.name, row.url));
                say(format!("  initial root    {}", row.initial_root_sha256));
                row.say_what_it_stands_for();
                row.say_projects();
                whole.say_who_has_all_others();
                if before.holder().is_some() && row.projects.is_empty() {
                    say(format!("say what is {name}'s: sealdex trust bind {name} 'acme-*'"));
                }
                if whole.holder().is_some() {
                    say("install with: sealdex pip install PACKAGE");
                }
            })?;
        }
        TrustCommand::List => {
            let whole = Whole::of(&store)?;
            for orphan in whole.orphans() {
                tell(format!("{} {orphan}", styled(WARNING, "warning:")));
            }
            let rows = whole.rows();
            result(format, &rows, || {
                rows.iter().for_each(Row::say);
                whole.say_who_has_all_others();
                if rows.is_empty() {
                    say("no repository is trusted yet; add one: sealdex trust add NAME URL --root root.json");
                }
            })?;
        }
        TrustCommand::StandsFor { name, indexes: urls } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let repository = store.stand_for(&name, indexes(&urls)?).map_err(refused)?;
            let row = Whole::of(&store)?.row(&repository);
            result(format, &row, || {
                say(format!("{} at {}", row.name, row.url));
                row.say_what_it_stands_for();
            })?;
        }
        TrustCommand::Bind { name, projects } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let (repository, projects) = (store.repository(&name).map_err(refused)?, patterns(&projects)?);
            let moved = taken(&settled(&store)?, &name, &projects);
            let trusted = names(&store)?;
            let change = |own: &mut Bindings| {
                own.settle(&trusted);
                own.bind(&name, projects);
            };
            store.change_bindings(change).await.map_err(refused)?;
            let whole = Whole::of(&store)?;
            let row = whole.row(&repository);
            result(format, &row, || {
                for Taken { pattern, by, owner } in moved {
                    let part = if by == pattern { String::new() } else { format!(", as {by}") };
                    tell(format!(
                        "{} {pattern} was bound to {owner} before{part}",
                        styled(WARNING, "warning:")
                    ));
                }
                say(format!("{} at {}", row.name, row.url));
                row.say_projects();
                whole.say_who_has_all_others();
            })?;
        }
        TrustCommand::Unbind { projects } => {
            let projects = patterns(&projects)?;
            let before = store.bindings().map_err(refused)?;
            if let Some(missing) = projects.iter().find(|own| !before.iter().any(|(bound, _)| bound == *own))
            {
                return Err(Failure::message(Kind::Usage, format!("{missing} is bound to no repository"))
                    .hint("`sealdex trust list` shows what is"));
            }
            let change = |own: &mut Bindings| {
                for pattern in &projects {
                    own.unbind(pattern);
                }
            };
            store.change_bindings(change).await.map_err(refused)?;
            let unbound: Vec<String> = projects.iter().map(ToString::to_string).collect();
            let whole = Whole::of(&store)?;
            result(format, &json!({ "unbound": unbound, "all_others": whole.holder() }), || {
                say(format!("bound to no repository any more: {}", unbound.join(", ")));
                whole.say_who_has_all_others();
            })?;
        }
        TrustCommand::Remove { name } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let bindings = store.bindings().map_err(refused)?;
            let bound: Vec<String> = bindings.of(&name).map(ToString::to_string).collect();
            // Who has all others is said apart.
            let named: Vec<String> = bindings.of(&name).filter(|own| !own.is_for_all()).map(quoted).collect();
            store.remove(&name).map_err(refused)?;
            let whole = Whole::of(&store)?;
            let document = json!({ "removed": name.as_str(), "bound": bound, "all_others": whole.holder() });
            result(format, &document, || {
                say(format!("{} is no longer trusted", name.as_str()));
                if !named.is_empty() {
                    say(format!("  still bound to it, and not to be had: {}", named.join(", ")));
                    say(format!(
                        "  to take them from another one: sealdex trust bind NAME {}",
                        named.join(" ")
                    ));
                    say(format!("  to let them go: sealdex trust unbind {}", named.join(" ")));
                }
                whole.say_who_has_all_others();
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

fn names(store: &TrustStore) -> Result<Vec<RepositoryName>, Failure> {
    Ok(store.list().map_err(refused)?.iter().map(|own| own.name().clone()).collect())
}

/// The bindings, with what the only repository has without their saying so.
fn settled(store: &TrustStore) -> Result<Bindings, Failure> {
    let mut bindings = store.bindings().map_err(refused)?;
    bindings.settle(&names(store)?);
    Ok(bindings)
}

/// A pattern whose projects another repository has so far, by a pattern of its own.
struct Taken {
    pattern: ProjectPattern,
    by: ProjectPattern,
    owner: RepositoryName,
}

/// Those of these patterns that would take projects from another repository than `name`. To take some from who has all
/// others takes nothing: what `*` is for is what is bound to nobody else.
fn taken(bindings: &Bindings, name: &RepositoryName, projects: &[ProjectPattern]) -> Vec<Taken> {
    let taken = projects.iter().filter_map(|pattern| {
        let (by, owner) = bindings.covering(pattern)?;
        let is_anothers = owner != name && (by == pattern || !by.is_for_all());
        is_anothers.then(|| Taken { pattern: pattern.clone(), by: by.clone(), owner: owner.clone() })
    });
    taken.collect()
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
