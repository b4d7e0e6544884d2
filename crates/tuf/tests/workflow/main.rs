//! The client workflow (TUF spec section 5) against a simulated repository: one small test an attack.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is a test's failure report"
)]

mod chain;
mod crash;
mod delegation_graphs;
mod delegations;
mod freeze;
mod hashed_bins;
mod limits;
mod mix_and_match;
mod model;
mod names;
mod refresh;
mod rollback;
mod root_rotation;
mod stored_state;
mod thresholds;
mod unknown_fields;

use jiff::Timestamp;
use sealdex_testkit::clock;
use sealdex_testkit::simulator::{SimulatedClient, Simulator};
use sealdex_tuf::metadata::{DelegatedRole, PathHashPrefix, PathSet, RoleKeys};
use sealdex_tuf::pattern::PathPattern;

/// When every update of these tests happens, unless a test says otherwise.
const NOW: Timestamp = clock::START;

/// A repository, and a client that has seen its first versions.
fn refreshed() -> (Simulator, SimulatedClient) {
    let simulator = Simulator::new();
    let mut client = SimulatedClient::of(&simulator);
    client.refresh(&simulator, NOW).unwrap();
    simulator.take_log();
    (simulator, client)
}

/// A role that is trusted with paths of these patterns; its keys are added by [`Simulator::delegate`].
fn role(name: &str, patterns: &[&str]) -> DelegatedRole {
    let patterns = patterns.iter().map(|pattern| PathPattern::new(*pattern)).collect();
    DelegatedRole {
        name: Simulator::role(name),
        keys: RoleKeys::new(Vec::new(), 1),
        paths: PathSet::Patterns(patterns),
        terminating: false,
    }
}

/// A role that is trusted with paths whose hashes begin so.
fn prefix_role(name: &str, prefixes: &[&str]) -> DelegatedRole {
    let prefixes = prefixes.iter().map(|prefix| PathHashPrefix::parse(prefix).unwrap()).collect();
    DelegatedRole { paths: PathSet::HashPrefixes(prefixes), ..role(name, &[]) }
}

/// Asserts that an update or a search was refused, and why.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match $result {
            Err(sealdex_testkit::simulator::Failure::Refused($pattern)) $(if $guard)? => {}
            other => panic!("expected {}, found {other:?}", stringify!($pattern)),
        }
    };
}
pub(crate) use assert_refused;
