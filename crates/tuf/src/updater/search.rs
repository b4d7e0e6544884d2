//! The search for a target through the delegations (TUF spec 5.6.7).

use std::collections::HashSet;

use super::{Step, request};
use crate::error::Error;
use crate::name::{RoleName, TargetPath};
use crate::target::VerifiedTarget;
use crate::trusted::TrustedMetadata;

/// A pre-order depth-first search in progress.
#[derive(Debug)]
pub(super) struct Search {
    path: TargetPath,
    max_delegations: usize,
    /// Roles to visit, next one last.
    stack: Vec<Visit>,
    visited: HashSet<RoleName>,
    state: State,
}

#[derive(Clone, Debug)]
struct Visit {
    delegator: RoleName,
    role: RoleName,
}

#[derive(Debug)]
enum State {
    /// Asking the client's own storage for a delegated role.
    Read(Visit),
    /// Asking the repository for it.
    Fetch(Visit),
    Done(Option<VerifiedTarget>),
}

impl Search {
    pub(super) fn new(path: TargetPath, max_delegations: usize) -> Self {
        let top = Visit { delegator: RoleName::root(), role: RoleName::targets() };
        Self { path, max_delegations, stack: vec![top], visited: HashSet::new(), state: State::Done(None) }
    }

    pub(super) fn step(&self, trusted: &TrustedMetadata) -> Result<Step, Error> {
        Ok(match &self.state {
            State::Read(visit) => Step::Read(visit.role.clone()),
            State::Fetch(visit) => {
                let (role, expected) = (visit.role.clone(), trusted.expected(&visit.role)?);
                Step::Fetch(request(
                    role,
                    expected,
                    trusted.root().consistent_snapshot,
                    trusted.limits().max_targets_bytes,
                ))
            }
            State::Done(_) => Step::Done,
        })
    }

    pub(super) fn outcome(&self) -> Result<Option<&VerifiedTarget>, Error> {
        match &self.state {
            State::Done(found) => Ok(found.as_ref()),
            _ => Err(Error::OutOfOrder {
                given: "a question for the outcome",
                asked: "the search to be completed",
            }),
        }
    }

    /// Takes a delegated role's bytes and searches on. Gives what is to be written.
    pub(super) fn answer(
        &mut self,
        trusted: &mut TrustedMetadata,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<Step>, Error> {
        match std::mem::replace(&mut self.state, State::Done(None)) {
            State::Read(visit) => {
                // What does not verify is fetched again, never trusted.
                let stored = bytes.is_some_and(|bytes| {
                    trusted.load_delegated(&visit.delegator, &visit.role, &bytes).is_ok()
                });
                if !stored {
                    self.state = State::Fetch(visit);
                    return Ok(None);
                }
                self.stack.push(visit);
                self.advance(trusted)
            }
            State::Fetch(visit) => {
                let Some(bytes) = bytes else {
                    let expected = trusted.expected(&visit.role)?;
                    let request =
                        request(visit.role.clone(), expected, trusted.root().consistent_snapshot, 0);
                    return Err(Error::Missing { file: request.path });
                };
                trusted.load_delegated(&visit.delegator, &visit.role, &bytes)?;
                let write = Step::Write(visit.role.clone(), bytes.into());
                self.stack.push(visit);
                self.advance(trusted)?;
                Ok(Some(write))
            }
            done @ State::Done(_) => {
                self.state = done;
                Err(Error::OutOfOrder { given: "bytes", asked: "nothing more" })
            }
        }
    }

    /// Visits roles until one must be loaded first or the search is over.
    pub(super) fn advance(&mut self, trusted: &mut TrustedMetadata) -> Result<Option<Step>, Error> {
        while let Some(visit) = self.stack.pop() {
            // 5.6.7.1: a role visited before is skipped, so cycles end.
            if self.visited.contains(&visit.role) {
                continue;
            }
            if self.visited.len() > self.max_delegations {
                return Err(Error::TooManyDelegations {
                    path: self.path.to_string(),
                    limit: self.max_delegations,
                });
            }
            if visit.role != RoleName::targets() && trusted.delegated(&visit.delegator, &visit.role).is_none()
            {
                trusted.expected(&visit.role)?;
                // Loaded through another delegator: the same bytes may do, if this one's keys signed them too.
                let known = trusted.loaded_bytes(&visit.role);
                let reused = known.is_some_and(|bytes| {
                    trusted.load_delegated(&visit.delegator, &visit.role, &bytes).is_ok()
                });
                if !reused {
                    self.state = State::Read(visit);
                    return Ok(None);
                }
            }
            self.visited.insert(visit.role.clone());
            if let Some(target) = self.look(trusted, &visit) {
                self.state = State::Done(Some(target));
                return Ok(None);
            }
        }
        self.state = State::Done(None);
        Ok(None)
    }

    /// Looks for the target in a loaded role; puts the role's delegations on the stack if it is not there.
    fn look(&mut self, trusted: &TrustedMetadata, visit: &Visit) -> Option<VerifiedTarget> {
        let targets = match trusted.delegated(&visit.delegator, &visit.role) {
            Some(targets) => targets,
            None => trusted.targets(),
        };
        if let Some(file) = targets.targets.get(&self.path) {
            let consistent = trusted.root().consistent_snapshot;
            return Some(VerifiedTarget::new(
                self.path.clone(),
                file.clone(),
                visit.role.clone(),
                consistent,
            ));
        }
        // 5.6.7.2: in order of appearance; after a terminating one nothing else is asked.
        let mut next = Vec::new();
        for candidate in targets.delegations.iter().flat_map(|delegations| delegations.candidates(&self.path))
        {
            next.push(Visit { delegator: visit.role.clone(), role: candidate.role });
            if candidate.terminating {
                self.stack.clear();
                break;
            }
        }
        self.stack.extend(next.into_iter().rev());
        None
    }
}
