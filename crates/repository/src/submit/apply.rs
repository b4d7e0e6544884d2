//! Changes checked against the log and written into it, many in one database transaction.

use std::collections::HashMap;

use jiff::Timestamp;
use sealdex_simple::{FileName, ProjectName};
use sealdex_tuf::TargetPath;

use super::{Change, distribution_path};
use crate::error::Error;
use crate::publish::check_readable;
use crate::store::{DistributionRow, NewEntry, PlainFileRow, Transaction, log, rows};
use crate::transaction::{Existing, Outcome, Receipt, TransactionId};

/// A change, who asks for it, and when.
pub(crate) struct Asked<'a> {
    pub(crate) change: &'a Change,
    pub(crate) actor: &'a str,
    pub(crate) at: Timestamp,
}

/// Writes changes into the log, as if one were written after the other; gives a receipt or a refusal for each. A refused
/// one changes nothing.
///
/// # Errors
/// [`Error::Database`], [`Error::State`]: none of them was written.
pub(crate) async fn apply(
    transaction: &mut Transaction,
    asked: &[Asked<'_>],
) -> Result<Vec<Result<Receipt, Error>>, Error> {
    // First, so that nobody else changes what is read now.
    let next = log::next_id(transaction).await?;
    let mut draft = Draft::read(transaction, asked, next).await?;
    let mut results = Vec::with_capacity(asked.len());
    for asked in asked {
        match draft.apply(asked) {
            Err(failure @ (Error::Database { .. } | Error::State { .. })) => return Err(failure),
            result => results.push(result),
        }
    }
    draft.write(transaction).await?;
    Ok(results)
}

/// What there is under a distribution's name: a receipt if it is the same file, nothing if the name is free for it.
///
/// # Errors
/// [`Error::FileExists`] or [`Error::FileNameUsed`].
pub(crate) fn existing_distribution(
    known: Option<&DistributionRow>,
    row: &DistributionRow,
) -> Result<Option<Receipt>, Error> {
    let Some(known) = known else { return Ok(None) };
    if known.sha256 == row.sha256 {
        return Ok((!known.removed).then(|| unchanged(known.changed_by)));
    }
    let path = format!("files/{}/{}", row.project, row.filename);
    let (existing, offered) = (known.sha256.clone(), row.sha256.clone());
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
pub(crate) fn existing_file(
    known: Option<&PlainFileRow>,
    row: &PlainFileRow,
    existing: Existing,
) -> Result<Option<Receipt>, Error> {
    let Some(known) = known.filter(|known| !known.removed) else { return Ok(None) };
    if known.sha256 == row.sha256 {
        return Ok(Some(unchanged(known.changed_by)));
    }
    match existing {
        Existing::Replace => Ok(None),
        Existing::Keep => Err(Error::FileExists {
            path: row.path.escape_debug().to_string(),
            existing: known.sha256.clone(),
            offered: row.sha256.clone(),
        }),
    }
}

/// The name of a distribution's row.
type Name = (String, String);

/// The rows that changes are about, as they are with the changes so far, and what is to be written.
struct Draft<'a> {
    distributions: HashMap<Name, DistributionRow>,
    files: HashMap<String, PlainFileRow>,
    /// The number of the next transaction.
    next: u64,
    entries: Vec<Entry<'a>>,
}

/// A transaction for the log, and the row that it changes.
struct Entry<'a> {
    asked: &'a Asked<'a>,
    action: &'static str,
    what: What,
    sha256: String,
}

enum What {
    Distribution(Name),
    File(String),
}

