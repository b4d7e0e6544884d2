//! The schema, step by step. Steps are embedded, and never changed once released.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlitePool};

use crate::error::Error;

pub(super) async fn run(pool: &SqlitePool) -> Result<(), Error> {
    let steps = vec![
        step(1, "initial", include_str!("../../migrations/0001_initial.sql")),
        step(2, "bulk", include_str!("../../migrations/0002_bulk.sql")),
        step(3, "relayout", include_str!("../../migrations/0003_relayout.sql")),
    ];
    Migrator::with_migrations(steps)
        .run(pool)
        .await
        .map_err(|error| Error::database("bring its schema up to date")(error.into()))
}

fn step(number: i64, description: &'static str, sql: &'static str) -> Migration {
    Migration::new(number, Cow::Borrowed(description), MigrationType::Simple, sql.into_sql_str(), false)
}
