//! Names of projects: one for each number, no two alike, and about as long and as hard to compress as PyPI's.
//!
//! Half of them are one word that no dictionary has. The other half are a shorter such word with what people put before
//! and after: `django-`, `-client`, `py`. All are normalised (PEP 503).

use crate::numbers::{Scramble, index};

const ONSETS: [&str; 16] = ["b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "tr", "st"];
const VOWELS: [&str; 4] = ["a", "e", "i", "o"];
const ENDS: [&str; 4] = ["", "n", "r", "x"];

const BEFORE: [&str; 16] = [
    "",
    "auto",
    "ml-",
    "py",
    "django-",
    "flask-",
    "aws-",
    "data-",
    "open",
    "fast",
    "simple-",
    "pytest-",
    "async-",
    "my-",
    "odoo-addon-",
    "mkdocs-",
];
const AFTER: [&str; 16] = [
    "-client", "-api", "-utils", "-core", "-sdk", "-cli", "-tools", "-lib", "-python", "-plugin", "-server",
    "-ai", "-mcp", "-py", "2", "-toolkit",
];

/// Bits that a word and what is around it tell apart: two syllables of 6, 4 before and 4 after.
const AFFIXED_BITS: u32 = 20;

/// Bits that a word alone tells apart: four syllables of 6, and 2 at the end.
const BARE_BITS: u32 = 26;

/// How many numbers have names of their own without a number at the end.
const NAMES: u64 = 2 << AFFIXED_BITS;

/// The name of the project with this number.
pub(crate) fn project_name(number: u64) -> String {
    let (round, number) = (number / NAMES, number % NAMES);
    let half = number / 2;
    let mut name = String::with_capacity(28);
    if number.is_multiple_of(2) {
        let mut rest = Scramble::new(BARE_BITS, 1).forward(half);
        syllable(&mut name, &mut rest);
        syllable(&mut name, &mut rest);
        syllable(&mut name, &mut rest);
        syllable(&mut name, &mut rest);
        name.push_str(digit(&mut rest, &ENDS));
    } else {
        let mut rest = Scramble::new(AFFIXED_BITS, 2).forward(half);
        let (before, after) = (digit(&mut rest, &BEFORE), digit(&mut rest, &AFTER));
        name.push_str(before);
        syllable(&mut name, &mut rest);
        syllable(&mut name, &mut rest);
        name.push_str(after);
    }
    if round > 0 {
        name.push_str(&format!("-{round}"));
    }
    name
}

fn syllable(name: &mut String, rest: &mut u64) {
    name.push_str(digit(rest, &ONSETS));
    name.push_str(digit(rest, &VOWELS));
}

/// Takes one choice's worth of information.
fn digit<'a>(rest: &mut u64, choices: &[&'a str]) -> &'a str {
    let count = choices.len() as u64;
    let choice = choices[index(*rest % count)];
    *rest /= count;
    choice
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_names_are_alike() {
        // Consecutive numbers, and as many around the end of the first round.
        for first in [0, NAMES - 50_000] {
            let names: HashSet<String> = (first..first + 100_000).map(project_name).collect();
            assert_eq!(names.len(), 100_000);
        }
    }
}
