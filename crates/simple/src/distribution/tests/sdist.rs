//! Source distributions.

use std::io::Cursor;

use proptest::prelude::*;

use super::{METADATA, SDIST, gzip, is_hostile, pax, read_as, sdist_of, tar_of, wheel, zip_of};
use crate::distribution::{ArchiveLimits, inspect_sdist};
use crate::{DistributionFilename, DistributionKind, Error};

#[test]
fn reads_sdists() {
    let content = METADATA.as_bytes();
    let long = format!("holy_grail-1.0/{}", "x".repeat(300));
    for entries in [
        &[(b'0', "holy_grail-1.0/PKG-INFO", content), (b'0', "holy_grail-1.0/setup.py", b"")][..],
        &[(b'5', "holy_grail-1.0/", b""), (b'0', "holy_grail-1.0/PKG-INFO", content)],
        &[(b'5', "./", b""), (b'0', "./holy_grail-1.0/PKG-INFO", content)],
        &[
            (b'0', "holy_grail-1.0/PKG-INFO", content),
            (b'0', "holy_grail-1.0/x.egg-info/PKG-INFO", b"Name: evil\n"),
            (b'2', "holy_grail-1.0/link", b""),
        ],
        &[
            (b'L', "././@LongLink", long.as_bytes()),
            (b'0', "short", b""),
            (b'0', "holy_grail-1.0/PKG-INFO", content),
        ],
        &[
            (b'x', "pax", &pax(&[("path", &long), ("mtime", "1.5")])),
            (b'0', "s", b""),
            (b'0', "holy_grail-1.0/PKG-INFO", content),
        ],
        &[(b'g', "pax", &pax(&[("comment", "abc")])), (b'0', "holy_grail-1.0/PKG-INFO", content)],
        &[(b'x', "pax", &pax(&[("path", "holy_grail-1.0/PKG-INFO")])), (b'0', "s", content)],
    ] {
        let metadata = read_as(SDIST, &sdist_of(entries)).unwrap();
        assert_eq!(metadata.metadata_bytes, content);
        assert_eq!(metadata.kind, DistributionKind::SourceDistribution);
        assert!(!metadata.may_be_served());
    }
    let zipped = zip_of(&[("holy_grail-1.0/PKG-INFO", METADATA), ("holy_grail-1.0/x/PKG-INFO", "")]);
    assert_eq!(read_as("holy_grail-1.0.zip", &zipped).unwrap().metadata_bytes, content);
}

#[test]
fn refuses_other_sdists() {
    let bytes = sdist_of(&[(b'0', "holy_grail-1.0/PKG-INFO", METADATA.as_bytes())]);
    for filename in ["lancelot-1.0.tar.gz", "holy_grail-1.1.tar.gz"] {
        let error = read_as(filename, &bytes).unwrap_err();
        assert!(matches!(error, Error::OtherDistribution { .. }), "{error}");
    }
    let zipped = zip_of(&[("holy_grail-1.0/PKG-INFO", METADATA)]);
    assert!(matches!(read_as("lancelot-1.0.zip", &zipped), Err(Error::OtherDistribution { .. })));
}

#[test]
fn refuses_what_is_no_sdist() {
    let content = METADATA.as_bytes();
    let good = sdist_of(&[(b'0', "holy_grail-1.0/PKG-INFO", content)]);
    let mut unchecked = tar_of(&[(b'0', "holy_grail-1.0/PKG-INFO", content)]);
    unchecked[0] ^= 1;
    for bytes in [
        Vec::new(),
        b"\x1f\x8b".to_vec(),
        wheel(),
        gzip(b""),
        gzip(b"text"),
        gzip(&unchecked),
        good[..good.len() / 2].to_vec(),
        sdist_of(&[(b'0', "holy_grail-1.0/setup.py", b"")]),
        sdist_of(&[(b'0', "PKG-INFO", content)]),
        sdist_of(&[(b'0', "holy_grail-1.0/PKG-INFO", content), (b'0', "other/setup.py", b"")]),
        sdist_of(&[(b'0', "holy_grail-1.0/PKG-INFO", content), (b'L', "x", b"y")]),
    ] {
        let outcome = read_as(SDIST, &bytes);
        assert!(matches!(outcome, Err(Error::InvalidDistribution { .. })), "{outcome:?}");
    }
    for entries in [&[][..], &[("PKG-INFO", METADATA)], &[("a/PKG-INFO", METADATA), ("b/x", "")]] {
        let outcome = read_as("holy_grail-1.0.zip", &zip_of(entries));
        assert!(matches!(outcome, Err(Error::InvalidDistribution { .. })), "{outcome:?}");
    }
}

