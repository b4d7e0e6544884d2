//! Driving the updater.

use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use sealdex_tuf::{Answer, Limits, RoleName, Step, TargetPath, Updater};

use crate::fetch::Fetcher;
use crate::store::{self, Store};

/// An updated client.
pub(crate) struct Session {
    updater: Updater,
    store: Store,
    metadata: Fetcher,
}

impl Session {
    /// Updates the top-level metadata.
    pub(crate) fn refresh(store: Store, metadata: Fetcher, now: Timestamp) -> Result<Self> {
        let root = store.read(&RoleName::root())?.context("there is no trusted root: run init first")?;
        let updater = Updater::new(&root, now, Limits::default())?;
        let mut session = Self { updater, store, metadata };
        session.run()?;
        Ok(session)
    }

    /// Finds a target and downloads it into `directory`, unless it is there already.
    pub(crate) fn download(&mut self, name: &str, targets: &Fetcher, directory: &Path) -> Result<()> {
        self.updater.search(TargetPath::parse(name)?)?;
        self.run()?;
        let Some(target) = self.updater.found()? else { bail!("the repository has no target {name:?}") };
        let path = directory.join(target.path().file_name());
        if std::fs::read(&path).is_ok_and(|bytes| target.verify(&bytes).is_ok()) {
            return Ok(());
        }
        let Some(bytes) = targets.fetch(&target.url_path(), target.file().length)? else {
            bail!("the repository lists the target {name:?} and does not have it");
        };
        target.verify(&bytes)?;
        store::write(&path, &bytes)
    }

    fn run(&mut self) -> Result<()> {
        loop {
            let answer = match self.updater.step()? {
                Step::Done => return Ok(()),
                Step::Read(role) => self.store.read(&role)?.map_or(Answer::Absent, Answer::Bytes),
                Step::Fetch(request) => {
                    let file = self.metadata.fetch(&request.path, request.max_bytes)?;
                    file.map_or(Answer::Absent, Answer::Bytes)
                }
                Step::Write(role, bytes) => {
                    self.store.write(&role, &bytes)?;
                    Answer::Written
                }
                Step::Delete(role) => {
                    self.store.delete(&role)?;
                    Answer::Written
                }
            };
            self.updater.answer(answer)?;
        }
    }
}
