//! Tokens, by their hashes.

use std::collections::HashMap;

use jiff::Timestamp;

use super::query::{query, query_list};
use super::{ROWS, Transaction, time};
use crate::error::Error;

/// A token; projects and actions as JSON.
#[derive(Clone)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) secret_sha256: String,
    pub(crate) projects: String,
    pub(crate) actions: String,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) revoked: Option<Timestamp>,
}

pub(crate) async fn add(transaction: &mut Transaction, row: &TokenRow) -> Result<(), Error> {
    query(
        "INSERT INTO tokens (id, secret_sha256, projects, actions, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&row.id)
    .bind(&row.secret_sha256)
    .bind(&row.projects)
    .bind(&row.actions)
    .bind(row.created.as_microsecond())
    .bind(row.expires.map(Timestamp::as_microsecond))
    .execute(transaction)
    .await
    .map_err(Error::database("add a token"))?;
    Ok(())
}

pub(crate) async fn all(transaction: &mut Transaction) -> Result<Vec<TokenRow>, Error> {
    let rows: Vec<Columns> = query(
        "SELECT id, secret_sha256, projects, actions, created_at, expires_at, revoked_at FROM tokens \
         ORDER BY created_at, id",
    )
    .fetch_all(transaction)
    .await
    .map_err(Error::database("list the tokens"))?;
    rows.into_iter().map(token_row).collect()
}

/// Those of these tokens that there are, by their ids.
pub(crate) async fn by_ids(
    transaction: &mut Transaction,
    ids: &[&str],
) -> Result<HashMap<String, TokenRow>, Error> {
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT id, secret_sha256, projects, actions, created_at, expires_at, revoked_at FROM tokens \
             WHERE id IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<Columns> =
            select.fetch_all(transaction).await.map_err(Error::database("read tokens"))?;
        for row in rows {
            let row = token_row(row)?;
            found.insert(row.id.clone(), row);
        }
    }
    Ok(found)
}

/// Revokes a token; one revoked before stays so. `false`: there is no such token.
pub(crate) async fn revoke(transaction: &mut Transaction, id: &str, now: Timestamp) -> Result<bool, Error> {
    let revoked = query("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2")
        .bind(now.as_microsecond())
        .bind(id)
        .execute(transaction)
        .await
        .map_err(Error::database("revoke a token"))?;
    Ok(revoked == 1)
}

/// The columns of a token, in the order they are asked for.
type Columns = (String, String, String, String, i64, Option<i64>, Option<i64>);

fn token_row(columns: Columns) -> Result<TokenRow, Error> {
    let (id, secret_sha256, projects, actions, created, expires, revoked) = columns;
    Ok(TokenRow {
        id,
        secret_sha256,
        projects,
        actions,
        created: time(created)?,
        expires: expires.map(time).transpose()?,
        revoked: revoked.map(time).transpose()?,
    })
}
