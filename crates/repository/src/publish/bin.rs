//! A bin in its signed form.
//!
//! Renewing PyPI's bins signs sixteen thousand files, a group commit hundreds. Each is written straight into its canonical
//! form here, which takes a fraction of what building and sorting a document takes. A test holds the result against the
//! general way.

use std::collections::BTreeMap;
use std::io::Write;

use sealdex_tuf::metadata::{Common, ROLE_MEMBER, SPEC_VERSION};
use sealdex_tuf::{RoleName, Signer};

use super::build::{Presence, RoleChanges};
use crate::error::Error;
use crate::store::TargetRow;

/// Bytes of a bin above which clients come close to their limits (python-tuf: 5,000,000).
const LARGE_BIN_BYTES: usize = 4_000_000;

/// The targets metadata (TUF spec 4.5) of a role that holds these targets, but for those that change.
pub(super) fn sign_bin(
    role: &RoleName,
    common: &Common,
    held: &[TargetRow],
    changes: Option<&RoleChanges>,
    online: &dyn Signer,
) -> Result<Vec<u8>, Error> {
    let mut targets: BTreeMap<&str, &TargetRow> =
        held.iter().map(|target| (target.path.as_str(), target)).collect();
    for (path, (target, presence)) in changes.into_iter().flatten() {
        match presence {
            Presence::Present => targets.insert(path, target),
            Presence::Removed => targets.remove(path.as_str()),
        };
    }
    let signed = canonical(role, common, targets.into_values())?;
    let (signature, id) = (hex::encode(online.sign(&signed)?), online.key().id());
    let mut file = Vec::with_capacity(signed.len() + 512);
    // Writing to memory cannot fail.
    let _ = write!(file, r#"{{"signatures":[{{"keyid":"{id}","sig":"{signature}"}}],"signed":"#);
    file.extend_from_slice(&signed);
    file.push(b'}');
    if file.len() > LARGE_BIN_BYTES {
        tracing::warn!(%role, bytes = file.len(), "this bin is too long for some clients, use more bins");
    }
    Ok(file)
}

/// The signed part. It is canonical JSON, and JSON: no path has a control character, see
/// [`crate::directory::check_target_path`].
fn canonical<'a>(
    role: &RoleName,
    common: &Common,
    targets: impl ExactSizeIterator<Item = &'a TargetRow>,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(256 + targets.len() * 192);
    let expires = common.expires.strftime("%Y-%m-%dT%H:%M:%SZ");
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        r#"{{"_type":"targets","expires":"{expires}","spec_version":"{SPEC_VERSION}","targets":{{"#
    );
    for (number, TargetRow { path, length, sha256 }) in targets.enumerate() {
        if path.chars().any(char::is_control) {
            let reason = format!("the database has a target {}", path.escape_debug());
            return Err(Error::State { reason });
        }
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::State { reason: format!("{path} has no sha256 in the database") });
        }
        if number > 0 {
            out.push(b',');
        }
        write_string(&mut out, path);
        let _ = write!(out, r#":{{"hashes":{{"sha256":"{sha256}"}},"length":{length}}}"#);
    }
    let _ = write!(out, r#"}},"version":{},"{ROLE_MEMBER}":"{role}"}}"#, common.version);
    Ok(out)
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use sealdex_tuf::digest::{HashAlgorithm, Hashes};
    use sealdex_tuf::metadata::{TargetFile, Targets};
    use sealdex_tuf::sign::sign;
    use sealdex_tuf::{KeyPair, Scheme, TargetPath, Version};

    use super::*;

    fn row(path: &str, length: u64) -> TargetRow {
        let sha256 = HashAlgorithm::Sha256.hex_digest(&length.to_be_bytes());
        TargetRow { path: path.to_owned(), length, sha256 }
    }

    fn common() -> Common {
        let expires = "2026-02-03T04:05:06.789Z".parse::<Timestamp>().unwrap();
        Common::new(Version::new(17).unwrap(), expires)
    }

    fn general(role: &RoleName, rows: &[TargetRow], key: &KeyPair) -> Vec<u8> {
        let mut targets = Targets::new(common()).bound_to(role);
        for row in rows {
            let mut digest = [0; 32];
            hex::decode_to_slice(&row.sha256, &mut digest).unwrap();
            let file = TargetFile::new(row.length, Hashes::from_sha256(digest));
            targets.targets.insert(TargetPath::parse(row.path.as_str()).unwrap(), file);
        }
        sign(&targets, &[key]).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_what_the_general_way_writes(
            rows in prop::collection::btree_map(r#"[^\p{Cc}]{1,40}"#, any::<u32>(), 0..20),
        ) {
            let key = KeyPair::generate(&Scheme::Ed25519).unwrap();
            let role = RoleName::parse("index-0a").unwrap();
            let rows: Vec<TargetRow> =
                rows.iter().map(|(path, length)| row(path, u64::from(*length))).collect();
            let found = sign_bin(&role, &common(), &rows, None, &key).unwrap();
            prop_assert_eq!(String::from_utf8(found), String::from_utf8(general(&role, &rows, &key)));
        }
    }

    #[test]
    fn changes_take_the_place_of_what_is_held() {
        let key = KeyPair::generate(&Scheme::Ed25519).unwrap();
        let role = RoleName::parse("index-0a").unwrap();
        let held = [row("a", 1), row("b", 2), row("c", 3)];
        let changes: RoleChanges = [
            (row("b", 9), Presence::Present),
            (row("c", 3), Presence::Removed),
            (row("d", 4), Presence::Present),
            (row("e", 5), Presence::Removed),
        ]
        .into_iter()
        .map(|(row, presence)| (row.path.clone(), (row, presence)))
        .collect();
        let found = sign_bin(&role, &common(), &held, Some(&changes), &key).unwrap();
        assert_eq!(found, general(&role, &[row("a", 1), row("b", 9), row("d", 4)], &key));
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let key = KeyPair::generate(&Scheme::Ed25519).unwrap();
        let role = RoleName::parse("index-0a").unwrap();
        let short = TargetRow { sha256: "ab".to_owned(), ..row("a", 1) };
        for wrong in [row("a\nb", 1), short] {
            let refused = sign_bin(&role, &common(), &[wrong], None, &key);
            assert!(matches!(refused, Err(Error::State { .. })));
        }
    }
}
