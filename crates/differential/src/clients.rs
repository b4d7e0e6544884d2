//! The three clients, each behind the same two questions: what came of the refresh, what of the searches?

mod ours;
mod python_tuf;
mod sigstore_tuf;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use ours::run as ours;
pub use python_tuf::PythonTuf;
pub use sigstore_tuf::run as sigstore_tuf;

/// A client that ours is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// `tuf.ngclient`, the reference implementation.
    PythonTuf,
    /// The crate `sigstore-tuf`.
    SigstoreTuf,
}

impl Client {
    /// The name of the package.
    pub fn name(self) -> &'static str {
        match self {
            Self::PythonTuf => "python-tuf",
            Self::SigstoreTuf => "sigstore-tuf",
        }
    }
}

/// Runs `work`; a panic is an outcome to be compared.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default())
    })
}

/// Percent-decoding as a web server does it.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// SHA-256 in hex.
fn digest(bytes: &[u8]) -> String {
    hex::encode(sealdex_tuf::digest::sha256(bytes))
}
