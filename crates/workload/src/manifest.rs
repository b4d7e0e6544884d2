//! The index as a manifest: JSON lines, one file a line, grouped by project.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::population::{Population, Project};
use crate::release::File;

/// What a manifest held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Projects.
    pub projects: u64,
    /// Releases.
    pub releases: u64,
    /// Files: as many as lines.
    pub files: u64,
}

/// The lines of one project's files, each ended by a line feed.
pub fn write_project(out: &mut Vec<u8>, project: &Project) -> u64 {
    let mut files = 0;
    for release in project.all_releases() {
        for file in release.files() {
            write_line(out, &project.name, &file);
            files += 1;
        }
    }
    files
}

/// The whole index at [`START`](crate::START). No more than one project is in memory.
///
/// # Errors
/// Those of `out`.
pub fn write_manifest(population: &Population, out: &mut impl Write) -> io::Result<Written> {
    let mut written = Written::default();
    let mut lines = Vec::new();
    for project in population.iter() {
        lines.clear();
        written.files += write_project(&mut lines, &project);
        written.releases += u64::from(project.releases);
        written.projects += 1;
        out.write_all(&lines)?;
    }
    Ok(written)
}

/// One line: `name`, `filename`, `size`, `hashes`, `upload-time`, and where they are so `requires-python` and `yanked`,
/// called as on a page (PEP 691, PEP 700).
pub fn write_line(out: &mut Vec<u8>, project: &str, file: &File) {
    let File { filename, size, sha256, uploaded, requires_python, yanked } = file;
    // Writing to memory cannot fail; none of the strings has anything that JSON escapes.
    out.extend_from_slice(b"{\"name\":\"");
    out.extend_from_slice(project.as_bytes());
    out.extend_from_slice(b"\",\"filename\":\"");
    out.extend_from_slice(filename.as_bytes());
    let _ = write!(out, "\",\"size\":{size},\"hashes\":{{\"sha256\":\"");
    let mut digest = [0; 64];
    let _ = hex::encode_to_slice(sha256, &mut digest);
    out.extend_from_slice(&digest);
    out.extend_from_slice(b"\"},\"upload-time\":\"");
    write_time(out, *uploaded);
    out.push(b'"');
    if let Some(requires_python) = requires_python {
        let _ = write!(out, ",\"requires-python\":\"{requires_python}\"");
    }
    if *yanked {
        out.extend_from_slice(b",\"yanked\":true");
    }
    out.extend_from_slice(b"}\n");
}

/// RFC 3339 to the microsecond, as PyPI has it.
fn write_time(out: &mut Vec<u8>, time: Timestamp) {
    let _ = write!(out, "{time:.6}");
}
