//! `sealdex cache`: the verified files on this machine.

use std::fs;

use sealdex_client::{ClientSettings, FileCache, FileCount};
use serde_json::{Value, json};

use super::tool_caches::{self, sum};
use super::trusted::{refused, settings};
use crate::cli::{CacheArguments, CacheCommand, ConnectionArguments, Format, LimitArguments};
use crate::failure::Failure;
use crate::output::{self, BAD, GOOD, bytes, result, say, styled};

pub(super) fn run(arguments: CacheArguments, format: Format) -> Result<(), Failure> {
    let limits = LimitArguments { limits: arguments.limits, config: arguments.config };
    let settings = settings(arguments.cache_dir, ConnectionArguments::default(), &limits)?;
    let root = &settings.cache_directory;
    let cache = FileCache::existing(root, settings.max_cache_bytes).map_err(refused)?;
    match arguments.command {
        CacheCommand::Path => {
            result(format, &json!({ "path": root }), || say(root.display()))?;
        }
        CacheCommand::Show => show(&cache, &settings, format)?,
        CacheCommand::Prune { max_bytes } => {
            let removed = cache.prune(max_bytes.unwrap_or_else(|| cache.max_bytes()));
            let removed = sum(removed, tool_caches::prune(root, tool_caches::UNUSED));
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
            let folder = tool_caches::folder(root);
            if installers && folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                let (_, own) = tool_caches::count(root);
                fs::remove_dir_all(&folder)?;
                removed = sum(removed, own);
            }
            result(format, &json!({ "removed": counted(removed) }), || {
                say(format!("{} {}", styled(GOOD, "removed"), phrase(removed)));
            })?;
        }
    }
    Ok(())
}

fn show(cache: &FileCache, settings: &ClientSettings, format: Format) -> Result<(), Failure> {
    let root = &settings.cache_directory;
    let usage = cache.usage();
    let (caches, installers) = tool_caches::count(root);
    let document = json!({
        "path": root,
        "verified": counted(usage.verified),
        "unfinished": counted(usage.unfinished),
        "max_bytes": cache.max_bytes(),
        "installers": counted(installers),
        "installer_caches": caches,
    });
    result(format, &document, || {
        say(root.display());
        say(format!("  verified    {}, of {} allowed", phrase(usage.verified), bytes(cache.max_bytes())));
        if usage.unfinished.files > 0 {
            say(format!("  unfinished  {}", phrase(usage.unfinished)));
        }
        let caches = output::count(caches, "set of caches", "sets of caches");
        say(format!(
            "  installers  {}, in {caches} of pip, uv and others behind sealdex",
            phrase(installers)
        ));
    })?;
    Ok(())
}

fn counted(count: FileCount) -> Value {
    json!({ "files": count.files, "bytes": count.bytes })
}

fn phrase(found: FileCount) -> String {
    format!("{}, {}", output::count(found.files, "file", "files"), bytes(found.bytes))
}