impl<'a> Draft<'a> {
    async fn read(transaction: &mut Transaction, asked: &[Asked<'_>], next: u64) -> Result<Self, Error> {
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        for asked in asked {
            match asked.change {
                Change::PutDistribution(row) => names.push((row.project.as_str(), row.filename.as_str())),
                Change::RemoveDistribution { project, filename }
                | Change::SetYanked { project, filename, .. } => {
                    names.push((project.as_str(), filename.as_str()));
                }
                Change::PutFile(row, _) => paths.push(row.path.as_str()),
                Change::RemoveFile(path) => paths.push(path.as_str()),
            }
        }
        Ok(Self {
            distributions: rows::distributions(transaction, &names).await?,
            files: rows::plain_files(transaction, &paths).await?,
            next,
            entries: Vec::new(),
        })
    }

    fn apply(&mut self, asked: &'a Asked<'a>) -> Result<Receipt, Error> {
        match asked.change {
            Change::PutDistribution(row) => {
                let known = self.distributions.get(&name(&row.project, &row.filename));
                match existing_distribution(known, row)? {
                    Some(receipt) => Ok(receipt),
                    None => self.put_distribution(asked, row.clone(), "add-distribution"),
                }
            }
            Change::RemoveDistribution { project, filename } => {
                let mut row = self.present_distribution(project, filename)?;
                row.removed = true;
                self.put_distribution(asked, row, "remove-distribution")
            }
            Change::SetYanked { project, filename, yanked } => {
                let mut row = self.present_distribution(project, filename)?;
                if row.yanked == *yanked {
                    return Ok(unchanged(row.changed_by));
                }
                row.yanked.clone_from(yanked);
                let action = if yanked.is_some() { "yank" } else { "unyank" };
                self.put_distribution(asked, row, action)
            }
            Change::PutFile(row, existing) => {
                match existing_file(self.files.get(&row.path), row, *existing)? {
                    Some(receipt) => Ok(receipt),
                    None => Ok(self.put_file(asked, row.clone(), "add-target")),
                }
            }
            Change::RemoveFile(path) => {
                let row = self.present_file(path)?;
                Ok(self.put_file(asked, PlainFileRow { removed: true, ..row }, "remove-target"))
            }
        }
    }

    fn present_distribution(
        &self,
        project: &ProjectName,
        filename: &FileName,
    ) -> Result<DistributionRow, Error> {
        let row = self.distributions.get(&name(project.as_str(), filename.as_str()));
        row.filter(|row| !row.removed)
            .cloned()
            .ok_or_else(|| Error::NotFound { what: distribution_path(project, filename) })
    }

    fn present_file(&self, path: &TargetPath) -> Result<PlainFileRow, Error> {
        let row = self.files.get(path.as_str()).filter(|row| !row.removed);
        row.cloned().ok_or_else(|| Error::NotFound { what: path.to_string() })
    }

    fn put_distribution(
        &mut self,
        asked: &'a Asked<'a>,
        mut row: DistributionRow,
        action: &'static str,
    ) -> Result<Receipt, Error> {
        check_readable(&ProjectName::parse(&row.project)?, &row)?;
        let (name, sha256) = (name(&row.project, &row.filename), row.sha256.clone());
        let receipt = self.enter(Entry { asked, action, what: What::Distribution(name.clone()), sha256 });
        row.changed_by = receipt.transaction.number();
        self.distributions.insert(name, row);
        Ok(receipt)
    }

    fn put_file(&mut self, asked: &'a Asked<'a>, mut row: PlainFileRow, action: &'static str) -> Receipt {
        let (path, sha256) = (row.path.clone(), row.sha256.clone());
        let receipt = self.enter(Entry { asked, action, what: What::File(path.clone()), sha256 });
        row.changed_by = receipt.transaction.number();
        self.files.insert(path, row);
        receipt
    }

    fn enter(&mut self, entry: Entry<'a>) -> Receipt {
        let transaction = TransactionId(self.next);
        self.next += 1;
        self.entries.push(entry);
        Receipt { transaction, outcome: Outcome::Accepted, may_be_import: false }
    }

    /// Writes the log, and each row that changed as it is in the end.
    async fn write(self, transaction: &mut Transaction) -> Result<(), Error> {
        let Self { mut distributions, mut files, entries, .. } = self;
        let log: Vec<NewEntry<'_>> = entries.iter().map(Entry::row).collect();
        log::append(transaction, &log).await?;
        drop(log);
        let (mut changed_distributions, mut changed_files) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.what {
                What::Distribution(name) => changed_distributions.extend(distributions.remove(&name)),
                What::File(path) => changed_files.extend(files.remove(&path)),
            }
        }
        rows::put_distributions(transaction, &changed_distributions).await?;
        rows::put_plain_files(transaction, &changed_files).await
    }
}

