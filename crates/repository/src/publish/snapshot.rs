//! The snapshot in memory: the version of every targets role, and its signed form.
//!
//! The snapshot names every bin, so with 16,384 bins it is half a megabyte that every publication signs anew. It is
//! written straight into its canonical form here, which takes a fraction of what building and sorting a document takes.
//! A test holds the result against the general way.

use std::io::Write;

use sealdex_tuf::metadata::{Common, SPEC_VERSION};
use sealdex_tuf::{RoleName, Signer, Version};

use crate::error::Error;

/// The versions of all targets roles, in the order of their METAPATHs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotIndex {
    /// METAPATHs, and the members of `meta` as they are written: `"ROLE.json":{"version":N}`.
    entries: Vec<(String, String)>,
}

impl SnapshotIndex {
    /// Sets the versions of roles. What is listed once stays listed: a client refuses a snapshot that lists less than the
    /// one it trusts (TUF spec 5.5.5), whether or not anything delegates to the role.
    pub(crate) fn set(&mut self, versions: Vec<(RoleName, Version)>) {
        let known = self.entries.len();
        for (role, version) in versions {
            let path = role.meta_path();
            let member = format!(r#""{path}":{{"version":{version}}}"#);
            match self.entries[..known].binary_search_by(|(own, _)| own.as_str().cmp(&path)) {
                Ok(at) => self.entries[at].1 = member,
                Err(_) => self.entries.push((path, member)),
            }
        }
        if self.entries.len() > known {
            self.entries.sort_unstable();
        }
    }

    /// The snapshot metadata file (TUF spec 4.4), versions only. Role names are plain ASCII, see
    /// [`crate::Layout::check`], so nothing needs to be escaped.
    pub(crate) fn sign(&self, common: &Common, online: &dyn Signer) -> Result<Vec<u8>, Error> {
        let signed = self.canonical(common);
        let signature = hex::encode(online.sign(&signed)?);
        let mut file = Vec::with_capacity(signed.len() + 512);
        let id = online.key().id();
        // Writing to memory cannot fail.
        let _ = write!(file, r#"{{"signatures":[{{"keyid":"{id}","sig":"{signature}"}}],"signed":"#);
        file.extend_from_slice(&signed);
        file.push(b'}');
        Ok(file)
    }

    fn canonical(&self, common: &Common) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.entries.len() * 40);
        let expires = common.expires.strftime("%Y-%m-%dT%H:%M:%SZ");
        // Writing to memory cannot fail.
        let _ = write!(out, r#"{{"_type":"snapshot","expires":"{expires}","meta":{{"#);
        for (index, (_, member)) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(member.as_bytes());
        }
        let _ = write!(out, r#"}},"spec_version":"{SPEC_VERSION}","version":{}}}"#, common.version);
        out
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sealdex_tuf::metadata::{MetaFile, Snapshot};
    use sealdex_tuf::sign::sign;
    use sealdex_tuf::{KeyPair, Scheme};

    use super::*;

    #[test]
    fn it_is_what_the_general_way_writes() {
        let key = KeyPair::generate(&Scheme::Ed25519).unwrap();
        let version = |number| Version::new(number).unwrap();
        let common = Common::new(version(17), "2026-02-03T04:05:06.789Z".parse::<Timestamp>().unwrap());
        let mut index = SnapshotIndex::default();
        let mut snapshot = Snapshot { common: common.clone(), meta: std::collections::BTreeMap::new() };
        for (number, name) in ["targets", "index", "index-00", "index-0f", "files", "files-1", "bin-a", "a_b"]
            .iter()
            .enumerate()
        {
            let (role, version) = (RoleName::parse(*name).unwrap(), version(number as u64 + 1));
            index.set(vec![(role.clone(), version)]);
            snapshot.meta.insert(role, MetaFile::of_version(version));
        }
        let role = RoleName::parse("index-0f").unwrap();
        index.set(vec![(role.clone(), version(9999))]);
        snapshot.meta.insert(role, MetaFile::of_version(version(9999)));
        let expected = sign(&snapshot, &[&key]).unwrap();
        let found = index.sign(&common, &key).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), String::from_utf8(expected).unwrap());
    }
}
