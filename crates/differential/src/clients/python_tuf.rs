//! python-tuf: one process for all cases, a line in and a line out for each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use sealdex_testkit::python::{Environment, isolate};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::case::{Case, Files, LIMITS, Site};
use crate::outcome::{Lookup, Outcome, Refresh};

/// How long one case may take before python-tuf is said to hang.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A running python-tuf.
pub struct PythonTuf {
    child: Child,
    cases: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl PythonTuf {
    /// Starts it.
    ///
    /// # Panics
    /// When the test environment has not been made, or the process cannot be started.
    pub fn start() -> Self {
        let mut command = Command::new(Environment::tuf());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clients/python_tuf.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = isolate(&mut command).spawn().expect("python starts");
        let stdout = child.stdout.take().expect("standard output is piped");
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { cases: child.stdin.take(), child, answers }
    }

    /// Hands in a case; [`PythonTuf::outcomes`] has what comes of it.
    ///
    /// # Panics
    /// When the process has ended.
    pub fn begin(&mut self, case: &Case) {
        let mut line = encode(case).to_string();
        line.push('\n');
        let cases = self.cases.as_mut().expect("the input is open until the end");
        cases.write_all(line.as_bytes()).expect("python-tuf takes cases");
    }

    /// What came of the oldest case handed in.
    ///
    /// # Panics
    /// When it takes more than a minute, or the process has ended.
    pub fn outcomes(&mut self) -> Vec<Outcome> {
        let line = self.answers.recv_timeout(TIME_LIMIT).expect("python-tuf answers within a minute");
        let steps: Vec<Answer> = serde_json::from_str(&line).expect("python-tuf's answer is JSON");
        steps.into_iter().map(Answer::outcome).collect()
    }
}

impl Drop for PythonTuf {
    fn drop(&mut self) {
        // The end of its input ends it; what is stuck is killed.
        drop(self.cases.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Steps often serve the same site: each is sent once.
fn encode(case: &Case) -> Value {
    let mut sites: Vec<&Arc<Site>> = Vec::new();
    let mut steps = Vec::new();
    for step in &case.steps {
        let known = sites.iter().position(|site| Arc::ptr_eq(site, &step.site));
        let site = known.unwrap_or_else(|| {
            sites.push(&step.site);
            sites.len() - 1
        });
        let stored: Map<String, Value> = step
            .stored
            .iter()
            .map(|(role, bytes)| (role.clone(), bytes.as_ref().map_or(Value::Null, |bytes| text(bytes))))
            .collect();
        let now = step.now.as_second();
        steps.push(json!({ "now": now, "site": site, "stored": stored, "find": step.find }));
    }
    let sites: Vec<Value> = sites
        .into_iter()
        .map(|site| json!({ "metadata": files(&site.metadata), "targets": files(&site.targets) }))
        .collect();
    let limits = json!({
        "root_max_length": LIMITS.max_root_bytes,
        "timestamp_max_length": LIMITS.max_timestamp_bytes,
        "snapshot_max_length": LIMITS.max_snapshot_bytes,
        "targets_max_length": LIMITS.max_targets_bytes,
        "max_root_rotations": LIMITS.max_root_versions,
        "max_delegations": LIMITS.max_delegations,
    });
    json!({ "root": text(&case.root), "sites": sites, "steps": steps, "limits": limits })
}

fn files(files: &Files) -> Map<String, Value> {
    files.iter().map(|(name, bytes)| (name.clone(), text(bytes))).collect()
}

fn text(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

#[derive(Deserialize)]
struct Answer {
    refresh: String,
    reason: String,
    stored: BTreeMap<String, String>,
    found: Vec<(String, Value)>,
}

#[derive(Deserialize)]
struct Target {
    length: String,
    hashes: BTreeMap<String, String>,
    content: bool,
}

impl Answer {
    fn outcome(self) -> Outcome {
        let refresh = match self.refresh.as_str() {
            "accepted" => Refresh::Accepted,
            "refused" => Refresh::Refused(self.reason),
            _ => Refresh::Crashed(self.reason),
        };
        let found = self.found.into_iter().map(|(verdict, result)| lookup(&verdict, result)).collect();
        Outcome { refresh, stored: self.stored, found }
    }
}

fn lookup(verdict: &str, result: Value) -> Lookup {
    match (verdict, result) {
        ("accepted", Value::Null) => Lookup::NotFound,
        ("accepted", target) => {
            let target: Target = serde_json::from_value(target).expect("a target has length and hashes");
            Lookup::Found { length: target.length, hashes: target.hashes, content: target.content }
        }
        ("refused", reason) => Lookup::Failed(reason.to_string()),
        (_, reason) => Lookup::Crashed(reason.to_string()),
    }
}
