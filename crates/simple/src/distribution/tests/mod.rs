//! Wheels and source distributions built here, honest and hostile.

mod sdist;

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{ArchiveLimits, DistributionMetadata, inspect, inspect_sdist, inspect_wheel};
use crate::{DistributionFilename, DistributionKind, Error};

const METADATA: &str =
    "Metadata-Version: 2.1\nName: Holy.Grail\nVersion: 1.0\nRequires-Python: >=3.8\n\nA cup.\n";
const WHEEL: &str = "holy_grail-1.0-py3-none-any.whl";
const SDIST: &str = "holy_grail-1.0.tar.gz";
const METADATA_PATH: &str = "holy_grail-1.0.dist-info/METADATA";

fn zip_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

fn wheel() -> Vec<u8> {
    zip_of(&[
        ("holy_grail/__init__.py", "seek = 1\n"),
        (METADATA_PATH, METADATA),
        ("holy_grail-1.0.dist-info/RECORD", ""),
    ])
}

/// Replaces some occurrences of bytes by others of the same length.
fn replace(bytes: &[u8], from: &[u8], to: &[u8], occurrences: impl Fn(usize) -> bool) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut replaced = bytes.to_vec();
    let found: Vec<usize> = (0..bytes.len()).filter(|start| bytes[*start..].starts_with(from)).collect();
    assert!(!found.is_empty());
    for (_, start) in found.into_iter().enumerate().filter(|(index, _)| occurrences(*index)) {
        replaced[start..start + to.len()].copy_from_slice(to);
    }
    replaced
}

fn read_as(filename: &str, bytes: &[u8]) -> Result<DistributionMetadata, Error> {
    let filename = DistributionFilename::parse(filename).unwrap();
    inspect(Cursor::new(bytes), &filename, &ArchiveLimits::default())
}

fn is_hostile(outcome: &Result<DistributionMetadata, Error>) -> bool {
    matches!(outcome, Err(Error::HostileDistribution { .. }))
}

