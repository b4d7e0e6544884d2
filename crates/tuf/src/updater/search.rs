//! The search for a target through the delegations (TUF spec 5.6.7).

use std::collections::HashSet;
use std::sync::Arc;

use super::{Step, request};
use crate::chain;
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
    /// The roles that lead to it: `targets` first, itself last.
    way: Vec<RoleName>,
}

#[derive(Clone, Debug)]
enum State {
    /// Asking the client's own storage for a delegated role.
    Read(Visit),
    /// Asking the repository for it.
    Fetch(Visit),
    Done(Option<VerifiedTarget>),
    Failed(Error),
}

impl Search {
    pub(super) fn new(path: TargetPath, max_delegations: usize) -> Self {
        let top = RoleName::targets();
        let top = Visit { delegator: RoleName::root(), role: top.clone(), way: vec![top] };
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
            State::Failed(error) => return Err(error.clone()),
        })
    }

    pub(super) fn outcome(&self) -> Result<Option<&VerifiedTarget>, Error> {
        match &self.state {
            State::Done(found) => Ok(found.as_ref()),
            State::Failed(error) => Err(error.clone()),
            State::Read(_) | State::Fetch(_) => Err(Error::OutOfOrder {
                given: "a question for the outcome",
                asked: "the search to be completed",
            }),
        }
    }

    /// Visits roles until one must be loaded first or the search is over. After an error there is no outcome.
    pub(super) fn begin(&mut self, trusted: &mut TrustedMetadata) -> Result<(), Error> {
        let next = self.advance(trusted);
        self.state = next.clone().unwrap_or_else(State::Failed);
        next.map(|_| ())
    }

    /// Takes a delegated role's bytes and searches on. Gives what is to be written. After an error there is no outcome.
    pub(super) fn answer(
        &mut self,
        trusted: &mut TrustedMetadata,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<Step>, Error> {
        let unexpected = Error::OutOfOrder { given: "bytes", asked: "nothing more" };
        let (visit, fetched) = match std::mem::replace(&mut self.state, State::Failed(unexpected.clone())) {
            State::Read(visit) => (visit, false),
            State::Fetch(visit) => (visit, true),
            over @ (State::Done(_) | State::Failed(_)) => {
                self.state = over;
                return Err(unexpected);
            }
        };
        let loaded = load(trusted, &visit, bytes);
        match loaded {
            Ok(bytes) => {
                let write = fetched.then(|| Step::Write(visit.role.clone(), bytes));
                self.stack.push(visit);
                // A failure further on is for the next step to tell: this role is verified and may be written.
                let _told_later = self.begin(trusted);
                Ok(write)
            }
            // What is stored and does not verify is fetched again, never trusted.
            Err(_) if !fetched => {
                self.state = State::Fetch(visit);
                Ok(None)
            }
            Err(error) => {
                self.state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    fn advance(&mut self, trusted: &mut TrustedMetadata) -> Result<State, Error> {
        while let Some(visit) = self.stack.pop() {
            // 5.6.7.1: a role visited before is skipped, so cycles end.
            if self.visited.contains(&visit.role) {
                continue;
            }
            // The top-level role is among the visited ones, and is not counted.
            if self.visited.len() > self.max_delegations {
                return Err(Error::TooManyDelegations {
                    path: self.path.to_string(),
                    limit: self.max_delegations,
                });
            }
            if visit.role != RoleName::targets() && trusted.delegated(&visit.delegator, &visit.role).is_none()
            {
                trusted.expected(&visit.role)?;
                match trusted.loaded_bytes(&visit.role) {
                    // Loaded through another delegator: the same bytes must do, if this one's keys signed them too.
                    Some(known) => {
                        trusted.load_delegated(&visit.delegator, &visit.role, &known)?;
                    }
                    None => return Ok(State::Read(visit)),
                }
            }
            self.visited.insert(visit.role.clone());
            if let Some(target) = self.look(trusted, &visit)? {
                return Ok(State::Done(Some(target)));
            }
        }
        Ok(State::Done(None))
    }

    /// Looks for the target in a loaded role; puts the role's delegations on the stack if it is not there.
    fn look(&mut self, trusted: &TrustedMetadata, visit: &Visit) -> Result<Option<VerifiedTarget>, Error> {
        let targets = match trusted.delegated(&visit.delegator, &visit.role) {
            Some(targets) => targets,
            None => trusted.targets(),
        };
        if targets.targets.contains_key(&self.path) {
            let chain = chain::chain(trusted, &visit.way, &self.path)?;
            let consistent = trusted.root().consistent_snapshot;
            return Ok(VerifiedTarget::listed(&self.path, &visit.role, targets, chain, consistent));
        }
        // 5.6.7.2: in order of appearance; after a terminating one nothing else is asked.
        let mut next = Vec::new();
        for candidate in targets.delegations.iter().flat_map(|delegations| delegations.candidates(&self.path))
        {
            let mut way = visit.way.clone();
            way.push(candidate.role.clone());
            next.push(Visit { delegator: visit.role.clone(), role: candidate.role, way });
            if candidate.terminating {
                self.stack.clear();
                break;
            }
        }
        self.stack.extend(next.into_iter().rev());
        Ok(None)
    }
}

/// Verifies a delegated role's bytes and keeps them.
fn load(trusted: &mut TrustedMetadata, visit: &Visit, bytes: Option<Vec<u8>>) -> Result<Arc<[u8]>, Error> {
    let Some(bytes) = bytes else {
        let expected = trusted.expected(&visit.role)?;
        let request = request(visit.role.clone(), expected, trusted.root().consistent_snapshot, 0);
        return Err(Error::Missing { file: request.path });
    };
    let loaded = trusted.load_delegated(&visit.delegator, &visit.role, &bytes)?;
    Ok(loaded.bytes().clone())
}
