//! Certificate authorities of the user's own, beside those that the machine trusts.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use reqwest::Certificate;

use crate::error::Error;

/// A system's whole bundle has some hundred kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a PEM file.
pub(crate) fn read(path: &Path) -> Result<Vec<Certificate>, Error> {
    let unreadable = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let unusable = |reason: String| Error::Authorities { path: path.to_owned(), reason };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unusable(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let found = Certificate::from_pem_bundle(&bytes).map_err(|error| unusable(super::reason(&error)))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate in PEM".to_owned()));
    }
    // What is no certificate inside is found when one is to be trusted: now, and not at the first connection.
    super::choose_cryptography();
    let client = reqwest::Client::builder().tls_certs_only(found.clone());
    client.build().map_err(|error| unusable(super::reason(&error)))?;
    Ok(found)
}
