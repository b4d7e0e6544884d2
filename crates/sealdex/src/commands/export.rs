//! `sealdex export DIR`: what is public, for any web server.

use serde_json::json;

use super::publish::open;
use crate::cli::{ExportArguments, Format};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, bytes, count, result, say, spinner, styled};

pub(super) async fn run(arguments: ExportArguments, format: Format) -> Result<(), Failure> {
    // Says it if there is no repository.
    let repository = open(&arguments.repository.repository).await?;
    let destination = &arguments.destination;
    let waiting = spinner(format!("exporting to {}", destination.display()));
    let exported = sealdex_server::export(repository.blobs(), destination)
        .await
        .map_err(|error| Failure::new(Kind::Failed, error).hint("what was exported before is unharmed"))?;
    waiting.finish_and_clear();
    let summary = json!({
        "destination": arguments.destination,
        "written": exported.written,
        "kept": exported.kept,
        "packed": exported.packed,
        "bytes": exported.bytes,
    });
    result(format, &summary, || {
        let (written, kept) = (exported.written, exported.kept);
        say(format!("{} {}", styled(GOOD, "exported"), arguments.destination.display()));
        let (written, packed) =
            (count(written, "file", "files"), count(exported.packed, "packed form", "packed forms"));
        say(format!("  {written} written, {kept} there already, {packed}"));
        say(format!("  {} in all", bytes(exported.bytes)));
    })?;
    Ok(())
}
