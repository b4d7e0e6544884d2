//! Distributions, other files and pages: rows as values.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::query::{Ready, query, query_list, query_rows};
use super::transaction::Dialect;
use super::{ROWS, Transaction, signed, time, unsigned};
use crate::error::Error;

/// A distribution as the log says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DistributionRow {
    pub(crate) project: String,
    pub(crate) filename: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) length: u64,
    pub(crate) sidecar_sha256: Option<String>,
    pub(crate) requires_python: Option<String>,
    pub(crate) uploaded_at: Timestamp,
    pub(crate) yanked: Option<Option<String>>,
    pub(crate) removed: bool,
    /// Where it is kept; `None`: below `public/targets`.
    pub(crate) url: Option<String>,
    pub(crate) changed_by: u64,
}

/// A file that is no distribution, as the log says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainFileRow {
    pub(crate) path: String,
    pub(crate) sha256: String,
    pub(crate) length: u64,
    pub(crate) removed: bool,
    pub(crate) changed_by: u64,
}

/// A signed target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetRow {
    pub(crate) path: String,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

/// A published page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRow {
    pub(crate) project: String,
    pub(crate) sha256: String,
    pub(crate) serial: u64,
    pub(crate) published_at: Timestamp,
}

/// A row whose numbers are not checked yet.
pub(super) struct Raw {
    row: DistributionRow,
    length: i64,
    uploaded_at: i64,
    changed_by: i64,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for Raw
where
    for<'a> &'a str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            row: DistributionRow {
                project: row.try_get("project")?,
                filename: row.try_get("filename")?,
                version: row.try_get("version")?,
                sha256: row.try_get("sha256")?,
                length: 0,
                sidecar_sha256: row.try_get("sidecar_sha256")?,
                requires_python: row.try_get("requires_python")?,
                uploaded_at: Timestamp::UNIX_EPOCH,
                yanked: if row.try_get::<i64, _>("yanked")? != 0 {
                    Some(row.try_get("yanked_reason")?)
                } else {
                    None
                },
                removed: row.try_get::<i64, _>("removed")? != 0,
                url: row.try_get("url")?,
                changed_by: 0,
            },
            length: row.try_get("length")?,
            uploaded_at: row.try_get("uploaded_at")?,
            changed_by: row.try_get("changed_by")?,
        })
    }
}

impl Raw {
    pub(super) fn checked(self) -> Result<DistributionRow, Error> {
        Ok(DistributionRow {
            length: unsigned(self.length)?,
            uploaded_at: time(self.uploaded_at)?,
            changed_by: unsigned(self.changed_by)?,
            ..self.row
        })
    }
}

/// Those of these distributions that there are, removed or not, by project and file name.
pub(crate) async fn distributions(
    transaction: &mut Transaction,
    names: &[(&str, &str)],
) -> Result<HashMap<(String, String), DistributionRow>, Error> {
    let mut found = HashMap::with_capacity(names.len());
    for chunk in names.chunks(ROWS) {
        let names = chunk.iter().map(|(project, filename)| [(*project).into(), (*filename).into()]);
        let before = "WITH wanted (project, filename) AS (";
        let after = ") SELECT distributions.* FROM wanted JOIN distributions \
                     ON distributions.project = wanted.project AND distributions.filename = wanted.filename";
        let select = query_rows(transaction.dialect(), before, names, after);
        let rows: Vec<Raw> =
            select.fetch_all(transaction).await.map_err(Error::database("read distributions"))?;
        for row in rows {
            let row = row.checked()?;
            found.insert((row.project.clone(), row.filename.clone()), row);
        }
    }
    Ok(found)
}

/// Every distribution of these projects, which are in order; removed ones included.
async fn distributions_of(
    transaction: &mut Transaction,
    projects: &[String],
) -> Result<Vec<DistributionRow>, Error> {
    let mut found = Vec::new();
    for chunk in projects.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT * FROM distributions WHERE project IN ",
            chunk.iter().map(String::as_str),
            " ORDER BY project, filename",
        );
        let rows: Vec<Raw> =
            select.fetch_all(transaction).await.map_err(Error::database("read distributions"))?;
        for row in rows {
            found.push(row.checked()?);
        }
    }
    Ok(found)
}

/// Each of these projects with every distribution of it, removed ones included, in the order of names. The projects are
/// in order.
pub(crate) async fn by_project(
    transaction: &mut Transaction,
    projects: Vec<String>,
) -> Result<Vec<(String, Vec<DistributionRow>)>, Error> {
    let rows = distributions_of(transaction, &projects).await?;
    Ok(grouped(projects, rows))
}

