//! A transaction of whichever database there is.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Postgres, Sqlite};

use crate::error::Error;

/// A transaction: what is read in it is of one moment, what is written in it is kept once it is committed. Or, of
/// [`super::Store::look`], no more than a connection to read with: each statement sees a moment of its own.
pub(crate) enum Transaction {
    Sqlite(Session<Sqlite>),
    Postgres(Session<Postgres>),
}

/// What a database wants a statement to look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Transaction {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

pub(crate) enum Session<D: Database> {
    Begun(sqlx::Transaction<'static, D>),
    Looking(PoolConnection<D>),
}

impl<D: Database> Session<D> {
    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Begun(own) => own.commit().await,
            Self::Looking(_) => Ok(()),
        }
    }
}

impl<D: Database> Deref for Session<D> {
    type Target = D::Connection;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Begun(own) => own,
            Self::Looking(own) => own,
        }
    }
}

impl<D: Database> DerefMut for Session<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Begun(own) => own,
            Self::Looking(own) => own,
        }
    }
}

pub(crate) async fn commit(transaction: Transaction) -> Result<(), Error> {
    match transaction {
        Transaction::Sqlite(own) => own.commit().await,
        Transaction::Postgres(own) => own.commit().await,
    }
    .map_err(Error::database("commit"))
}
