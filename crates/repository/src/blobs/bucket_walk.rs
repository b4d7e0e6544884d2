//! A bucket folder by folder, although it has none.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _};
use object_store::ObjectMeta;

use super::Entry;
use super::client::{Client, written};
use crate::error::Error;

/// Objects as they are listed, by folder. Names come in order, so the objects of a folder come together, but for those
/// of folders below it: of these, each is done before the next begins.
pub(crate) struct BucketWalk {
    client: Arc<Client>,
    objects: BoxStream<'static, object_store::Result<ObjectMeta>>,
    last: String,
    /// Folders that may go on, each below the one before.
    open: Vec<(String, Vec<Entry>)>,
    closed: VecDeque<(String, Vec<Entry>)>,
}

impl BucketWalk {
    pub(super) fn new(client: &Arc<Client>, folder: &str) -> Self {
        Self {
            client: Arc::clone(client),
            // Asked once more after its end, it says so again.
            objects: client.list(folder).fuse().boxed(),
            last: String::new(),
            open: Vec::new(),
            closed: VecDeque::new(),
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<(String, Vec<Entry>)>, Error> {
        loop {
            if let Some(folder) = self.closed.pop_front() {
                return Ok(Some(folder));
            }
            match self.objects.next().await {
                Some(Ok(found)) => self.take(&found)?,
                Some(Err(error)) => {
                    return Err(self.client.failed_at("list", self.client.settings.to_string(), error));
                }
                None => return Ok(self.open.pop()),
            }
        }
    }

    fn take(&mut self, found: &ObjectMeta) -> Result<(), Error> {
        let Some(name) = self.client.name_of(&found.location) else { return Ok(()) };
        if name.as_str() <= self.last.as_str() {
            let reason = format!("the object store does not list in order: {name} after {}", self.last);
            return Err(Error::State { reason });
        }
        name.as_str().clone_into(&mut self.last);
        let goes_on = |folder: &str| {
            let rest = name.folder().strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        while let Some(done) = self.open.pop_if(|(folder, _)| !goes_on(folder)) {
            self.closed.push_back(done);
        }
        if self.open.last().is_none_or(|(folder, _)| folder != name.folder()) {
            self.open.push((name.folder().to_owned(), Vec::new()));
        }
        if let Some((_, entries)) = self.open.last_mut() {
            entries.push(Entry { length: found.size, written: written(found), name });
        }
        Ok(())
    }
}