/// Rows by project; both are in order.
fn grouped(
    projects: impl IntoIterator<Item = String>,
    rows: Vec<DistributionRow>,
) -> Vec<(String, Vec<DistributionRow>)> {
    let mut rows = rows.into_iter().peekable();
    let take = |project: String| {
        let mut own = Vec::new();
        while let Some(row) = rows.next_if(|row| row.project == project) {
            own.push(row);
        }
        (project, own)
    };
    projects.into_iter().map(take).collect()
}

/// Adds distributions, none of which is there.
pub(crate) async fn add_distributions(
    transaction: &mut Transaction,
    rows: &[DistributionRow],
) -> Result<(), Error> {
    write_distributions(transaction, rows, "").await
}

/// Adds or changes distributions, each of them once. The bytes of a file never change.
pub(crate) async fn put_distributions(
    transaction: &mut Transaction,
    rows: &[DistributionRow],
) -> Result<(), Error> {
    let change = " ON CONFLICT (project, filename) DO UPDATE SET sidecar_sha256 = excluded.sidecar_sha256, \
                  requires_python = excluded.requires_python, uploaded_at = excluded.uploaded_at, \
                  yanked = excluded.yanked, yanked_reason = excluded.yanked_reason, \
                  removed = excluded.removed, url = excluded.url, changed_by = excluded.changed_by";
    write_distributions(transaction, rows, change).await
}

async fn write_distributions(
    transaction: &mut Transaction,
    rows: &[DistributionRow],
    when_there: &'static str,
) -> Result<(), Error> {
    let dialect = transaction.dialect();
    let mut inserts = rows.chunks(ROWS).map(|chunk| insert_distributions(dialect, chunk, when_there));
    let mut insert = inserts.next().transpose()?;
    while let Some(now) = insert {
        // The next statement is put together while the database runs this one.
        let (done, next) = tokio::join!(now.execute(transaction), async { inserts.next().transpose() });
        done.map_err(Error::database("write distributions"))?;
        insert = next?;
    }
    Ok(())
}

fn insert_distributions(
    dialect: Dialect,
    rows: &[DistributionRow],
    when_there: &'static str,
) -> Result<Ready, Error> {
    let numbers = rows.iter().map(|row| Ok((row, signed(row.length)?, signed(row.changed_by)?)));
    let numbers = numbers.collect::<Result<Vec<_>, Error>>()?;
    let rows = numbers.into_iter().map(|(row, length, changed_by)| {
        [
            (&row.project).into(),
            (&row.filename).into(),
            (&row.version).into(),
            (&row.sha256).into(),
            length.into(),
            (&row.sidecar_sha256).into(),
            (&row.requires_python).into(),
            row.uploaded_at.as_microsecond().into(),
            i64::from(row.yanked.is_some()).into(),
            row.yanked.as_ref().and_then(Option::as_deref).into(),
            i64::from(row.removed).into(),
            (&row.url).into(),
            changed_by.into(),
        ]
    });
    let into = "INSERT INTO distributions (project, filename, version, sha256, length, sidecar_sha256, \
                requires_python, uploaded_at, yanked, yanked_reason, removed, url, changed_by)";
    query_rows(dialect, into, rows, when_there).ready(dialect).map_err(Error::database("write distributions"))
}

/// Those of these files that there are and that are no distributions, removed or not, by path.
pub(crate) async fn plain_files(
    transaction: &mut Transaction,
    paths: &[&str],
) -> Result<HashMap<String, PlainFileRow>, Error> {
    let mut found = HashMap::with_capacity(paths.len());
    for chunk in paths.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT path, sha256, length, removed, changed_by FROM plain_files WHERE path IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String, String, i64, i64, i64)> =
            select.fetch_all(transaction).await.map_err(Error::database("read files"))?;
        for (path, sha256, length, removed, changed_by) in rows {
            let (length, changed_by) = (unsigned(length)?, unsigned(changed_by)?);
            let row = PlainFileRow { path: path.clone(), sha256, length, removed: removed != 0, changed_by };
            found.insert(path, row);
        }
    }
    Ok(found)
}

/// Adds or changes files, each of them once.
pub(crate) async fn put_plain_files(
    transaction: &mut Transaction,
    rows: &[PlainFileRow],
) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS) {
        let numbers = chunk.iter().map(|row| Ok((row, signed(row.length)?, signed(row.changed_by)?)));
        let numbers = numbers.collect::<Result<Vec<_>, Error>>()?;
        let rows = numbers.into_iter().map(|(row, length, changed_by)| {
            let removed = i64::from(row.removed);
            [(&row.path).into(), (&row.sha256).into(), length.into(), removed.into(), changed_by.into()]
        });
        let put = query_rows(
            transaction.dialect(),
            "INSERT INTO plain_files (path, sha256, length, removed, changed_by)",
            rows,
            " ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, length = excluded.length, \
             removed = excluded.removed, changed_by = excluded.changed_by",
        );
        put.execute(transaction).await.map_err(Error::database("write files"))?;
    }
    Ok(())
}

