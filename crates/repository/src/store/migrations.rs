//! The schema, step by step. Steps are embedded, and never changed once released.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlitePool};

use crate::error::Error;

pub(super) async fn run(pool: &SqlitePool) -> Result<(), Error> {
    let initial = include_str!("../../migrations/0001_initial.sql");
    let steps = vec![Migration::new(
        1,
        Cow::Borrowed("initial"),
        MigrationType::Simple,
        initial.into_sql_str(),
        false,
    )];
    Migrator::with_migrations(steps)
        .run(pool)
        .await
        .map_err(|error| Error::database("bring its schema up to date")(error.into()))
}
