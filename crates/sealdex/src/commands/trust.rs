//! `sealdex trust`: whom this user trusts.

use sealdex_client::{
    Bound, ClientSettings, InitialTrust, RepositoryName, RepositoryUrl, Sha256Digest, TrustedRepository,
};
use serde::Serialize;

use super::trusted::{client, refused, store};
use crate::cli::{Format, TrustArguments, TrustCommand};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, result, say, spinner, styled, table};

#[derive(Serialize)]
struct Row {
    name: String,
    url: String,
    initial_root_sha256: String,
    added: jiff::Timestamp,
    stands_for: Vec<String>,
}

impl Row {
    fn of(repository: &TrustedRepository) -> Self {
        let record = repository.record();
        Self {
            name: repository.name().as_str().to_owned(),
            url: record.url.to_string(),
            initial_root_sha256: record.initial_root.to_string(),
            added: record.added,
            stands_for: record.stands_for.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(super) async fn run(arguments: TrustArguments, format: Format) -> Result<(), Failure> {
    let store = store(arguments.trust_dir)?;
    match arguments.command {
        TrustCommand::Add { name, url, initial, stands_for, connection, limits } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let url = RepositoryUrl::parse(&url).map_err(refused)?;
            let indexes = indexes(&stands_for)?;
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
            let row = Row::of(&added);
            result(format, &row, || {
                say(format!("{} {} at {}", styled(GOOD, "trusted"), row.name, row.url));
                say(format!("  initial root {}", row.initial_root_sha256));
                tell_what_it_stands_for(&row);
                say(format!("  install with: sealdex pip --from {} install PACKAGE", row.name));
            })?;
        }
        TrustCommand::List => {
            let rows: Vec<Row> = store.list().map_err(refused)?.iter().map(Row::of).collect();
            result(format, &rows, || {
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
                    ]
                });
                say(table(["name", "url", "initial root", "added", "stands for"], cells));
            })?;
        }
        TrustCommand::StandsFor { name, indexes: urls } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            let row = Row::of(&store.stand_for(&name, indexes(&urls)?).map_err(refused)?);
            result(format, &row, || {
                say(format!("{} at {}", row.name, row.url));
                tell_what_it_stands_for(&row);
            })?;
        }
        TrustCommand::Remove { name } => {
            let name = RepositoryName::parse(&name).map_err(refused)?;
            store.remove(&name).map_err(refused)?;
            result(format, &serde_json::json!({ "removed": name.as_str() }), || {
                say(format!("{} is no longer trusted", name.as_str()));
            })?;
        }
    }
    Ok(())
}

/// URLs under which indexes have their pages.
pub(super) fn indexes(urls: &[String]) -> Result<Vec<RepositoryUrl>, Failure> {
    urls.iter().map(|url| RepositoryUrl::parse(url).map_err(refused)).collect()
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
