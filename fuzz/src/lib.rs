//! What the fuzz targets share: bounded memory and reading inputs.
//!
//! The targets stand in `fuzz_targets/`, what each of them asserts at its head.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::panic;
use std::sync::Once;

use cap::Cap;

pub mod forge;
pub mod html;
pub mod world;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work`, which may hold `bytes` more memory than is held now: asking for more ends the process, as a finding.
pub fn bounded<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    static LIFT_IN_PANIC: Once = Once::new();
    // A panic prints where it happened, which takes more memory than that.
    LIFT_IN_PANIC.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |information| {
            ALLOCATOR.set_limit(usize::MAX).expect("there is no higher limit");
            report(information);
        }));
    });
    // The limit is below what is allocated only if the target itself leaks.
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated().saturating_add(bytes))
        .expect("the limit is above what is held");
    let result = work();
    ALLOCATOR.set_limit(usize::MAX).expect("there is no higher limit");
    result
}

/// Splits off the first line of an input: text that selects what the rest is for.
pub fn first_line(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (&data[..end], &data[end + 1..]);
    Some((std::str::from_utf8(line).ok()?, rest))
}

/// Percent-decoding (RFC 3986, 2.1); `None` where a percent sign is not followed by two digits.
pub fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.extend(hex::decode(part.get(..2)?).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    Some(bytes)
}
