//! `sealdex cache`: the verified files on this machine.

use std::fs;
use std::path::Path;

use sealdex_client::{Client, FileCount};
use serde_json::{Value, json};

use super::trusted::client;
use crate::cli::{CacheArguments, CacheCommand, ConnectionArguments, Format, LimitArguments};
use crate::failure::Failure;
use crate::output::{self, BAD, GOOD, bytes, result, say, styled};

/// Folders of an installer's cache within one another.
const MAX_DEPTH: usize = 32;

pub(super) fn run(arguments: CacheArguments, format: Format) -> Result<(), Failure> {
    let limits = LimitArguments { limits: arguments.limits, config: arguments.config };
    let client = client(arguments.cache_dir, ConnectionArguments::default(), &limits)?;
    let (cache, root) = (client.cache(), &client.settings().cache_directory);
    match arguments.command {
        CacheCommand::Path => {
            result(format, &json!({ "path": root }), || say(root.display()))?;
        }
        CacheCommand::Show => show(&client, format)?,
        CacheCommand::Prune { max_bytes } => {
            let removed = cache.prune(max_bytes.unwrap_or_else(|| cache.max_bytes()));
            result(format, &json!({ "removed": counted(removed) }), || {
                say(format!("{} {}", styled(GOOD, "removed"), phrase(removed)));
            })?;
        }
        CacheCommand::Verify => {
            let check = cache.verify();
            let document = json!({ "sound": counted(check.sound), "removed": counted(check.damaged) });
            result(format, &document, || {
                say(format!("{} {}", styled(GOOD, "sound"), phrase(check.sound)));
                if check.damaged.files > 0 {
                    let damaged = phrase(check.damaged);
                    say(format!("{} {damaged}: not what their name says", styled(BAD, "removed")));
                }
            })?;
        }
        CacheCommand::Clear { installers } => {
            let mut removed = cache.clear();
            let folder = root.join("installers");
            if installers && folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                let own = count(&folder, MAX_DEPTH);
                fs::remove_dir_all(&folder)?;
                removed.files = removed.files.saturating_add(own.files);
                removed.bytes = removed.bytes.saturating_add(own.bytes);
            }
            result(format, &json!({ "removed": counted(removed) }), || {
                say(format!("{} {}", styled(GOOD, "removed"), phrase(removed)));
            })?;
        }
    }
    Ok(())
}

fn show(client: &Client, format: Format) -> Result<(), Failure> {
    let (cache, root) = (client.cache(), &client.settings().cache_directory);
    let usage = cache.usage();
    let installers = count(&root.join("installers"), MAX_DEPTH);
    let document = json!({
        "path": root,
        "verified": counted(usage.verified),
        "unfinished": counted(usage.unfinished),
        "max_bytes": cache.max_bytes(),
        "installers": counted(installers),
    });
    result(format, &document, || {
        say(root.display());
        say(format!("  verified    {}, of {} allowed", phrase(usage.verified), bytes(cache.max_bytes())));
        if usage.unfinished.files > 0 {
            say(format!("  unfinished  {}", phrase(usage.unfinished)));
        }
        say(format!("  installers  {}: caches of pip, uv and others behind sealdex", phrase(installers)));
    })?;
    Ok(())
}

/// The files below a folder. Links are not followed.
fn count(folder: &Path, depth: usize) -> FileCount {
    let mut total = FileCount::default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        let own = match found.is_dir() {
            true if depth > 0 => count(&entry.path(), depth - 1),
            true => FileCount::default(),
            false => FileCount { files: 1, bytes: found.len() },
        };
        total.files = total.files.saturating_add(own.files);
        total.bytes = total.bytes.saturating_add(own.bytes);
    }
    total
}

fn counted(count: FileCount) -> Value {
    json!({ "files": count.files, "bytes": count.bytes })
}

fn phrase(found: FileCount) -> String {
    let number = usize::try_from(found.files).unwrap_or(usize::MAX);
    format!("{}, {}", output::count(number, "file", "files"), bytes(found.bytes))
}
