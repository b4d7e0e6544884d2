//! Names of wheels and source distributions, and what is read out of their archives.
//!
//! Input: one byte that selects, then a name; or a line with a name and an archive (a tar archive is compressed here:
//! checksums would stop the fuzzer); or [`Built`], from which an archive is made and then damaged. Asserted:
//! - a name is of one project and one version, however it is split, and safe in a URL;
//! - memory is bounded, whatever an archive announces or unpacks to;
//! - what is accepted is of the project and version of its name, and readers of another kind see the same metadata: one
//!   that goes through a zip archive from its start, and one that leaves tar's extensions to the library.

#![no_main]

use std::io::{self, Cursor, Read as _, Write as _};

use arbitrary::{Arbitrary, Unstructured};
use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::{bounded, first_line};
use sealdex_simple::{
    ArchiveLimits, DistributionFilename, DistributionKind, DistributionMetadata, FileName, ProjectName,
    inspect,
};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const LIMITS: ArchiveLimits = ArchiveLimits {
    max_entries: 200,
    max_name_bytes: 256,
    max_directory_bytes: 64 * 1024,
    max_metadata_bytes: 16 * 1024,
    max_unpacked_bytes: 4 << 20,
    max_compression_ratio: 50,
    min_bomb_bytes: 256 * 1024,
};

/// Several times what the limits allow for, and far less than what an archive can announce.
const MAX_MEMORY_BYTES: usize = 2 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((what, rest)) = data.split_first() else { return };
    match what % 4 {
        0 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                check_name(text);
            }
        }
        1 | 2 => {
            let Some((name, bytes)) = first_line(rest) else { return };
            let Ok(filename) = DistributionFilename::parse(name) else { return };
            let compress = *what % 4 == 2 && name.ends_with(".tar.gz");
            check_archive(&filename, &if compress { gzip(bytes) } else { bytes.to_vec() });
        }
        _ => {
            if let Ok(built) = Built::arbitrary(&mut Unstructured::new(rest)) {
                let (filename, bytes) = built.archive();
                check_archive(&filename, &bytes);
            }
        }
    }
});

fn check_name(text: &str) {
    if let Ok(name) = FileName::parse(text) {
        let encoded = name.to_url_component();
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+!%".contains(&byte)));
    }
    let parsed = DistributionFilename::parse(text);
    // Everything before a hyphen may be the project.
    let prefixes = text.match_indices('-').filter_map(|(hyphen, _)| ProjectName::parse(&text[..hyphen]).ok());
    let projects: Vec<_> =
        prefixes.filter_map(|project| DistributionFilename::parse_for(&project, text).ok()).collect();
    let Ok(filename) = parsed else {
        let kinds: Vec<_> = projects.iter().map(DistributionFilename::kind).collect();
        assert!(kinds.is_empty() || kinds.len() > 1, "{text:?} is of one project, and refused");
        return;
    };
    assert!(!projects.is_empty());
    for other in projects {
        assert_eq!(other, filename, "{text:?} is of two projects");
        assert_eq!((other.version(), other.kind()), (filename.version(), filename.kind()));
    }
    assert_eq!(filename.to_string(), text);
    assert!(ProjectName::is_normalized(filename.project().as_str()));
    let version = filename.version().to_string();
    assert_eq!(version.parse().as_ref(), Ok(filename.version()));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#%:".contains(&byte)));
}

fn check_archive(filename: &DistributionFilename, bytes: &[u8]) {
    let outcome = bounded(MAX_MEMORY_BYTES, || inspect(Cursor::new(bytes), filename, &LIMITS));
    let Ok(found) = outcome else { return };
    assert_eq!((&found.project, &found.version), (filename.project(), filename.version()));
    assert_eq!(found.kind, filename.kind());
    assert!(found.metadata_bytes.len() as u64 <= LIMITS.max_metadata_bytes);
    let again = DistributionMetadata::parse(found.metadata_bytes.clone(), filename, &LIMITS);
    assert_eq!(again.expect("the metadata was read once"), found);
    assert_says(&found.metadata_bytes, "name", &found.name);

    if filename.as_str().ends_with(".tar.gz") {
        // It may refuse more than we do.
        if let Ok(theirs) = last_in_tar(bytes) {
            assert_eq!(theirs.as_ref(), Some(&found.metadata_bytes), "tar's own reader sees another");
        }
    } else {
        let file =
            if filename.kind() == DistributionKind::Wheel { ".dist-info/METADATA" } else { "/PKG-INFO" };
        let is_metadata = |name: &str| name.ends_with(file) && name.matches('/').count() == 1;
        for (name, content) in streamed(bytes).iter().filter(|(name, _)| is_metadata(name)) {
            assert_eq!(content, &found.metadata_bytes, "read from the start, {name} is another");
        }
    }
}

/// A reader that takes the first line of that name in the header says the same.
fn assert_says(metadata: &[u8], field: &str, expected: &str) {
    let text = String::from_utf8_lossy(metadata);
    let mut lines = text.split('\n').map(str::trim_end).take_while(|line| !line.is_empty());
    let value = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(field).then(|| value.trim().to_owned())
    });
    assert_eq!(value.as_deref(), Some(expected));
}