#[test]
fn refuses_hostile_sdists() {
    let info = "holy_grail-1.0/PKG-INFO";
    let content = METADATA.as_bytes();
    let good = (b'0', info, content);
    let long = pax(&[("path", "holy_grail-1.0/a")]);
    for entries in [
        &[good, good][..],
        &[good, (b'0', "holy_grail-1.0/pkg-info", content)],
        &[good, (b'0', "./holy_grail-1.0/PKG-INFO", b"")],
        &[good, (b'0', "holy_grail-1.0/a", b""), (b'0', "holy_grail-1.0/a", b"")],
        &[(b'2', info, b"")],
        &[(b'5', info, b"")],
        &[good, (b'0', "../evil", b"")],
        &[good, (b'0', "/etc/passwd", b"")],
        &[good, (b'0', "holy_grail-1.0/../../evil", b"")],
        &[good, (b'0', "holy_grail-1.0/a\\b", b"")],
        &[good, (b'3', "holy_grail-1.0/device", b"")],
        &[good, (b'6', "holy_grail-1.0/pipe", b"")],
        &[good, (b'S', "holy_grail-1.0/sparse", b"")],
        &[good, (b'V', "holy_grail-1.0/volume", b"")],
        &[good, (b'5', "holy_grail-1.0/directory", b"content")],
        &[good, (b'2', "holy_grail-1.0/link", b"content")],
        &[(b'x', "pax", &pax(&[("size", "7")])), good],
        &[(b'x', "pax", &pax(&[("hdrcharset", "BINARY")])), good],
        &[(b'x', "pax", &pax(&[("GNU.sparse.major", "1")])), good],
        &[(b'x', "pax", &pax(&[("path", "a/b"), ("path", info)])), good],
        &[(b'g', "pax", &pax(&[("path", info)])), good],
        &[(b'x', "pax", b"7 nonsense"), good],
        &[(b'x', "pax", &long), (b'L', "long", b"holy_grail-1.0/b"), good],
    ] {
        let outcome = read_as(SDIST, &sdist_of(entries));
        assert!(is_hostile(&outcome), "{entries:?}: {outcome:?}");
    }
    // A name of which an old format has no second part.
    let mut archive = tar_of(&[good]);
    let mut header = tar::Header::from_byte_slice(&archive[..512]).clone();
    header.as_mut_bytes()[257..265].copy_from_slice(b"ustar  \0");
    header.as_mut_bytes()[345..349].copy_from_slice(b"evil");
    header.set_cksum();
    archive[..512].copy_from_slice(header.as_bytes());
    let outcome = read_as(SDIST, &gzip(&archive));
    assert!(is_hostile(&outcome), "{outcome:?}");
}

#[test]
fn bounds_sdists() {
    let content = METADATA.as_bytes();
    let long = "x".repeat(2000);
    let filename = DistributionFilename::parse(SDIST).unwrap();
    let defaults = ArchiveLimits::default();
    let huge = pax(&[("comment", &"x".repeat(300_000))]);
    for (limits, entries) in [
        (
            ArchiveLimits { max_entries: 1, ..defaults },
            &[(b'5', "holy_grail-1.0", &b""[..]), (b'0', "holy_grail-1.0/PKG-INFO", content)][..],
        ),
        (defaults, &[(b'L', "x", long.as_bytes()), (b'0', "x", b"")]),
        (defaults, &[(b'K', "x", long.as_bytes()), (b'0', "x", b"")]),
        (defaults, &[(b'x', "x", &pax(&[("path", &long)])), (b'0', "x", b"")]),
        (defaults, &[(b'g', "x", &huge), (b'0', "x", b"")]),
    ] {
        let outcome = inspect_sdist(Cursor::new(sdist_of(entries)), &filename, &limits);
        assert!(matches!(outcome, Err(Error::LimitExceeded { .. })), "{outcome:?}");
    }
}

proptest! {
    #[test]
    fn damaged_sdists_never_panic(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = tar_of(&[(b'x', "pax", &pax(&[("path", "a/b")])), (b'0', "x", b""), (b'0', "holy_grail-1.0/PKG-INFO", METADATA.as_bytes())]);
        let position = position.index(bytes.len());
        bytes[position] = byte;
        let _ = read_as(SDIST, &gzip(&bytes));
    }
}
