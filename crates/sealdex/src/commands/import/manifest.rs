//! A manifest: JSON lines, each a file as PEP 691 describes it, and the project it is of.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use sealdex_repository::ImportedFile;
use sealdex_simple::{DistributionFilename, FileName, ProjectName, Yanked};
use sealdex_tuf::digest::{HashAlgorithm, Hasher};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Source;
use super::batch::{Feed, Go, Place, Position};
use crate::failure::{Failure, Kind};
use crate::output::bytes;

/// A longer line is refused.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Bytes at each end of a manifest that tell it from others.
const MARK_BYTES: u64 = 1024 * 1024;

/// A manifest being read.
pub(super) struct Manifest {
    input: Input,
    name: String,
    length: Option<u64>,
    position: Position,
    files_url: Option<Url>,
}

/// A file, or standard input, of which nothing can be skipped: it is read again, and found to be there.
enum Input {
    File(BufReader<File>),
    Standard(BufReader<std::io::Stdin>),
}

impl Input {
    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::File(file) => file,
            Self::Standard(standard) => standard,
        }
    }
}

/// One line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    name: String,
    filename: String,
    size: u64,
    hashes: Hashes,
    upload_time: Timestamp,
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Value,
    core_metadata: Option<Value>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Hashes {
    sha256: String,
}

impl Manifest {
    pub(super) fn open(path: &Path, files_url: Option<&str>) -> Result<Self, Failure> {
        let unreadable = |error| Failure::message(Kind::Failed, format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let name = format!("manifest:{}", mark(&mut file, length).map_err(unreadable)?);
        file.rewind().map_err(unreadable)?;
        let input = Input::File(BufReader::with_capacity(1024 * 1024, file));
        let files_url = files_url.map(parse_base).transpose()?;
        Ok(Self { input, name, length: Some(length), position: Position::default(), files_url })
    }

    pub(super) fn standard_input(files_url: Option<&str>) -> Result<Self, Failure> {
        let input = Input::Standard(BufReader::with_capacity(1024 * 1024, std::io::stdin()));
        let files_url = files_url.map(parse_base).transpose()?;
        let name = "standard input".to_owned();
        Ok(Self { input, name, length: None, position: Position::default(), files_url })
    }
}

impl Source for Manifest {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn can_resume(&self) -> bool {
        self.length.is_some()
    }

    fn go_on_from(&mut self, position: &str) -> Result<u64, Failure> {
        self.position = Position::read(position)?;
        if let Input::File(file) = &mut self.input {
            file.seek(SeekFrom::Start(self.position.done))?;
        }
        Ok(self.position.refused)
    }

    fn place(&self) -> String {
        format!("line {} ({})", self.position.lines + 1, bytes(self.position.done))
    }

    fn total_bytes(&self) -> Option<u64> {
        self.length
    }

    fn position_bytes(&self) -> u64 {
        self.position.done
    }

    fn read(mut self: Box<Self>, mut feed: Feed) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = read_line(self.input.reader(), &mut line)?;
            if read.bytes == 0 {
                break;
            }
            self.position.done += read.bytes;
            self.position.lines += 1;
            let text = line.trim_ascii();
            if !text.is_empty() || read.too_long {
                let file = if read.too_long {
                    Err(format!("longer than {MAX_LINE_BYTES} bytes"))
                } else {
                    parse(text, self.files_url.as_ref())
                };
                feed.add(Place::Line(self.position.lines), file);
            }
            if feed.is_due() && feed.flush(self.position.clone(), self.position.done) == Go::Home {
                return Ok(());
            }
        }
        feed.flush(self.position.clone(), self.position.done);
        Ok(())
    }
}

struct LineRead {
    /// Bytes taken, the end of the line included.
    bytes: u64,
    too_long: bool,
}

/// Reads a line of any length and keeps at most [`MAX_LINE_BYTES`] of it.
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<LineRead> {
    let mut read = LineRead { bytes: 0, too_long: false };
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(read);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = end.map_or(buffer.len(), |end| end + 1);
        let room = MAX_LINE_BYTES.saturating_sub(line.len());
        read.too_long |= part > room;
        line.extend_from_slice(&buffer[..part.min(room)]);
        reader.consume(part);
        read.bytes += part as u64;
        if end.is_some() {
            return Ok(read);
        }
    }
}