/// The last file `<top>/PKG-INFO` of the archive as the library unpacks it.
fn last_in_tar(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes));
    let mut found = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(io::Error::other)?;
        let name = name.strip_prefix("./").unwrap_or(&name);
        let is_file = entry.header().entry_type().is_file() || entry.header().entry_type().is_contiguous();
        if is_file && name.matches('/').count() == 1 && name.ends_with("/PKG-INFO") {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            found = Some(content);
        }
    }
    Ok(found)
}

/// The entries of a zip archive, read from its start by their local headers, as far as these make sense.
fn streamed(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some(header) = rest.get(..30).filter(|header| header.starts_with(b"PK\x03\x04")) {
        let u16_at = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
        let (flags, method, size) = (u16_at(6), u16_at(8), u32_at(18));
        let (name_bytes, extra_bytes) = (u16_at(26), u16_at(28));
        let Some(name) = rest.get(30..30 + name_bytes) else { break };
        let Some(data) = rest.get(30 + name_bytes + extra_bytes..) else { break };
        let mut content = Vec::new();
        let used = match method {
            0 if flags & 8 == 0 => {
                let Some(stored) = data.get(..size) else { break };
                content.extend_from_slice(stored);
                size
            }
            8 => {
                let mut decoder = DeflateDecoder::new(data);
                let limit = LIMITS.max_unpacked_bytes;
                if decoder.by_ref().take(limit).read_to_end(&mut content).is_err() {
                    break;
                }
                // Where the length is announced, it counts.
                if flags & 8 == 0 { size } else { break }
            }
            _ => break,
        };
        entries.push((String::from_utf8_lossy(name).into_owned(), content));
        rest = data.get(used..).unwrap_or_default();
    }
    entries
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("writing to memory succeeds");
    encoder.finish().expect("writing to memory succeeds")
}

/// What an archive is made of.
#[derive(Arbitrary, Debug)]
struct Built<'a> {
    kind: u8,
    entries: Vec<Entry<'a>>,
    /// The metadata, beside what it must have.
    header: &'a str,
    deflated: bool,
    /// Where in the archive which byte is written.
    damage: Vec<(u16, u8)>,
}

#[derive(Arbitrary, Debug)]
struct Entry<'a> {
    name: u8,
    other_name: &'a str,
    content: &'a [u8],
    /// For tar: the type.
    kind: u8,
}

impl Entry<'_> {
    fn name(&self, stem: &str) -> String {
        match self.name % 12 {
            0 => format!("{stem}/PKG-INFO"),
            1 => format!("{stem}.dist-info/METADATA"),
            2 => format!("{stem}.dist-info/metadata"),
            3 => format!("{stem}.data/purelib/{}", self.other_name),
            4 => format!("./{stem}/{}", self.other_name),
            5 => format!("{stem}/{}/", self.other_name),
            6 => format!("{stem}//PKG-INFO"),
            7 => format!("{stem}/sub/PKG-INFO"),
            8 => format!("{stem}/{}", self.other_name),
            9 => format!("{stem}.dist-info/{}", self.other_name),
            10 => format!("{}/METADATA", self.other_name),
            _ => self.other_name.to_owned(),
        }
    }
}

impl Built<'_> {
    fn archive(&self) -> (DistributionFilename, Vec<u8>) {
        let name = match self.kind % 3 {
            0 => "grail-1.0-py3-none-any.whl",
            1 => "grail-1.0.zip",
            _ => "grail-1.0.tar.gz",
        };
        let filename = DistributionFilename::parse(name).expect("a constant name");
        let metadata = format!("Metadata-Version: 2.1\nName: grail\nVersion: 1.0\n{}", self.header);
        let place =
            if self.kind.is_multiple_of(3) { "grail-1.0.dist-info/METADATA" } else { "grail-1.0/PKG-INFO" };
        let mut files = vec![(place.to_owned(), metadata.as_bytes(), 0)];
        let others = self.entries.iter().take(16);
        files.extend(others.map(|entry| (entry.name("grail-1.0"), entry.content, entry.kind)));
        // What comes last counts where readers overwrite.
        if self.deflated {
            files.rotate_left(1);
        }
        let mut bytes = if self.kind % 3 == 2 { tar(&files) } else { zip(&files, self.deflated) };
        for (at, byte) in &self.damage {
            let length = bytes.len();
            if let Some(place) = bytes.get_mut(usize::from(*at) % length.max(1)) {
                *place = *byte;
            }
        }
        (filename, if self.kind % 3 == 2 { gzip(&bytes) } else { bytes })
    }
}

fn zip(files: &[(String, &[u8], u8)], deflated: bool) -> Vec<u8> {
    let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, _) in files {
        // The writer refuses a name it has already; the reader's view of those is fuzzed as raw bytes.
        if writer.start_file(name.as_str(), options).is_ok() {
            writer.write_all(content).expect("writing to memory succeeds");
        }
    }
    writer.finish().expect("writing to memory succeeds").into_inner()
}

/// Headers with any type and any content; checksums are right.
fn tar(files: &[(String, &[u8], u8)]) -> Vec<u8> {
    const TYPES: [u8; 12] = *b"0\x005LKxg7123S";
    let mut bytes = Vec::new();
    for (name, content, kind) in files {
        let mut header = tar::Header::new_ustar();
        let name = &name.as_bytes()[..name.len().min(100)];
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[156] = TYPES[usize::from(*kind) % TYPES.len()];
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}
