//! What a machine cannot show.

#![expect(clippy::print_stdout, reason = "what a test leaves out stands in its own output as well")]

use std::env;
use std::fs::File;
use std::io::Write as _;

/// The variable that names the file in which `cargo xtask test` collects what was not checked, a line each.
const VARIABLE: &str = "SEALDEX_NOT_CHECKED";

/// Says that a test, or part of it, was left out because of the machine it runs on.
///
/// # Panics
/// When the file cannot be written: what was left out would go unheard.
pub fn not_checked(what: &str) {
    println!("NOT CHECKED: {what}");
    if let Some(path) = env::var_os(VARIABLE) {
        let mut file = File::options().create(true).append(true).open(path).expect("the file can be opened");
        // In one piece: other tests write to it as well.
        file.write_all(format!("{what}\n").as_bytes()).expect("the file can be written");
    }
}