fn tar_header(kind: u8, name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    // The library's own setters refuse what the tests need.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

/// Entries are kind, name and content.
fn tar_of(entries: &[(u8, &str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, content) in entries {
        builder.append(&tar_header(*kind, name, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sdist_of(entries: &[(u8, &str, &[u8])]) -> Vec<u8> {
    gzip(&tar_of(entries))
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length += 1;
        }
        bytes.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
    }
    bytes
}

#[test]
fn reads_a_wheel() {
    let metadata = read_as(WHEEL, &wheel()).unwrap();
    assert_eq!(metadata.metadata_bytes, METADATA.as_bytes());
    assert_eq!(metadata.name, "Holy.Grail");
    assert_eq!(metadata.project.as_str(), "holy-grail");
    assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8"));
    assert_eq!(metadata.kind, DistributionKind::Wheel);
    assert!(metadata.may_be_served());
}

#[test]
fn reads_wheels_with_harmless_oddities() {
    for entries in [
        // Directories of their own, other spellings of the name, vendored metadata further down.
        &[("holy_grail/", ""), ("holy_grail-1.0.dist-info/", ""), (METADATA_PATH, METADATA)][..],
        &[("Holy.Grail-1.0.0.dist-info/METADATA", METADATA)],
        &[(METADATA_PATH, METADATA), ("holy_grail/_vendor/other-2.0.dist-info/METADATA", "Name: other\n")],
        &[(METADATA_PATH, METADATA), ("holy_grail-1.0.data/purelib/holy_grail/x.py", "")],
        &[(METADATA_PATH, METADATA), ("holy_grail-1.0.dist-info/licenses/METADATA", "")],
    ] {
        read_as(WHEEL, &zip_of(entries)).unwrap();
    }
}

#[test]
fn refuses_other_projects_wheels() {
    // Renamed as a whole.
    let error = read_as("lancelot-1.0-py3-none-any.whl", &wheel()).unwrap_err();
    assert!(matches!(error, Error::OtherDistribution { .. }), "{error}");
    let error = read_as("holy_grail-1.1-py3-none-any.whl", &wheel()).unwrap_err();
    assert!(matches!(error, Error::OtherDistribution { .. }), "{error}");
    // With its directory renamed too.
    let renamed = zip_of(&[("lancelot-1.0.dist-info/METADATA", METADATA)]);
    let error = read_as("lancelot-1.0-py3-none-any.whl", &renamed).unwrap_err();
    assert!(matches!(error, Error::OtherDistribution { field: "name", .. }), "{error}");
    let renamed = zip_of(&[("holy_grail-1.1.dist-info/METADATA", METADATA)]);
    let error = read_as("holy_grail-1.1-py3-none-any.whl", &renamed).unwrap_err();
    assert!(matches!(error, Error::OtherDistribution { field: "version", .. }), "{error}");
    assert!(error.to_string().contains("1.1"), "{error}");
}

#[test]
fn refuses_what_is_no_wheel() {
    for bytes in [
        Vec::new(),
        b"PK".to_vec(),
        gzip(b"x"),
        zip_of(&[]),
        zip_of(&[("holy_grail/__init__.py", "")]),
        zip_of(&[("holy_grail-1.0.dist-info/RECORD", "")]),
        zip_of(&[("holy_grail-1.0.dist-info/metadata", METADATA)]),
        zip_of(&[("holy_grail.dist-info/METADATA", METADATA)]),
        zip_of(&[("holy_grail-1.0.DIST-INFO/METADATA", METADATA)]),
        wheel()[..wheel().len() / 2].to_vec(),
    ] {
        let error = read_as(WHEEL, &bytes).unwrap_err();
        assert!(matches!(error, Error::InvalidDistribution { .. }), "{error}");
    }
    let sdist = DistributionFilename::parse(SDIST).unwrap();
    assert!(inspect_wheel(Cursor::new(wheel()), &sdist, &ArchiveLimits::default()).is_err());
    let wheel_name = DistributionFilename::parse(WHEEL).unwrap();
    assert!(inspect_sdist(Cursor::new(wheel()), &wheel_name, &ArchiveLimits::default()).is_err());
}

#[test]
fn refuses_hostile_names() {
    for name in ["../evil.py", "/etc/passwd", "a/../../b", "a\\b", "C:/evil", "a\u{7}b", "a//b", "./a"] {
        let outcome = read_as(WHEEL, &zip_of(&[(METADATA_PATH, METADATA), (name, "")]));
        assert!(is_hostile(&outcome), "{name:?}: {outcome:?}");
    }
}

#[test]
fn refuses_two_metadata() {
    for other in [
        "other-2.0.dist-info/METADATA",
        "other-2.0.dist-info/RECORD",
        "Holy_Grail-1.0.dist-info/METADATA",
        "HOLY_GRAIL-1.0.DIST-INFO/METADATA",
        "holy_grail-1.0.dist-info/metadata",
        "holy_grail-1.0.data/purelib/other-2.0.dist-info/METADATA",
        "holy_grail-1.0.data/platlib/other-2.0.dist-info/RECORD",
    ] {
        for entries in
            [[(METADATA_PATH, METADATA), (other, METADATA)], [(other, METADATA), (METADATA_PATH, METADATA)]]
        {
            let outcome = read_as(WHEEL, &zip_of(&entries));
            assert!(is_hostile(&outcome), "{other}: {outcome:?}");
        }
    }
}

#[test]
fn refuses_entries_of_the_same_name() {
    let other = "holy_grail-1.0.dist-info/METADATB";
    let two =
        zip_of(&[(METADATA_PATH, METADATA), (other, "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")]);
    let outcome = read_as(WHEEL, &replace(&two, other.as_bytes(), METADATA_PATH.as_bytes(), |_| true));
    assert!(is_hostile(&outcome), "{outcome:?}");
    assert!(outcome.unwrap_err().to_string().contains("same name"));
    let outcome = read_as(WHEEL, &zip_of(&[(METADATA_PATH, METADATA), ("a", ""), ("a/", "")]));
    assert!(is_hostile(&outcome), "{outcome:?}");
}

#[test]
fn refuses_headers_that_disagree() {
    let bytes = wheel();
    let (path, other) = (METADATA_PATH.as_bytes(), b"holy_grail-1.0.dist-info/METADATB");
    // The name in the local header alone, and in the central directory alone.
    for occurrence in [0, 1] {
        let outcome = read_as(WHEEL, &replace(&bytes, path, other, |index| index == occurrence));
        assert!(outcome.is_err(), "{occurrence}: {outcome:?}");
    }
    assert!(is_hostile(&read_as(WHEEL, &replace(&bytes, path, other, |index| index == 0))));
    // The checksum in one of the two; the local one stands 14 bytes after its signature, the central one 16.
    for (signature, position) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
        let start = bytes.windows(4).position(|window| window == signature).unwrap();
        let mut changed = bytes.clone();
        changed[start + position] ^= 1;
        let outcome = read_as(WHEEL, &changed);
        assert!(is_hostile(&outcome), "{position}: {outcome:?}");
    }
}

#[test]
fn refuses_wrong_content() {
    let stored = |content: &str| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file(METADATA_PATH, options).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let bytes = stored(METADATA);
    read_as(WHEEL, &bytes).unwrap();
    let outcome = read_as(WHEEL, &replace(&bytes, b">=3.8", b">=3.9", |_| true));
    assert!(matches!(outcome, Err(Error::InvalidDistribution { .. })), "{outcome:?}");
}

#[test]
fn refuses_a_second_directory() {
    let evil = zip_of(&[(METADATA_PATH, &METADATA.replace(">=3.8", ">=2.0"))]);
    // Before the archive, after it, and after it as its comment.
    let outcome = read_as(WHEEL, &[&evil[..], &wheel()[..]].concat());
    assert!(is_hostile(&outcome), "{outcome:?}");
    let outcome = read_as(WHEEL, &[&wheel()[..], b"x"].concat());
    assert!(is_hostile(&outcome), "{outcome:?}");
    let mut commented = wheel();
    let end = commented.len();
    commented[end - 2..].copy_from_slice(&u16::try_from(evil.len()).unwrap().to_le_bytes());
    commented.extend_from_slice(&evil);
    let outcome = read_as(WHEEL, &commented);
    assert!(is_hostile(&outcome), "{outcome:?}");
    // An entry that no directory lists.
    let (first, second) = (zip_of(&[("x", "y")]), wheel());
    let local = first.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let central = second.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut hidden = second[..central].to_vec();
    hidden.extend_from_slice(&first[..local]);
    hidden.extend_from_slice(&second[central..]);
    let end = hidden.len();
    let offset = u32::try_from(central + local).unwrap();
    hidden[end - 6..end - 2].copy_from_slice(&offset.to_le_bytes());
    let outcome = read_as(WHEEL, &hidden);
    assert!(is_hostile(&outcome), "{outcome:?}");
}

#[test]
fn refuses_wrong_counts() {
    let bytes = wheel();
    let end = bytes.len();
    for count in [0_u8, 2, 4] {
        let mut changed = bytes.clone();
        changed[end - 14] = count;
        changed[end - 12] = count;
        let outcome = read_as(WHEEL, &changed);
        assert!(is_hostile(&outcome), "{count}: {outcome:?}");
    }
    // The size and the offset of the directory.
    for position in [10, 6] {
        let mut changed = bytes.clone();
        changed[end - position] ^= 1;
        let outcome = read_as(WHEEL, &changed);
        assert!(is_hostile(&outcome), "{position}: {outcome:?}");
    }
}

#[test]
fn refuses_a_gap_behind_the_directory() {
    // Some readers find the directory by its offset, others by its size before the end.
    let mut bytes = wheel();
    let end = bytes.len() - 22;
    bytes.splice(end..end, [0; 7]);
    let outcome = read_as(WHEEL, &bytes);
    assert!(outcome.unwrap_err().to_string().contains("not where the end"));
}

#[test]
fn reads_many_entries() {
    // More than 65,535 need the zip64 end of central directory.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    writer.start_file(METADATA_PATH, options).unwrap();
    writer.write_all(METADATA.as_bytes()).unwrap();
    for index in 0..66_000 {
        writer.start_file(index.to_string(), options).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    read_as(WHEEL, &bytes).unwrap();

    let filename = DistributionFilename::parse(WHEEL).unwrap();
    let limits = ArchiveLimits { max_entries: 66_000, ..ArchiveLimits::default() };
    let outcome = inspect_wheel(Cursor::new(&bytes), &filename, &limits);
    assert!(matches!(outcome, Err(Error::LimitExceeded { .. })), "{outcome:?}");

    let end = bytes.len();
    for (position, reason) in [
        // The number of entries of the small end; of the large one; the locator's offset; the large one's length.
        (end - 12, "several parts"),
        (end - 22 - 20 - 56 + 32, "several parts"),
        (end - 22 - 20 + 8, "locator"),
        (end - 22 - 20 - 56 + 4, "locator"),
        (end - 22 - 20 - 56 + 40, "not where the end"),
    ] {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let error = read_as(WHEEL, &changed).unwrap_err();
        assert!(error.to_string().contains(reason), "{position}: {error}");
    }
    let mut changed = bytes.clone();
    for position in [end - 14, end - 12] {
        changed[position..position + 2].copy_from_slice(&3_u16.to_le_bytes());
    }
    assert!(read_as(WHEEL, &changed).unwrap_err().to_string().contains("disagree"));
}

#[test]
fn a_comment_is_no_directory() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.set_comment("made by hand").unwrap();
    writer.start_file(METADATA_PATH, SimpleFileOptions::default()).unwrap();
    writer.write_all(METADATA.as_bytes()).unwrap();
    read_as(WHEEL, &writer.finish().unwrap().into_inner()).unwrap();
}

#[test]
fn bounds_wheels() {
    let bytes = wheel();
    let filename = DistributionFilename::parse(WHEEL).unwrap();
    let defaults = ArchiveLimits::default();
    let read = |limits: ArchiveLimits| inspect_wheel(Cursor::new(&bytes), &filename, &limits);
    let length = METADATA.len() as u64;
    read(ArchiveLimits { max_entries: 3, max_metadata_bytes: length, max_name_bytes: 33, ..defaults })
        .unwrap();
    for limits in [
        ArchiveLimits { max_entries: 2, ..defaults },
        ArchiveLimits { max_metadata_bytes: length - 1, ..defaults },
        ArchiveLimits { max_name_bytes: 32, ..defaults },
        ArchiveLimits { max_directory_bytes: 100, ..defaults },
    ] {
        let error = read(limits).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { .. }), "{limits:?}: {error}");
    }
}

#[test]
fn refuses_bombs() {
    let limits = ArchiveLimits { min_bomb_bytes: 100_000, ..ArchiveLimits::default() };
    let zeros = "\0".repeat(1_000_000);
    let bomb = zip_of(&[("holy_grail/data", &zeros), (METADATA_PATH, METADATA)]);
    let outcome = inspect(Cursor::new(bomb), &DistributionFilename::parse(WHEEL).unwrap(), &limits);
    assert!(matches!(outcome, Err(Error::DecompressionBomb { .. })), "{outcome:?}");
    let bomb = sdist_of(&[
        (b'0', "holy_grail-1.0/PKG-INFO", METADATA.as_bytes()),
        (b'0', "holy_grail-1.0/data", zeros.as_bytes()),
    ]);
    let outcome = inspect(Cursor::new(&bomb), &DistributionFilename::parse(SDIST).unwrap(), &limits);
    assert!(matches!(outcome, Err(Error::DecompressionBomb { .. })), "{outcome:?}");
    read_as(SDIST, &bomb).unwrap();
    // The metadata itself, in a wheel of which nothing else is suspicious.
    let long = format!("{METADATA}{zeros}");
    let limits = ArchiveLimits { max_metadata_bytes: 100_000, ..ArchiveLimits::default() };
    for (filename, bytes) in [
        (WHEEL, zip_of(&[(METADATA_PATH, &long)])),
        (SDIST, sdist_of(&[(b'0', "holy_grail-1.0/PKG-INFO", long.as_bytes())])),
    ] {
        let outcome = inspect(Cursor::new(bytes), &DistributionFilename::parse(filename).unwrap(), &limits);
        assert!(matches!(outcome, Err(Error::LimitExceeded { .. })), "{outcome:?}");
    }
}

#[test]
fn refuses_a_metadata_that_lies_about_its_size() {
    // Announced as 10 bytes in both headers: the sizes follow the checksum and the packed size.
    let mut bytes = zip_of(&[(METADATA_PATH, METADATA)]);
    let length = u32::try_from(METADATA.len()).unwrap().to_le_bytes();
    for (signature, position) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let start = bytes.windows(4).position(|window| window == signature).unwrap() + position;
        assert_eq!(bytes[start..start + 4], length);
        bytes[start..start + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let outcome = read_as(WHEEL, &bytes);
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn a_failing_reader_is_no_hostile_archive() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.position() {
                0..4 => self.0.read(&mut buffer[..4]),
                _ => Err(io::Error::other("the disk is gone")),
            }
        }
    }
    impl Seek for Failing {
        fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
            self.0.seek(position)
        }
    }
    for (filename, bytes) in [(WHEEL, wheel()), (SDIST, gzip(b"")), ("a-1.zip", wheel())] {
        let filename = DistributionFilename::parse(filename).unwrap();
        let outcome = inspect(Failing(Cursor::new(bytes)), &filename, &ArchiveLimits::default());
        assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for filename in [WHEEL, SDIST, "a-1.zip"] {
            let _ = read_as(filename, &bytes);
            let _ = read_as(filename, &gzip(&bytes));
        }
    }

    #[test]
    fn damaged_wheels_never_panic_and_never_lie(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = wheel();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(metadata) = read_as(WHEEL, &bytes) {
            prop_assert_eq!(metadata.metadata_bytes, METADATA.as_bytes());
        }
    }
}
