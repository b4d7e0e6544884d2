//! Which database holds the state.

use std::fmt;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::Error;

/// The address of a PostgreSQL database, `postgresql://USER@HOST:PORT/NAME`. It may hold a password, which is never
/// shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

impl DatabaseUrl {
    /// Reads an address. TLS is asked for with `?sslmode=verify-full&sslrootcert=FILE`, as with libpq.
    ///
    /// # Errors
    /// [`Error::DatabaseAddress`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::DatabaseAddress { reason };
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "postgresql" | "postgres") {
            return Err(invalid("it must begin with postgresql://".to_owned()));
        }
        let this = Self(url);
        this.options()?;
        Ok(this)
    }

    /// Whether a password is part of it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.password().is_some() || self.0.query_pairs().any(|(name, _)| name == "password")
    }

    /// How to connect. What the address leaves out comes from the environment, as with libpq: `PGPASSWORD`,
    /// `PGPASSFILE`, `PGSSLROOTCERT` and so on.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, Error> {
        let invalid = |error: sqlx::Error| Error::DatabaseAddress { reason: error.to_string() };
        PgConnectOptions::from_str(self.0.as_str()).map_err(invalid)
    }
}

/// Without what comes after the name of the database, and without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        // It fails for an address that can have none.
        let _ = shown.set_password(None);
        fmt::Display::fmt(&shown, formatter)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_noticed_and_not_shown() {
        for (text, password) in [
            ("postgresql://me@db.example:5433/index", false),
            ("postgresql://me:secret@db.example:5433/index", true),
            ("postgresql://me@db.example:5433/index?password=secret&sslmode=require", true),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!(url.has_password(), password, "{text}");
            assert_eq!(url.to_string(), "postgresql://me@db.example:5433/index");
            assert!(!format!("{url:?}").contains("secret"));
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in
            ["", "state.sqlite", "mysql://me@host/index", "postgresql://me@host/index?sslmode=perhaps"]
        {
            assert!(matches!(DatabaseUrl::parse(text), Err(Error::DatabaseAddress { .. })), "{text}");
        }
    }
}
