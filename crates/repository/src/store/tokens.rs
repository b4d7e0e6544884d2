//! Tokens, by their hashes.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::time;
use crate::error::Error;

/// A token; projects and actions as JSON.
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) secret_sha256: String,
    pub(crate) projects: String,
    pub(crate) actions: String,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) revoked: Option<Timestamp>,
}

pub(crate) async fn add(connection: &mut SqliteConnection, row: &TokenRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO tokens (id, secret_sha256, projects, actions, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&row.id)
    .bind(&row.secret_sha256)
    .bind(&row.projects)
    .bind(&row.actions)
    .bind(row.created.as_microsecond())
    .bind(row.expires.map(Timestamp::as_microsecond))
    .execute(connection)
    .await
    .map_err(Error::database("add a token"))?;
    Ok(())
}

pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<TokenRow>, Error> {
    let rows = sqlx::query(
        "SELECT id, secret_sha256, projects, actions, created_at, expires_at, revoked_at FROM tokens \
         ORDER BY created_at, id",
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("list the tokens"))?;
    rows.iter().map(token_row).collect()
}

pub(crate) async fn by_id(connection: &mut SqliteConnection, id: &str) -> Result<Option<TokenRow>, Error> {
    let row = sqlx::query(
        "SELECT id, secret_sha256, projects, actions, created_at, expires_at, revoked_at FROM tokens WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
    .map_err(Error::database("read a token"))?;
    row.as_ref().map(token_row).transpose()
}

/// Revokes a token; one revoked before stays so. `false`: there is no such token.
pub(crate) async fn revoke(
    connection: &mut SqliteConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2")
        .bind(now.as_microsecond())
        .bind(id)
        .execute(connection)
        .await
        .map_err(Error::database("revoke a token"))?;
    Ok(done.rows_affected() == 1)
}

fn token_row(row: &SqliteRow) -> Result<TokenRow, Error> {
    let text = |name| row.try_get::<String, _>(name).map_err(Error::database("give the columns of a token"));
    let moment = |name| -> Result<Option<Timestamp>, Error> {
        let column: Option<i64> =
            row.try_get(name).map_err(Error::database("give the columns of a token"))?;
        column.map(time).transpose()
    };
    Ok(TokenRow {
        id: text("id")?,
        secret_sha256: text("secret_sha256")?,
        projects: text("projects")?,
        actions: text("actions")?,
        created: moment("created_at")?
            .ok_or_else(|| Error::State { reason: "a token was never made".to_owned() })?,
        expires: moment("expires_at")?,
        revoked: moment("revoked_at")?,
    })
}
