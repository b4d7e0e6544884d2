//! The client's side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealdex_tuf::json::Value;
use sealdex_tuf::{Answer, Error, Limits, RoleName, Step, TargetPath, Updater, VerifiedTarget};

use super::Simulator;

/// A client with a store in memory.
pub struct SimulatedClient {
    /// What the client has on its disk.
    pub store: BTreeMap<RoleName, Vec<u8>>,
    /// The bounds of the next refresh.
    pub limits: Limits,
    /// How many more changes of the store are made before the client is killed; `None`: it lives.
    pub changes_left: Option<usize>,
    /// What the client did with its store since the last refresh began, such as `write snapshot`.
    pub events: Vec<String>,
    updater: Option<Updater>,
}

/// Why a simulated update did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The updater refused something.
    Refused(Error),
    /// The transport failed at this path.
    Unreachable(String),
    /// The client was killed, as [`SimulatedClient::changes_left`] asked for.
    Killed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Failure {
    /// The updater's error.
    ///
    /// # Panics
    /// When it was not the updater that failed.
    pub fn refusal(self) -> Error {
        match self {
            Self::Refused(error) => error,
            other => panic!("the updater refused nothing: {other:?}"),
        }
    }
}

impl SimulatedClient {
    /// A client that trusts `root` and has never updated.
    pub fn new(root: &[u8]) -> Self {
        Self {
            store: BTreeMap::from([(RoleName::root(), root.to_vec())]),
            limits: Limits::default(),
            changes_left: None,
            events: Vec::new(),
            updater: None,
        }
    }

    /// A client that trusts the first root of `simulator`.
    ///
    /// # Panics
    /// When the simulator has none any more.
    pub fn of(simulator: &Simulator) -> Self {
        Self::new(simulator.files.get("1.root.json").expect("the first root is published"))
    }

    /// Updates the top-level metadata, as a new process would.
    ///
    /// # Errors
    /// What the updater refused, or the failure that was asked for.
    pub fn refresh(&mut self, simulator: &Simulator, now: Timestamp) -> Result<(), Failure> {
        self.updater = None;
        self.events.clear();
        let root = self.store.get("root").cloned().unwrap_or_default();
        self.updater = Some(Updater::new(&root, now, self.limits)?);
        self.run(simulator)
    }

    /// Searches a target in what the last refresh brought, as the same process would.
    ///
    /// # Errors
    /// What the updater refused, or the failure that was asked for.
    ///
    /// # Panics
    /// When nothing was refreshed before, or `path` is no target path.
    pub fn find(&mut self, simulator: &Simulator, path: &str) -> Result<Option<VerifiedTarget>, Failure> {
        let path = TargetPath::parse(path).expect("a test's target paths are target paths");
        self.updater_mut().search(path)?;
        self.run(simulator)?;
        Ok(self.updater_mut().found()?.cloned())
    }

    /// Refreshes and searches.
    ///
    /// # Errors
    /// What the updater refused, or the failure that was asked for.
    pub fn refresh_and_find(
        &mut self,
        simulator: &Simulator,
        now: Timestamp,
        path: &str,
    ) -> Result<Option<VerifiedTarget>, Failure> {
        self.refresh(simulator, now)?;
        self.find(simulator, path)
    }

    /// The updater of the last refresh.
    ///
    /// # Panics
    /// When there was none.
    pub fn updater(&self) -> &Updater {
        self.updater.as_ref().expect("the client has refreshed before")
    }

    /// The version of a role in the store.
    pub fn version(&self, role: &str) -> Option<u64> {
        let Value::Object(envelope) = Value::parse(self.store.get(role)?).ok()? else { return None };
        let Some(Value::Object(signed)) = envelope.value("signed") else { return None };
        match signed.value("version") {
            Some(Value::Integer(version)) => u64::try_from(*version).ok(),
            _ => None,
        }
    }

    /// What is in the store: `root 1, snapshot 1, targets 1, timestamp 1` after a first refresh.
    pub fn stored(&self) -> String {
        let role = |role: &RoleName| format!("{role} {}", self.version(role.as_str()).unwrap_or_default());
        self.store.keys().map(role).collect::<Vec<_>>().join(", ")
    }

    fn updater_mut(&mut self) -> &mut Updater {
        self.updater.as_mut().expect("the client has refreshed before")
    }

    fn run(&mut self, simulator: &Simulator) -> Result<(), Failure> {
        loop {
            let step = self.updater_mut().step()?;
            let answer = match step {
                Step::Done => return Ok(()),
                Step::Read(role) => {
                    self.events.push(format!("read {role}"));
                    self.store.get(&role).map_or(Answer::Absent, |bytes| Answer::Bytes(bytes.clone()))
                }
                Step::Fetch(request) => {
                    let Some(file) = simulator.fetch(&request.path) else {
                        return Err(Failure::Unreachable(request.path));
                    };
                    self.events.push(format!("fetch {}", request.path));
                    let bounded = file.map(|mut bytes| {
                        // As a real fetch does: one byte more than allowed is enough to know.
                        bytes.truncate(
                            usize::try_from(request.max_bytes).unwrap_or(usize::MAX).saturating_add(1),
                        );
                        bytes
                    });
                    bounded.map_or(Answer::Absent, Answer::Bytes)
                }
                Step::Write(role, bytes) => {
                    self.count_change()?;
                    self.events.push(format!("write {role}"));
                    self.store.insert(role, bytes.to_vec());
                    Answer::Written
                }
                Step::Delete(role) => {
                    self.count_change()?;
                    self.events.push(format!("delete {role}"));
                    self.store.remove(&role);
                    Answer::Written
                }
            };
            self.updater_mut().answer(answer)?;
        }
    }

    fn count_change(&mut self) -> Result<(), Failure> {
        match &mut self.changes_left {
            Some(0) => Err(Failure::Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
