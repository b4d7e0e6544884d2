//! Rows as values, and the reading of single ones.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{signed, time, unsigned};
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

impl DistributionRow {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, Error> {
        let column = Error::database("give the columns of a distribution");
        Self::read_columns(row).map_err(column)?.checked()
    }

    fn read_columns(row: &SqliteRow) -> Result<Raw, sqlx::Error> {
        Ok(Raw {
            row: Self {
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

/// A row whose numbers are not checked yet.
struct Raw {
    row: DistributionRow,
    length: i64,
    uploaded_at: i64,
    changed_by: i64,
}

impl Raw {
    fn checked(self) -> Result<DistributionRow, Error> {
        Ok(DistributionRow {
            length: unsigned(self.length)?,
            uploaded_at: time(self.uploaded_at)?,
            changed_by: unsigned(self.changed_by)?,
            ..self.row
        })
    }
}

/// One distribution, removed or not.
pub(crate) async fn distribution(
    connection: &mut SqliteConnection,
    project: &str,
    filename: &str,
) -> Result<Option<DistributionRow>, Error> {
    let row = sqlx::query("SELECT * FROM distributions WHERE project = $1 AND filename = $2")
        .bind(project)
        .bind(filename)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("read a distribution"))?;
    row.as_ref().map(DistributionRow::read).transpose()
}

/// Every distribution of a project, removed ones included.
pub(crate) async fn distributions_of(
    connection: &mut SqliteConnection,
    project: &str,
) -> Result<Vec<DistributionRow>, Error> {
    let rows = sqlx::query("SELECT * FROM distributions WHERE project = $1 ORDER BY filename")
        .bind(project)
        .fetch_all(connection)
        .await
        .map_err(Error::database("read distributions"))?;
    rows.iter().map(DistributionRow::read).collect()
}

pub(crate) async fn put_distribution(
    connection: &mut SqliteConnection,
    row: &DistributionRow,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO distributions (project, filename, version, sha256, length, sidecar_sha256, \
         requires_python, uploaded_at, yanked, yanked_reason, removed, url, changed_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (project, filename) DO UPDATE SET sidecar_sha256 = excluded.sidecar_sha256, \
         requires_python = excluded.requires_python, uploaded_at = excluded.uploaded_at, \
         yanked = excluded.yanked, yanked_reason = excluded.yanked_reason, removed = excluded.removed, \
         url = excluded.url, changed_by = excluded.changed_by",
    )
    .bind(&row.project)
    .bind(&row.filename)
    .bind(&row.version)
    .bind(&row.sha256)
    .bind(signed(row.length)?)
    .bind(&row.sidecar_sha256)
    .bind(&row.requires_python)
    .bind(row.uploaded_at.as_microsecond())
    .bind(i64::from(row.yanked.is_some()))
    .bind(row.yanked.clone().flatten())
    .bind(i64::from(row.removed))
    .bind(&row.url)
    .bind(signed(row.changed_by)?)
    .execute(connection)
    .await
    .map_err(Error::database("write a distribution"))?;
    Ok(())
}

/// One file that is no distribution, removed or not.
pub(crate) async fn plain_file(
    connection: &mut SqliteConnection,
    path: &str,
) -> Result<Option<PlainFileRow>, Error> {
    let row: Option<(String, i64, i64, i64)> =
        sqlx::query_as("SELECT sha256, length, removed, changed_by FROM plain_files WHERE path = $1")
            .bind(path)
            .fetch_optional(connection)
            .await
            .map_err(Error::database("read a file"))?;
    let Some((sha256, length, removed, changed_by)) = row else { return Ok(None) };
    Ok(Some(PlainFileRow {
        path: path.to_owned(),
        sha256,
        length: unsigned(length)?,
        removed: removed != 0,
        changed_by: unsigned(changed_by)?,
    }))
}

pub(crate) async fn put_plain_file(
    connection: &mut SqliteConnection,
    row: &PlainFileRow,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO plain_files (path, sha256, length, removed, changed_by) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, length = excluded.length, \
         removed = excluded.removed, changed_by = excluded.changed_by",
    )
    .bind(&row.path)
    .bind(&row.sha256)
    .bind(signed(row.length)?)
    .bind(i64::from(row.removed))
    .bind(signed(row.changed_by)?)
    .execute(connection)
    .await
    .map_err(Error::database("write a file"))?;
    Ok(())
}

pub(crate) async fn page(connection: &mut SqliteConnection, project: &str) -> Result<Option<PageRow>, Error> {
    let row: Option<(String, i64, i64)> =
        sqlx::query_as("SELECT sha256, serial, published_at FROM pages WHERE project = $1")
            .bind(project)
            .fetch_optional(connection)
            .await
            .map_err(Error::database("read a page"))?;
    let Some((sha256, serial, published_at)) = row else { return Ok(None) };
    let (serial, published_at) = (unsigned(serial)?, time(published_at)?);
    Ok(Some(PageRow { project: project.to_owned(), sha256, serial, published_at }))
}

pub(crate) async fn put_page(connection: &mut SqliteConnection, row: &PageRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO pages (project, sha256, serial, published_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial, \
         published_at = excluded.published_at",
    )
    .bind(&row.project)
    .bind(&row.sha256)
    .bind(signed(row.serial)?)
    .bind(row.published_at.as_microsecond())
    .execute(connection)
    .await
    .map_err(Error::database("write a page"))?;
    Ok(())
}

/// The names of all projects with a page.
pub(crate) async fn projects(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT project FROM pages ORDER BY project")
        .fetch_all(connection)
        .await
        .map_err(Error::database("list projects"))?;
    Ok(rows.into_iter().map(|(project,)| project).collect())
}

/// The next projects with a page after `last`, in order, and the digest of each page.
pub(crate) async fn pages_after(
    connection: &mut SqliteConnection,
    last: &str,
    limit: u32,
) -> Result<Vec<(String, String)>, Error> {
    sqlx::query_as("SELECT project, sha256 FROM pages WHERE project > $1 ORDER BY project LIMIT $2")
        .bind(last)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(Error::database("list pages"))
}
