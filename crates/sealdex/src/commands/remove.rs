//! `sealdex remove`: take files out of the index.

use sealdex_repository::layout::Content;
use sealdex_repository::{Actor, Transaction};
use sealdex_simple::{DistributionFilename, FileName};
use sealdex_tuf::TargetPath;
use serde_json::json;

use super::publish::Publisher;
use crate::cli::{Format, RemoveArguments};
use crate::failure::Failure;
use crate::output::{GOOD, count, result, say, styled};

pub(super) async fn run(arguments: RemoveArguments, format: Format) -> Result<(), Failure> {
    let mut publisher = Publisher::open(&arguments.repository.repository, &arguments.online).await?;
    let content = publisher.repository.layout().content;
    // All names are read before anything is removed.
    let transactions =
        arguments.files.iter().map(|file| transaction(content, file)).collect::<Result<Vec<_>, Failure>>()?;
    let mut receipts = Vec::new();
    let mut failed = None;
    for transaction in transactions {
        match publisher.repository.submit(transaction, Actor::Local).await {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    // What was accepted is published even when a later name is refused.
    let snapshot = publisher.publish(&receipts).await?.map(|published| published.snapshot_version.number());
    result(format, &json!({ "removed": arguments.files[..receipts.len()], "snapshot": snapshot }), || {
        if !receipts.is_empty() {
            let files = count(receipts.len(), "file", "files");
            say(format!(
                "{} {files}; installers that ask from now on do not see them",
                styled(GOOD, "removed")
            ));
        }
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn transaction(content: Content, file: &str) -> Result<Transaction, Failure> {
    if content == Content::Files {
        return Ok(Transaction::RemoveTarget { path: TargetPath::parse(file)? });
    }
    let distribution = DistributionFilename::parse(file)?;
    Ok(Transaction::RemoveDistribution {
        project: distribution.project().clone(),
        filename: FileName::parse(file)?,
    })
}
