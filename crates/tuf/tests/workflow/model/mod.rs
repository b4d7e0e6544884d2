//! A model against the updater: a repository that is honest and attacked by turns, by those who hold no key and by those
//! who hold some; a client that loses its state, is killed, is cut off, and whose clock moves. After every day:
//!
//! - the update ended as [`oracle`] says, and wrote exactly what it says: nothing expired or under-signed is accepted, and
//!   every honest state that the rules allow is;
//! - said once more without the oracle: no trusted version has fallen, but by a rotation of keys or a loss of files; and
//!   what an honest repository publishes is accepted, whatever those without keys did before.

mod oracle;
mod world;

use std::collections::BTreeMap;
use std::env;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sealdex_testkit::simulator::Failure;

use oracle::{Files, Situation, signed_part};
use world::World;

/// One day of the repository and its client.
#[derive(Clone, Debug)]
struct Day {
    event: Event,
    /// How many hours the client's clock is ahead of the time.
    clock_ahead: i64,
    /// What becomes of the client's store before it updates.
    loss: Option<Loss>,
    /// The client is killed after so many changes of its store.
    killed_after: Option<usize>,
    /// A file that cannot be had.
    unreachable: Option<prop::sample::Index>,
}

#[derive(Clone, Debug)]
enum Event {
    /// The repository publishes honestly.
    Publish(Vec<Act>),
    /// It does nothing.
    Quiet,
    /// Somebody who holds no key serves something else, for that day.
    Attack(Hostility),
    /// Somebody who holds keys, and signs what an honest repository would not, for that day.
    Betray(Betrayal),
}

