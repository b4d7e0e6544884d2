//! Each step by which the store changes the disk. Tests make any one of them fail, or be the last of its process.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// What is about to be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a folder.
    MakeFolder,
    /// Make a file with a temporary name.
    Create,
    /// Write it.
    Write,
    /// Make what was written durable.
    Sync,
    /// Give it its name.
    Rename,
    /// Make the new name durable.
    SyncFolder,
    /// Remove a file.
    Remove,
}

/// Announces a step.
#[cfg(not(test))]
#[inline]
pub(crate) fn before(_step: Step, _path: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes all of a file.
#[cfg(not(test))]
#[inline]
pub(crate) fn write_all(file: &mut File, bytes: &[u8], path: &Path) -> io::Result<()> {
    before(Step::Write, path)?;
    file.write_all(bytes)
}

#[cfg(test)]
pub(crate) use injected::{Fault, Plan, before, write_all};

#[cfg(test)]
mod injected {
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex, PoisonError};

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    /// What is to happen at the chosen step.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// The step fails with this error, once.
        Fail(io::ErrorKind),
        /// The process kills itself: SIGKILL.
        Kill,
    }

    /// Which step below a folder is to fail. Ends when dropped.
    #[derive(Debug)]
    pub(crate) struct Plan {
        folder: PathBuf,
        fault: Fault,
        left: Mutex<usize>,
        log: Mutex<Vec<Step>>,
    }

    static PLANS: Mutex<Vec<Arc<Plan>>> = Mutex::new(Vec::new());

    /// A plan in force.
    pub(crate) struct Guard(Arc<Plan>);

    impl Plan {
        /// Lets the step number `at`, from 0, of those below `folder` meet `fault`.
        pub(crate) fn start(folder: &Path, at: usize, fault: Fault) -> Guard {
            let (folder, left) = (folder.to_owned(), Mutex::new(at));
            let plan = Arc::new(Self { folder, fault, left, log: Mutex::default() });
            PLANS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&plan));
            Guard(plan)
        }

        /// Whether this is the chosen step.
        fn is_due(&self, step: Step) -> bool {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(step);
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let due = *left == 0;
            *left = left.wrapping_sub(1);
            due
        }

        fn happen(&self) -> io::Result<()> {
            match self.fault {
                Fault::Fail(kind) => Err(kind.into()),
                Fault::Kill => {
                    kill_process(getpid(), Signal::KILL).unwrap();
                    unreachable!("the process has been killed")
                }
            }
        }
    }

    impl Guard {
        /// The steps so far.
        pub(crate) fn log(&self) -> Vec<Step> {
            self.0.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            PLANS.lock().unwrap_or_else(PoisonError::into_inner).retain(|plan| !Arc::ptr_eq(plan, &self.0));
        }
    }

    fn due(step: Step, path: &Path) -> Option<Arc<Plan>> {
        let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        plans.iter().find(|plan| path.starts_with(&plan.folder) && plan.is_due(step)).cloned()
    }

    pub(crate) fn before(step: Step, path: &Path) -> io::Result<()> {
        due(step, path).map_or(Ok(()), |plan| plan.happen())
    }

    /// A fault leaves half of it written.
    pub(crate) fn write_all(file: &mut File, bytes: &[u8], path: &Path) -> io::Result<()> {
        let Some(plan) = due(Step::Write, path) else { return file.write_all(bytes) };
        file.write_all(&bytes[..bytes.len() / 2])?;
        plan.happen()
    }
}
