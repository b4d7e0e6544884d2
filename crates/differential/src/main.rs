//! Runs every case and prints what came of it; `sealdex-differential PATTERN` runs those whose description is the
//! pattern, in which `*` stands for any run of characters.

#![expect(clippy::print_stdout, reason = "this is a command")]

use std::env;
use std::process::ExitCode;

use sealdex_differential::{cases, explanations, run};

fn main() -> ExitCode {
    let pattern = env::args().nth(1);
    let mut plans = cases::all();
    if let Some(pattern) = &pattern {
        plans.retain(|plan| explanations::matches(pattern, &plan.id));
    }
    let report = run::run(&plans);
    println!("{report}");
    // Part of the cases needs part of the explanations alone.
    let unused = if pattern.is_none() { report.unused() } else { Vec::new() };
    for (id, client, view, change) in &unused {
        println!("NOT USED: {id} for {}, {view:?}: {change}", client.name());
    }
    if report.unexplained.is_empty() && unused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
