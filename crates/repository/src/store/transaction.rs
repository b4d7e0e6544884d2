//! A transaction of whichever database there is.

use sqlx::{Postgres, Sqlite};

use crate::error::Error;

/// A transaction: what is read in it is of one moment, what is written in it is kept once it is committed.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

pub(crate) async fn commit(transaction: Transaction) -> Result<(), Error> {
    match transaction {
        Transaction::Sqlite(own) => own.commit().await,
        Transaction::Postgres(own) => own.commit().await,
    }
    .map_err(Error::database("commit"))
}
