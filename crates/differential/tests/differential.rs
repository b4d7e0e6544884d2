//! The corpus and the explanations; and every twelfth case, which takes seconds. All of them are run by
//! `cargo run --package sealdex-differential`.

use std::collections::BTreeSet;
use std::path::Path;

use sealdex_differential::explanations::EXPLANATIONS;
use sealdex_differential::{cases, run};

const EVERY: usize = 12;

#[test]
fn the_corpus_is_large_and_its_cases_are_told_apart() {
    let plans = cases::all();
    let names: BTreeSet<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
    assert_eq!(names.len(), plans.len());
    assert!(plans.len() >= 5_000, "{} cases", plans.len());
}

#[test]
fn no_disagreement_is_unexplained() {
    let report = run::run(cases::all().iter().step_by(EVERY));
    assert!(report.cases > 400 && report.agreed > report.cases / 2, "{report}");
    assert!(report.unexplained.is_empty(), "{report}");
}

/// docs/conformance.md has an item for each explanation, which begins with its name in bold.
#[test]
fn every_explanation_is_told() {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let text = std::fs::read_to_string(text).unwrap();
    let told: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- **`")?.split_once("`**"))
        .map(|(id, _)| id)
        .collect();
    let known: Vec<&str> = EXPLANATIONS.iter().map(|explanation| explanation.id).collect();
    assert_eq!(told, known);
}