impl Entry<'_> {
    fn row(&self) -> NewEntry<'_> {
        let (project, path) = match &self.what {
            What::Distribution((project, filename)) => {
                (Some(project.as_str()), format!("files/{project}/{filename}").into())
            }
            What::File(path) => (None, path.into()),
        };
        let (submitted_at, actor) = (self.asked.at, self.asked.actor);
        NewEntry { submitted_at, actor, action: self.action, project, path, sha256: Some(&self.sha256) }
    }
}

fn name(project: &str, filename: &str) -> Name {
    (project.to_owned(), filename.to_owned())
}

fn unchanged(transaction: u64) -> Receipt {
    let transaction = TransactionId(transaction);
    Receipt { transaction, outcome: Outcome::Unchanged, may_be_import: true }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Location, Open, Store, commit};

    /// Few names and few contents, so that changes meet.
    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let distribution = |project: u8, content: u8| DistributionRow {
            project: format!("p{project}"),
            filename: format!("p{project}-1.0.tar.gz"),
            version: "1.0".to_owned(),
            sha256: content.to_string().repeat(64),
            length: u64::from(content),
            sidecar_sha256: None,
            requires_python: None,
            uploaded_at: Timestamp::UNIX_EPOCH,
            yanked: None,
            removed: false,
            url: None,
            changed_by: 0,
        };
        let name = |project: u8| {
            let filename = FileName::parse(&format!("p{project}-1.0.tar.gz")).unwrap();
            (ProjectName::parse(&format!("p{project}")).unwrap(), filename)
        };
        let file = |path: u8, content: u8| PlainFileRow {
            path: format!("f{path}"),
            sha256: content.to_string().repeat(64),
            length: u64::from(content),
            removed: false,
            changed_by: 0,
        };
        let change = (0..6_u8, 0..3_u8, 0..2_u8).prop_map(move |(kind, about, content)| {
            let (project, filename) = name(about);
            match kind {
                0 => Change::PutDistribution(distribution(about, content)),
                1 => Change::RemoveDistribution { project, filename },
                2 => Change::SetYanked { project, filename, yanked: (content == 0).then_some(None) },
                3 => Change::PutFile(file(about, content), Existing::Keep),
                4 => Change::PutFile(file(about, content), Existing::Replace),
                _ => Change::RemoveFile(TargetPath::parse(format!("f{about}")).unwrap()),
            }
        });
        prop::collection::vec(change, 1..12)
    }

    async fn new_store(folder: &std::path::Path, name: &str) -> Store {
        Store::open(&Location::Sqlite(folder.join(name)), Open::New).await.unwrap()
    }

    /// Applies all of these in one database transaction; gives what each came to.
    async fn apply_together(store: &Store, changes: &[Change]) -> Vec<String> {
        let at = Timestamp::UNIX_EPOCH;
        let asked: Vec<Asked<'_>> =
            changes.iter().map(|change| Asked { change, actor: "test", at }).collect();
        let mut write = store.write().await.unwrap();
        let results = apply(&mut write, &asked).await.unwrap();
        commit(write).await.unwrap();
        results.into_iter().map(|result| format!("{result:?}")).collect()
    }

    /// The log and every row.
    async fn contents(store: &Store) -> String {
        let mut read = store.read().await.unwrap();
        let log = log::entries(&mut read, 0, 1000).await.unwrap();
        let projects = ["p0", "p1", "p2"].map(str::to_owned).to_vec();
        let distributions = rows::by_project(&mut read, projects).await.unwrap();
        let files = rows::plain_files(&mut read, &["f0", "f1", "f2"]).await.unwrap();
        let files: std::collections::BTreeMap<_, _> = files.into_iter().collect();
        format!("{log:#?} {distributions:#?} {files:#?}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn together_is_as_one_after_the_other(before in changes(), changes in changes()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (together, alone) = runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let (together, alone) =
                    (new_store(folder.path(), "together").await, new_store(folder.path(), "alone").await);
                for store in [&together, &alone] {
                    apply_together(store, &before).await;
                }
                let all = apply_together(&together, &changes).await;
                let mut each = Vec::new();
                for change in &changes {
                    each.extend(apply_together(&alone, std::slice::from_ref(change)).await);
                }
                ((all, contents(&together).await), (each, contents(&alone).await))
            });
            prop_assert_eq!(together, alone);
        }
    }
}
