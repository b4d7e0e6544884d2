//! A change checked against the log and written into it, in one database transaction.

use jiff::Timestamp;
use sealdex_simple::{FileName, IndexPage, PageLimits, ProjectName};
use sealdex_tuf::TargetPath;

use super::{Change, distribution_path};
use crate::error::Error;
use crate::publish::build_page;
use crate::store::{DistributionRow, NewEntry, PlainFileRow, Transaction, log, rows};
use crate::transaction::{Existing, Outcome, Receipt, TransactionId};

/// Who changes, and when.
#[derive(Clone, Copy)]
pub(crate) struct Signature<'a> {
    pub(crate) actor: &'a str,
    pub(crate) at: Timestamp,
}

/// Writes a change into the log. Refuses before it writes anything, so that a refusal leaves the database transaction
/// as it was.
pub(crate) async fn apply(
    transaction: &mut Transaction,
    change: &Change,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    match change {
        Change::PutDistribution(row) => put_distribution(transaction, row, by).await,
        Change::RemoveDistribution { project, filename } => {
            let mut row = present_distribution(transaction, project, filename).await?;
            row.removed = true;
            update_distribution(transaction, row, "remove-distribution", by).await
        }
        Change::SetYanked { project, filename, yanked } => {
            let mut row = present_distribution(transaction, project, filename).await?;
            if row.yanked == *yanked {
                return Ok(unchanged(row.changed_by));
            }
            row.yanked.clone_from(yanked);
            let action = if yanked.is_some() { "yank" } else { "unyank" };
            update_distribution(transaction, row, action, by).await
        }
        Change::PutFile(row, existing) => put_file(transaction, row, *existing, by).await,
        Change::RemoveFile(path) => remove_file(transaction, path, by).await,
    }
}

/// What there is under a distribution's name: a receipt if it is the same file, nothing if the name is free for it.
///
/// # Errors
/// [`Error::FileExists`] or [`Error::FileNameUsed`].
pub(crate) async fn existing_distribution(
    transaction: &mut Transaction,
    row: &DistributionRow,
) -> Result<Option<Receipt>, Error> {
    let Some(known) = rows::distribution(transaction, &row.project, &row.filename).await? else {
        return Ok(None);
    };
    if known.sha256 == row.sha256 {
        return Ok((!known.removed).then(|| unchanged(known.changed_by)));
    }
    let path = format!("files/{}/{}", row.project, row.filename);
    let (existing, offered) = (known.sha256, row.sha256.clone());
    Err(if known.removed {
        Error::FileNameUsed { path, existing, offered }
    } else {
        Error::FileExists { path, existing, offered }
    })
}

/// The same for other files: their names are free again once they are removed.
///
/// # Errors
/// [`Error::FileExists`]
pub(crate) async fn existing_file(
    transaction: &mut Transaction,
    row: &PlainFileRow,
    existing: Existing,
) -> Result<Option<Receipt>, Error> {
    let Some(known) = rows::plain_file(transaction, &row.path).await?.filter(|known| !known.removed) else {
        return Ok(None);
    };
    if known.sha256 == row.sha256 {
        return Ok(Some(unchanged(known.changed_by)));
    }
    match existing {
        Existing::Replace => Ok(None),
        Existing::Keep => Err(Error::FileExists {
            path: row.path.escape_debug().to_string(),
            existing: known.sha256,
            offered: row.sha256.clone(),
        }),
    }
}

async fn put_distribution(
    transaction: &mut Transaction,
    row: &DistributionRow,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    match existing_distribution(transaction, row).await? {
        Some(receipt) => Ok(receipt),
        None => update_distribution(transaction, row.clone(), "add-distribution", by).await,
    }
}

async fn present_distribution(
    transaction: &mut Transaction,
    project: &ProjectName,
    filename: &FileName,
) -> Result<DistributionRow, Error> {
    let row = rows::distribution(transaction, project.as_str(), filename.as_str()).await?;
    row.filter(|row| !row.removed)
        .ok_or_else(|| Error::NotFound { what: distribution_path(project, filename) })
}

async fn update_distribution(
    transaction: &mut Transaction,
    mut row: DistributionRow,
    action: &str,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    check_readable(&row)?;
    let path = format!("files/{}/{}", row.project, row.filename);
    let entry = NewEntry {
        submitted_at: by.at,
        actor: by.actor,
        action,
        project: Some(&row.project),
        path: &path,
        sha256: Some(&row.sha256),
    };
    row.changed_by = log::append(transaction, &entry).await?;
    rows::put_distribution(transaction, &row).await?;
    Ok(accepted(row.changed_by))
}

/// A page that says this of a distribution can be read by clients: one that cannot would take the project's other files
/// away with it.
fn check_readable(row: &DistributionRow) -> Result<(), Error> {
    let (page, _) = build_page(&ProjectName::parse(&row.project)?, std::slice::from_ref(row))?;
    IndexPage::from_json(&page.to_json(), &PageLimits::default())?;
    Ok(())
}

async fn put_file(
    transaction: &mut Transaction,
    row: &PlainFileRow,
    existing: Existing,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    if let Some(receipt) = existing_file(transaction, row, existing).await? {
        return Ok(receipt);
    }
    update_file(transaction, row.clone(), "add-target", by).await
}

async fn remove_file(
    transaction: &mut Transaction,
    path: &TargetPath,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    let row = rows::plain_file(transaction, path.as_str()).await?.filter(|row| !row.removed);
    let row = row.ok_or_else(|| Error::NotFound { what: path.to_string() })?;
    update_file(transaction, PlainFileRow { removed: true, ..row }, "remove-target", by).await
}

async fn update_file(
    transaction: &mut Transaction,
    mut row: PlainFileRow,
    action: &str,
    by: Signature<'_>,
) -> Result<Receipt, Error> {
    let entry = NewEntry {
        submitted_at: by.at,
        actor: by.actor,
        action,
        project: None,
        path: &row.path,
        sha256: Some(&row.sha256),
    };
    row.changed_by = log::append(transaction, &entry).await?;
    rows::put_plain_file(transaction, &row).await?;
    Ok(accepted(row.changed_by))
}

fn accepted(transaction: u64) -> Receipt {
    Receipt { transaction: TransactionId(transaction), outcome: Outcome::Accepted }
}

fn unchanged(transaction: u64) -> Receipt {
    Receipt { transaction: TransactionId(transaction), outcome: Outcome::Unchanged }
}
