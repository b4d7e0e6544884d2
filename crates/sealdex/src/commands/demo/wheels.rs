//! Small wheels: the demo's own packages where there is no network.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealdex_tuf::digest::sha256;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A pure-Python package of one module.
pub(in crate::commands) struct Package<'a> {
    pub(in crate::commands) name: &'a str,
    pub(in crate::commands) version: &'a str,
    pub(in crate::commands) requires: &'a [&'a str],
    pub(in crate::commands) source: &'a str,
}

/// Builds the wheel of `package` (PEP 427) in `directory`.
pub(in crate::commands) fn build(directory: &Path, package: &Package<'_>) -> anyhow::Result<PathBuf> {
    let Package { name, version, requires, source } = package;
    let path = directory.join(format!("{name}-{version}-py3-none-any.whl"));
    let requires: String =
        requires.iter().map(|requirement| format!("Requires-Dist: {requirement}\n")).collect();
    let metadata = format!(
        "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: A demo package\n{requires}"
    );
    let info = format!("{name}-{version}.dist-info");
    let files = [
        (format!("{name}.py"), source.as_bytes().to_vec()),
        (format!("{info}/METADATA"), metadata.into_bytes()),
        (
            format!("{info}/WHEEL"),
            b"Wheel-Version: 1.0\nGenerator: sealdex\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_vec(),
        ),
    ];
    write_wheel(&path, &info, files)?;
    Ok(path)
}

fn write_wheel(
    path: &Path,
    info: &str,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> anyhow::Result<()> {
    let mut archive = ZipWriter::new(File::create(path)?);
    let options = SimpleFileOptions::default();
    let mut record = String::new();
    for (name, content) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(&content)?;
        let digest = URL_SAFE_NO_PAD.encode(sha256(&content));
        record.push_str(&format!("{name},sha256={digest},{}\n", content.len()));
    }
    record.push_str(&format!("{info}/RECORD,,\n"));
    archive.start_file(format!("{info}/RECORD"), options)?;
    archive.write_all(record.as_bytes())?;
    archive.finish()?.sync_all()?;
    Ok(())
}
