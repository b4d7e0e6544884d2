//! The first look at a distribution's name, before its file comes near its place. What decides is looked at again when
//! the transaction is written into the log.

use std::sync::Arc;

use crate::error::Error;
use crate::layout::Layout;
use crate::repository::Repository;
use crate::store::{DistributionRow, rows};
use crate::together::{Together, answers};

/// Who looks at the moment.
pub(crate) type Looks = Together<Name, Result<Found, Error>>;

/// Project and file name.
type Name = (String, String);

/// The layout, and what there is under the name.
pub(crate) type Found = (Arc<Layout>, Option<DistributionRow>);

impl Repository {
    pub(super) async fn look_at(&self, project: &str, filename: &str) -> Result<Found, Error> {
        let own = self.clone();
        let look = |names: Vec<Name>| async move { answers(names.len(), own.look_at_all(&names).await) };
        self.looks().ask((project.to_owned(), filename.to_owned()), look).await?
    }

    async fn look_at_all(&self, names: &[Name]) -> Result<Vec<Found>, Error> {
        let mut look = self.store().look().await?;
        let layout = self.read_layout(&mut look).await?;
        let wanted: Vec<(&str, &str)> =
            names.iter().map(|(project, filename)| (project.as_str(), filename.as_str())).collect();
        let known = rows::distributions(&mut look, &wanted).await?;
        Ok(names.iter().map(|name| (Arc::clone(&layout), known.get(name).cloned())).collect())
    }
}
