//! A statement and its values, for whichever database runs it.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, FromRow, SqlSafeStr, SqlStr};

use super::transaction::{Dialect, Transaction};

/// A statement with placeholders `$1`, `$2`, ... and what they stand for.
pub(super) struct Query<'q> {
    text: SqlStr,
    values: Vec<Value<'q>>,
}

/// A statement in a database's own form.
pub(super) enum Ready {
    Sqlite(SqlStr, SqliteArguments),
    Postgres(SqlStr, PgArguments),
}

/// What a placeholder stands for. Kept until it is known which database it goes to.
pub(super) enum Value<'q> {
    Number(Option<i64>),
    Text(Option<Cow<'q, str>>),
    Bytes(&'q [u8]),
}

/// What a row becomes.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A statement that is written out.
pub(super) fn query<'q>(text: &'static str) -> Query<'q> {
    Query { text: text.into_sql_str(), values: Vec::new() }
}

/// `before`, the values in parentheses, `after`.
pub(super) fn query_list<'q>(
    dialect: Dialect,
    before: &'static str,
    values: impl Iterator<Item = &'q str>,
    after: &'static str,
) -> Query<'q> {
    let mut text = Text::new(dialect, before);
    let values = values.map(Value::from).collect::<Vec<_>>();
    text.placeholders(values.len());
    text.finish(after, values)
}

/// `before VALUES`, each row in parentheses, `after`.
pub(super) fn query_rows<'q, const COLUMNS: usize>(
    dialect: Dialect,
    before: &'static str,
    rows: impl Iterator<Item = [Value<'q>; COLUMNS]>,
    after: &'static str,
) -> Query<'q> {
    let mut text = Text::new(dialect, before);
    let mut values = Vec::new();
    for (number, row) in rows.enumerate() {
        text.text.push_str(if number == 0 { " VALUES " } else { ", " });
        text.placeholders(COLUMNS);
        values.extend(row);
    }
    text.finish(after, values)
}

impl<'q> Query<'q> {
    /// The value of the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Brings the values into the form of the database that is to run it, which for many takes as long as to run it.
    pub(super) fn ready(self, dialect: Dialect) -> Result<Ready, sqlx::Error> {
        Ok(match dialect {
            Dialect::Sqlite => {
                let arguments = self.sqlite_arguments()?;
                Ready::Sqlite(self.text, arguments)
            }
            Dialect::Postgres => {
                let arguments = self.postgres_arguments()?;
                Ready::Postgres(self.text, arguments)
            }
        })
    }

    /// Gives the number of rows that were changed.
    pub(super) async fn execute(self, transaction: &mut Transaction) -> Result<u64, sqlx::Error> {
        self.ready(transaction.dialect())?.execute(transaction).await
    }

    pub(super) async fn fetch_all<R: Row>(
        self,
        transaction: &mut Transaction,
    ) -> Result<Vec<R>, sqlx::Error> {
        match transaction {
            Transaction::Sqlite(own) => {
                let arguments = self.sqlite_arguments()?;
                sqlx::query_as_with(self.text, arguments).fetch_all(&mut **own).await
            }
            Transaction::Postgres(own) => {
                let arguments = self.postgres_arguments()?;
                sqlx::query_as_with(self.text, arguments).fetch_all(&mut **own).await
            }
        }
    }

    pub(super) async fn fetch_optional<R: Row>(
        self,
        transaction: &mut Transaction,
    ) -> Result<Option<R>, sqlx::Error> {
        match transaction {
            Transaction::Sqlite(own) => {
                let arguments = self.sqlite_arguments()?;
                sqlx::query_as_with(self.text, arguments).fetch_optional(&mut **own).await
            }
            Transaction::Postgres(own) => {
                let arguments = self.postgres_arguments()?;
                sqlx::query_as_with(self.text, arguments).fetch_optional(&mut **own).await
            }
        }
    }

    pub(super) async fn fetch_one<R: Row>(self, transaction: &mut Transaction) -> Result<R, sqlx::Error> {
        self.fetch_optional(transaction).await?.ok_or(sqlx::Error::RowNotFound)
    }

    fn sqlite_arguments(&self) -> Result<SqliteArguments, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.values.len(), 0);
        for value in &self.values {
            match value {
                Value::Number(number) => arguments.add(*number),
                Value::Text(text) => arguments.add(text.as_deref()),
                Value::Bytes(bytes) => arguments.add(*bytes),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }

    fn postgres_arguments(&self) -> Result<PgArguments, sqlx::Error> {
        let mut arguments = PgArguments::default();
        for value in &self.values {
            match value {
                Value::Number(number) => arguments.add(*number),
                Value::Text(text) => arguments.add(text.as_deref()),
                Value::Bytes(bytes) => arguments.add(*bytes),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

impl Ready {
    /// Gives the number of rows that were changed.
    pub(super) async fn execute(self, transaction: &mut Transaction) -> Result<u64, sqlx::Error> {
        match (self, transaction) {
            (Self::Sqlite(text, arguments), Transaction::Sqlite(own)) => {
                Ok(sqlx::query_with(text, arguments).execute(&mut **own).await?.rows_affected())
            }
            (Self::Postgres(text, arguments), Transaction::Postgres(own)) => {
                Ok(sqlx::query_with(text, arguments).execute(&mut **own).await?.rows_affected())
            }
            _ => Err(sqlx::Error::Protocol("a statement for another database".to_owned())),
        }
    }
}

/// The text of a statement that is put together. All of it is this program's: values are never part of it.
struct Text {
    text: String,
    dialect: Dialect,
    count: usize,
}

impl Text {
    fn new(dialect: Dialect, before: &'static str) -> Self {
        Self { text: before.to_owned(), dialect, count: 0 }
    }

    fn placeholders(&mut self, count: usize) {
        self.text.push('(');
        for number in 0..count {
            if number > 0 {
                self.text.push_str(", ");
            }
            self.count += 1;
            match self.dialect {
                // It takes numbered ones for names, and searches names one after the other.
                Dialect::Sqlite => self.text.push('?'),
                // Writing to memory cannot fail.
                Dialect::Postgres => drop(write!(self.text, "${}", self.count)),
            }
        }
        self.text.push(')');
    }

    fn finish<'q>(mut self, after: &'static str, values: Vec<Value<'q>>) -> Query<'q> {
        self.text.push_str(after);
        Query { text: AssertSqlSafe(self.text).into_sql_str(), values }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::from(text.as_str())
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl<'q> From<&'q Option<String>> for Value<'q> {
    fn from(text: &'q Option<String>) -> Self {
        Self::from(text.as_deref())
    }
}

impl<'q> From<&'q Vec<u8>> for Value<'q> {
    fn from(bytes: &'q Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
