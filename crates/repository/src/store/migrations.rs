//! The schema, step by step. Steps are embedded, and never changed once released.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr, SqlStr, SqlitePool};

use crate::error::Error;

const STEPS: [(&str, &str); 4] = [
    ("initial", include_str!("../../migrations/0001_initial.sql")),
    ("bulk", include_str!("../../migrations/0002_bulk.sql")),
    ("relayout", include_str!("../../migrations/0003_relayout.sql")),
    ("writer", include_str!("../../migrations/0004_writer.sql")),
];

pub(super) async fn run_on_sqlite(pool: &SqlitePool) -> Result<(), Error> {
    migrator(|sql| sql.into_sql_str()).run(pool).await.map_err(failed)
}

/// The same steps. PostgreSQL orders text by the rules of a language unless it is told not to, SQLite by its bytes.
pub(super) async fn run_on_postgres(connection: &mut PgConnection) -> Result<(), Error> {
    let by_bytes =
        |sql: &'static str| AssertSqlSafe(sql.replace(" TEXT", " TEXT COLLATE \"C\"")).into_sql_str();
    migrator(by_bytes).run(connection).await.map_err(failed)
}

fn migrator(text: impl Fn(&'static str) -> SqlStr) -> Migrator {
    let steps = STEPS.iter().zip(1..).map(|((description, sql), number)| {
        Migration::new(number, Cow::Borrowed(*description), MigrationType::Simple, text(sql), false)
    });
    Migrator::with_migrations(steps.collect())
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    Error::database("bring its schema up to date")(error.into())
}