fn parse(text: &[u8], files_url: Option<&Url>) -> Result<ImportedFile, String> {
    // The place says which line it is.
    let reason = |error: serde_json::Error| error.to_string().replace(" at line 1 column ", " at column ");
    let line: Line = serde_json::from_slice(text).map_err(reason)?;
    let project = ProjectName::parse(&line.name).map_err(|error| error.to_string())?;
    let filename =
        DistributionFilename::parse_for(&project, &line.filename).map_err(|error| error.to_string())?;
    let yanked = match line.yanked {
        Value::Null | Value::Bool(false) => Yanked::No,
        Value::Bool(true) => Yanked::Yes,
        Value::String(reason) if reason.is_empty() => Yanked::Yes,
        Value::String(reason) => Yanked::Reason(reason),
        _ => return Err("yanked is neither a boolean nor a string".to_owned()),
    };
    let core_metadata_sha256 = match line.core_metadata {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::Object(hashes)) => match hashes.get("sha256") {
            Some(Value::String(sha256)) => Some(sha256.to_ascii_lowercase()),
            _ => return Err("core-metadata has no sha256".to_owned()),
        },
        // A sidecar without a digest cannot be verified: it is as good as none.
        Some(_) => None,
    };
    let url = match (line.url, files_url) {
        (Some(url), _) => absolute(&url)?,
        (None, Some(base)) => file_url(base, &project, filename.file_name()),
        (None, None) => return Err("it has no url, and --files-url was not given".to_owned()),
    };
    Ok(ImportedFile {
        sha256: line.hashes.sha256.to_ascii_lowercase(),
        length: line.size,
        upload_time: line.upload_time,
        requires_python: line.requires_python,
        yanked,
        core_metadata_sha256,
        url: Some(url),
        filename,
    })
}

fn absolute(url: &str) -> Result<String, String> {
    let parsed = Url::parse(url).map_err(|error| format!("its url is none: {error}"))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed.into()),
        scheme => Err(format!("its url is {scheme}, not http or https")),
    }
}

fn parse_base(url: &str) -> Result<Url, Failure> {
    let mut base = Url::parse(&absolute(url).map_err(|reason| Failure::message(Kind::Usage, reason))?)?;
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

/// `BASE/<project>/<filename>`
fn file_url(base: &Url, project: &ProjectName, filename: &FileName) -> String {
    format!("{base}{project}/{}", filename.to_url_component())
}

/// Tells a manifest from others without reading all of it.
fn mark(file: &mut File, length: u64) -> std::io::Result<String> {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    hasher.update(&length.to_be_bytes());
    for from in [0, length.saturating_sub(MARK_BYTES)] {
        file.seek(SeekFrom::Start(from))?;
        let mut part = Vec::new();
        file.by_ref().take(MARK_BYTES).read_to_end(&mut part)?;
        hasher.update(&part);
    }
    Ok(hasher.finish()[..16].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "abababababababababababababababababababababababababababababababab";

    fn line(members: &str) -> String {
        format!(
            r#"{{"name":"six","filename":"six-1.0.tar.gz","size":5,"hashes":{{"sha256":"{SHA256}"}},"upload-time":"2026-01-02T03:04:05Z"{members}}}"#
        )
    }

    #[test]
    fn a_line_is_a_file_of_pep_691() {
        let base = parse_base("https://files.example/a").unwrap();
        let file = parse(line("").as_bytes(), Some(&base)).unwrap();
        assert_eq!(file.url.as_deref(), Some("https://files.example/a/six/six-1.0.tar.gz"));
        assert_eq!((file.length, file.yanked), (5, Yanked::No));
        let members = format!(
            r#","url":"https://h/x","yanked":"bad","requires-python":">=3","core-metadata":{{"sha256":"{SHA256}"}},"gpg-sig":true"#
        );
        let file = parse(line(&members).as_bytes(), None).unwrap();
        assert_eq!(file.url.as_deref(), Some("https://h/x"));
        assert_eq!(file.yanked, Yanked::Reason("bad".to_owned()));
        assert_eq!(file.core_metadata_sha256.as_deref(), Some(SHA256));
    }

    #[test]
    fn malformed_lines_are_refused() {
        let base = parse_base("https://files.example/").unwrap();
        for text in [
            "",
            "{",
            "[]",
            "null",
            &line("").replace("\"size\":5", "\"size\":-5"),
            &line("").replace("\"size\":5", "\"size\":99999999999999999999"),
            &line("").replace("\"size\":5", "\"size\":5.5"),
            &line("").replace("six-1.0.tar.gz", "seven-1.0.tar.gz"),
            &line("").replace("six-1.0.tar.gz", "six-1.0.exe"),
            &line("").replace("\"name\":\"six\"", "\"name\":\"../six\""),
            &line("").replace("\"name\":\"six\",", ""),
            &line("").replace("2026-01-02", "2026-13-02"),
            &line(r#","yanked":5"#),
            &line(r#","url":"ftp://h/x""#),
            &line(r#","url":"x""#),
            &line(r#","core-metadata":{}"#),
        ] {
            assert!(parse(text.as_bytes(), Some(&base)).is_err(), "{text}");
        }
        assert!(parse(line("").as_bytes(), None).is_err());
    }

    #[test]
    fn long_lines_are_cut_and_told() {
        let text = format!("short\n{}\nlast", "x".repeat(MAX_LINE_BYTES + 10));
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), 0).unwrap();
        let mut reader = BufReader::with_capacity(100, file);
        let mut found = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = read_line(&mut reader, &mut line).unwrap();
            if read.bytes == 0 {
                break;
            }
            found.push((read.bytes, read.too_long));
        }
        assert_eq!(found, [(6, false), (MAX_LINE_BYTES as u64 + 11, true), (4, false)]);
    }
}