/// The distributions of these projects that were changed by a transaction after the one named with each; the projects
/// are in order.
pub(crate) async fn changed_by_project(
    transaction: &mut Transaction,
    projects: Vec<(String, u64)>,
) -> Result<Vec<(String, Vec<DistributionRow>)>, Error> {
    let mut found = Vec::new();
    for chunk in projects.chunks(ROWS) {
        let wanted = chunk.iter().map(|(project, since)| Ok((project, signed(*since)?)));
        let wanted = wanted.collect::<Result<Vec<_>, Error>>()?;
        let wanted = wanted.into_iter().map(|(project, since)| [project.into(), since.into()]);
        // Project by project: in this order SQLite keeps to a cross join.
        let after = ") SELECT distributions.* FROM wanted CROSS JOIN distributions \
                     WHERE distributions.project = wanted.project AND changed_by > since \
                     ORDER BY distributions.project, filename";
        let select = query_rows(transaction.dialect(), "WITH wanted (project, since) AS (", wanted, after);
        let rows: Vec<Raw> =
            select.fetch_all(transaction).await.map_err(Error::database("read what changed"))?;
        found.extend(rows.into_iter().map(Raw::checked).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(grouped(projects.into_iter().map(|(project, _)| project), found))
}

/// The pages of those of these projects that have one.
pub(crate) async fn pages(
    transaction: &mut Transaction,
    projects: &[String],
) -> Result<HashMap<String, PageRow>, Error> {
    let mut found = HashMap::with_capacity(projects.len());
    for chunk in projects.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT project, sha256, serial, published_at FROM pages WHERE project IN ",
            chunk.iter().map(String::as_str),
            "",
        );
        let rows: Vec<(String, String, i64, i64)> =
            select.fetch_all(transaction).await.map_err(Error::database("read pages"))?;
        for (project, sha256, serial, published_at) in rows {
            let (serial, published_at) = (unsigned(serial)?, time(published_at)?);
            found.insert(project.clone(), PageRow { project, sha256, serial, published_at });
        }
    }
    Ok(found)
}

pub(crate) async fn page(transaction: &mut Transaction, project: &str) -> Result<Option<PageRow>, Error> {
    let row: Option<(String, i64, i64)> =
        query("SELECT sha256, serial, published_at FROM pages WHERE project = $1")
            .bind(project)
            .fetch_optional(transaction)
            .await
            .map_err(Error::database("read a page"))?;
    let Some((sha256, serial, published_at)) = row else { return Ok(None) };
    let (serial, published_at) = (unsigned(serial)?, time(published_at)?);
    Ok(Some(PageRow { project: project.to_owned(), sha256, serial, published_at }))
}

pub(crate) async fn put_pages(transaction: &mut Transaction, pages: &[PageRow]) -> Result<(), Error> {
    for chunk in pages.chunks(ROWS) {
        let rows = chunk.iter().map(|page| Ok((page, signed(page.serial)?)));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let rows = rows.into_iter().map(|(page, serial)| {
            let published_at = page.published_at.as_microsecond();
            [(&page.project).into(), (&page.sha256).into(), serial.into(), published_at.into()]
        });
        let put = query_rows(
            transaction.dialect(),
            "INSERT INTO pages (project, sha256, serial, published_at)",
            rows,
            " ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial, \
             published_at = excluded.published_at",
        );
        put.execute(transaction).await.map_err(Error::database("write pages"))?;
    }
    Ok(())
}

/// The names of all projects with a page.
pub(crate) async fn projects(transaction: &mut Transaction) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = query("SELECT project FROM pages ORDER BY project")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("list projects"))?;
    Ok(rows.into_iter().map(|(project,)| project).collect())
}

/// The next projects with a page after `last`, in order, and the digest of each page.
pub(crate) async fn pages_after(
    transaction: &mut Transaction,
    last: &str,
    limit: u32,
) -> Result<Vec<(String, String)>, Error> {
    query("SELECT project, sha256 FROM pages WHERE project > $1 ORDER BY project LIMIT $2")
        .bind(last)
        .bind(i64::from(limit))
        .fetch_all(transaction)
        .await
        .map_err(Error::database("list pages"))
}