#[derive(Clone, Copy, Debug)]
enum Act {
    New(&'static str),
    AddKey(&'static str),
    RaiseThreshold(&'static str),
    LowerThreshold(&'static str),
    Rotate(&'static str),
    ShortLived(&'static str),
    ListHashes,
    ListVersions,
    ConsistentSnapshot(bool),
}

/// What can be done without any key: old files, changed files, files of others, none at all.
#[derive(Clone, Debug)]
enum Hostility {
    /// Everything as it was on an earlier day, but the roots.
    ReplayAll(prop::sample::Index),
    /// One file as it was on an earlier day.
    ReplayOne(prop::sample::Index, prop::sample::Index),
    /// A byte of a file is changed.
    Flip(prop::sample::Index, prop::sample::Index),
    /// A file is gone.
    Remove(prop::sample::Index),
    /// One file is served under another's name.
    Swap(prop::sample::Index, prop::sample::Index),
    /// A role's next version, signed by other keys.
    SignedByOthers(&'static str),
    /// The same, their signatures under the identifiers of the right keys.
    SignedInTheNameOf(&'static str),
    /// A role's next version, signed by the keys of another role.
    SignedByRole(&'static str, &'static str),
    /// A role's next version, signed by too few.
    SignedByTooFew(&'static str),
}

/// What can be done with keys. The listing roles above are signed as they should be.
#[derive(Clone, Copy, Debug)]
enum Betrayal {
    /// A role goes forward by a thousand versions.
    FastForward(&'static str),
    /// A role goes back by some versions.
    GoBack(&'static str, u64),
    /// A delegated role is listed no more.
    Unlist(&'static str),
    /// A role that has expired, or does so this very moment.
    Expired(&'static str),
    /// A file that says another version than it is listed with.
    OtherVersion(&'static str),
    /// The version that was published before, with another date.
    SameVersion(&'static str),
    /// A root that names a new root key, signed by the old one or by the new one alone.
    HalfSignedRoot(Half),
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Old,
    New,
}

/// What becomes of the client's files.
#[derive(Clone, Debug)]
enum Loss {
    Missing(&'static str),
    Garbage(&'static str),
    Flipped(&'static str, prop::sample::Index),
    /// One file as it was on an earlier day.
    OneRestored(&'static str, prop::sample::Index),
    /// All files as they were on an earlier day.
    AllRestored(prop::sample::Index),
}

const ROLES: [&str; 6] = ["root", "timestamp", "snapshot", "targets", "A", "B"];
const TOP_LEVEL: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];
/// What the client looks for: only `B` has it.
const TARGET: &str = "deep";

fn act() -> impl Strategy<Value = Act> {
    let role = || prop::sample::select(&ROLES[..]);
    let top = || prop::sample::select(&TOP_LEVEL[..]);
    prop_oneof![
        6 => role().prop_map(Act::New),
        1 => top().prop_map(Act::AddKey),
        1 => top().prop_map(Act::RaiseThreshold),
        1 => top().prop_map(Act::LowerThreshold),
        2 => role().prop_map(Act::Rotate),
        1 => role().prop_map(Act::ShortLived),
        1 => Just(Act::ListHashes),
        1 => Just(Act::ListVersions),
        1 => any::<bool>().prop_map(Act::ConsistentSnapshot),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<prop::sample::Index>;
    let role = || prop::sample::select(&ROLES[..]);
    // A root is walked to version by version: it can neither be listed nor go back.
    let listed = || prop::sample::select(&ROLES[1..]);
    let hostility = prop_oneof![
        index().prop_map(Hostility::ReplayAll),
        (index(), index()).prop_map(|(day, file)| Hostility::ReplayOne(day, file)),
        (index(), index()).prop_map(|(file, at)| Hostility::Flip(file, at)),
        index().prop_map(Hostility::Remove),
        (index(), index()).prop_map(|(one, other)| Hostility::Swap(one, other)),
        role().prop_map(Hostility::SignedByOthers),
        role().prop_map(Hostility::SignedInTheNameOf),
        (role(), role()).prop_map(|(role, other)| Hostility::SignedByRole(role, other)),
        role().prop_map(Hostility::SignedByTooFew),
    ];
    let betrayal = prop_oneof![
        2 => listed().prop_map(Betrayal::FastForward),
        3 => (listed(), 1..3_u64).prop_map(|(role, by)| Betrayal::GoBack(role, by)),
        1 => prop::sample::select(&["A", "B"][..]).prop_map(Betrayal::Unlist),
        2 => role().prop_map(Betrayal::Expired),
        2 => role().prop_map(Betrayal::OtherVersion),
        3 => listed().prop_map(Betrayal::SameVersion),
        1 => prop::sample::select(&[Half::Old, Half::New][..]).prop_map(Betrayal::HalfSignedRoot),
    ];
    prop_oneof![
        5 => prop::collection::vec(act(), 0..4).prop_map(Event::Publish),
        1 => Just(Event::Quiet),
        3 => hostility.prop_map(Event::Attack),
        3 => betrayal.prop_map(Event::Betray),
    ]
}

fn loss() -> impl Strategy<Value = Loss> {
    let index = any::<prop::sample::Index>;
    // The root is what everything begins with: the client keeps the one it came with (`store` in crates/client).
    let role = || prop::sample::select(&ROLES[1..]);
    prop_oneof![
        role().prop_map(Loss::Missing),
        role().prop_map(Loss::Garbage),
        (role(), index()).prop_map(|(role, at)| Loss::Flipped(role, at)),
        (prop::sample::select(&ROLES[..]), index()).prop_map(|(role, day)| Loss::OneRestored(role, day)),
        index().prop_map(Loss::AllRestored),
    ]
}

fn day() -> impl Strategy<Value = Day> {
    let clock = prop_oneof![
        8 => Just(0),
        1 => -20_000..0_i64,
        1 => 0..72_i64,
        2 => 72..2_000_i64,
        1 => 2_000..40_000_i64,
    ];
    (
        event(),
        clock,
        prop::option::weighted(0.15, loss()),
        prop::option::weighted(0.15, 0..8_usize),
        prop::option::weighted(0.05, any::<prop::sample::Index>()),
    )
        .prop_map(|(event, clock_ahead, loss, killed_after, unreachable)| Day {
            event,
            clock_ahead,
            loss,
            killed_after,
            unreachable,
        })
}

/// One day: what is served, what the client does with it, and what it must have done.
fn live(world: &mut World, day: &Day) -> Result<(), TestCaseError> {
    world.begin_day();
    let honest = match &day.event {
        Event::Publish(acts) => {
            world.publish(acts);
            None
        }
        Event::Quiet => None,
        Event::Attack(hostility) => Some(world.attack(hostility)),
        Event::Betray(betrayal) => Some(world.betray(*betrayal, day.clock_ahead)),
    };
    if let Some(loss) = &day.loss {
        world.lose(loss);
    }
    world.cut_off(day.unreachable);
    let now = world.client_time(day.clock_ahead);

    let before = world.stored();
    let expected = Situation {
        signed: &world.signed,
        store: before.clone(),
        files: &world.simulator.files,
        unreachable: &world.simulator.unreachable,
        now,
    }
    .update(TARGET);

    world.client.changes_left = day.killed_after;
    let result = world.client.refresh_and_find(&world.simulator, now, TARGET);
    world.client.changes_left = None;

    let killed = day.killed_after.is_some_and(|changes| changes < expected.changes.len());
    let made = day.killed_after.unwrap_or(usize::MAX).min(expected.changes.len());
    let mut store = before.clone();
    for (role, bytes) in &expected.changes[..made] {
        match bytes {
            Some(bytes) => store.insert(role.clone(), bytes.clone()),
            None => store.remove(role),
        };
    }
    match (&result, killed) {
        (Err(Failure::Killed), true) => {}
        (Ok(found), false) => prop_assert_eq!(Some(found.is_some()), expected.found, "{:?}", day),
        (Err(error), false) => prop_assert!(expected.found.is_none(), "{day:?} was refused: {error:?}"),
        (other, true) => prop_assert!(false, "{day:?}: not killed: {other:?}"),
    }
    let change = |(role, bytes): &(String, Option<Vec<u8>>)| {
        format!("{} {role}", if bytes.is_some() { "write" } else { "delete" })
    };
    let changes: Vec<String> = expected.changes[..made].iter().map(change).collect();
    let events = world.client.events.iter();
    let events = events.filter(|event| event.starts_with("write") || event.starts_with("delete"));
    prop_assert_eq!(events.cloned().collect::<Vec<_>>(), changes, "{:?}", day);
    prop_assert_eq!(versions(&world.stored()), versions(&store), "{:?}: {:?}", day, result);
    prop_assert!(world.stored() == store, "{day:?}: other content");

    // Without the oracle.
    world.check_floor(&before, &store)?;
    if result.is_ok() {
        world.check_trusted(now)?;
    }
    let undisturbed = day.clock_ahead == 0 && day.killed_after.is_none() && day.unreachable.is_none();
    if matches!(day.event, Event::Publish(_)) && undisturbed && world.is_fresh(now) && !world.betrayed {
        prop_assert!(matches!(result, Ok(Some(_))), "an honest state was refused: {result:?}");
        for role in ROLES {
            // What was signed: damage to one signature of two, where one is enough, is not worth a fetch.
            let (own, published) = (signed_part(&store[role]), signed_part(world.published(role)));
            prop_assert!(own == published, "{role} is not the one published");
        }
    }
    world.end_day(honest, result.is_ok());
    Ok(())
}

fn versions(store: &Files) -> BTreeMap<String, Option<u64>> {
    store.iter().map(|(role, bytes)| (role.clone(), world::version(bytes))).collect()
}

/// The same lives in every run, so that a change fails by its own fault alone. Who asks for a number of lives wants to
/// find something: others every time, or those of `PROPTEST_RNG_SEED`.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random && env::var_os("PROPTEST_CASES").is_none() {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn trusted_state_only_grows_and_exactly_the_honest_states_are_accepted(
        days in prop::collection::vec(day(), 1..16),
    ) {
        let mut world = World::new();
        for day in &days {
            live(&mut world, day)?;
        }
    }
}

/// Found by chance, one run in many: the oracle had not heard of the files that the repository began with.
#[test]
fn a_betrayed_client_that_lost_its_snapshot_goes_back_to_the_first_one() {
    let quiet =
        Day { event: Event::Quiet, clock_ahead: 0, loss: None, killed_after: None, unreachable: None };
    let days = [
        Day { event: Event::Betray(Betrayal::GoBack("snapshot", 1)), ..quiet.clone() },
        Day { event: Event::Publish(Vec::new()), ..quiet.clone() },
        Day { loss: Some(Loss::Garbage("snapshot")), ..quiet.clone() },
        // On the day before, the timestamp had expired.
        Day { clock_ahead: -25, ..quiet },
    ];
    let mut world = World::new();
    for day in &days {
        live(&mut world, day).unwrap();
    }
    assert_eq!(versions(&world.stored())["snapshot"], Some(1));
}
