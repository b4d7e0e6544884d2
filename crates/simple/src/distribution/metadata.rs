//! Reads core metadata: header fields in the manner of RFC 822 (core metadata specification, PEP 566).
//!
//! Readers of mail differ in what they forgive. Wherever forgiving could show two readers two names, this one refuses.

use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifier};

use super::{ArchiveLimits, DistributionMetadata};
use crate::error::{Error, excerpt};
use crate::{DistributionFilename, ProjectName};

const MAX_FIELDS: usize = 20_000;

impl DistributionMetadata {
    /// Reads core metadata that belongs to a distribution: its own, or what is served beside it (PEP 658).
    ///
    /// # Errors
    /// [`Error::InvalidMetadata`] if it is malformed, lacks `Metadata-Version`, `Name` or `Version`, has one of them
    /// twice, or has specifiers that PEP 440 does not allow; [`Error::OtherDistribution`] if its name or version is
    /// not the file name's; [`Error::LimitExceeded`].
    pub fn parse(
        bytes: Vec<u8>,
        filename: &DistributionFilename,
        limits: &ArchiveLimits,
    ) -> Result<Self, Error> {
        if bytes.len() as u64 > limits.max_metadata_bytes {
            return Err(Error::LimitExceeded {
                what: "bytes of core metadata",
                limit: limits.max_metadata_bytes,
            });
        }
        let invalid = |reason: String| Error::InvalidMetadata { filename: filename.to_string(), reason };
        let fields = Fields::read(&bytes).map_err(invalid)?;

        let metadata_version = fields.required("Metadata-Version").map_err(invalid)?;
        if !is_known_metadata_version(&metadata_version) {
            return Err(invalid(format!("unknown metadata version {}", excerpt(&metadata_version))));
        }
        let name = fields.required("Name").map_err(invalid)?;
        let project = ProjectName::parse(&name).map_err(|error| invalid(error.to_string()))?;
        let other = |field, expected: &dyn ToString, found: &str| Error::OtherDistribution {
            filename: filename.to_string(),
            field,
            expected: expected.to_string(),
            found: excerpt(found),
        };
        if project != *filename.project() {
            return Err(other("name", filename.project(), &name));
        }
        let written_version = fields.required("Version").map_err(invalid)?;
        let version = Version::from_str(&written_version)
            .map_err(|_| invalid(format!("invalid version {}", excerpt(&written_version))))?;
        if version != *filename.version() {
            return Err(other("version", filename.version(), &written_version));
        }
        let requires_python = fields.single("Requires-Python").map_err(invalid)?;
        if let Some(specifiers) = &requires_python
            && !are_specifiers(specifiers)
        {
            return Err(invalid(format!("invalid requires-python {}", excerpt(specifiers))));
        }
        Ok(Self {
            kind: filename.kind(),
            metadata_version,
            name,
            project,
            version,
            requires_python,
            summary: fields.all("Summary").first().map(|summary| one_line(summary)),
            requires_dist: fields.all("Requires-Dist"),
            provides_extra: fields.all("Provides-Extra"),
            dynamic: fields.all("Dynamic"),
            metadata_bytes: bytes,
        })
    }
}

/// The header fields in their order. Values keep their inner line breaks.
struct Fields<'a> {
    fields: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut fields: Vec<(&str, Vec<u8>)> = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if line.contains(&b'\r') {
                return Err("a carriage return in the header, at which some readers break the line".into());
            }
            if line.contains(&0) {
                return Err("a nul character in the header".into());
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                let Some((_, value)) = fields.last_mut() else {
                    return Err("the header starts with a continuation line".into());
                };
                value.push(b'\n');
                value.extend_from_slice(line);
                continue;
            }
            let (name, value) = split_field(line).ok_or_else(|| {
                format!("malformed header line {}", excerpt(&String::from_utf8_lossy(line)))
            })?;
            if fields.len() == MAX_FIELDS {
                return Err(format!("more than {MAX_FIELDS} header fields"));
            }
            fields.push((name, value.to_vec()));
        }
        Ok(Self { fields })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }

    /// Every value of a field; what is not UTF-8 is replaced.
    fn all(&self, name: &str) -> Vec<String> {
        self.values(name).map(|value| String::from_utf8_lossy(value).trim().to_owned()).collect()
    }

    /// A field that may stand at most once, on one line; an empty one counts as absent.
    fn single(&self, name: &str) -> Result<Option<String>, String> {
        let mut values = self.values(name);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(format!("the field {name} stands twice"));
        }
        let value = std::str::from_utf8(value).map_err(|_| format!("the field {name} is not utf-8"))?;
        let value = value.trim_matches([' ', '\t']);
        if value.chars().any(char::is_control) {
            return Err(format!("the field {name} has a line break or a control character"));
        }
        Ok(Some(value).filter(|value| !value.is_empty()).map(str::to_owned))
    }

    fn required(&self, name: &str) -> Result<String, String> {
        self.single(name)?.ok_or_else(|| format!("the field {name} is missing"))
    }
}

/// `name: value`, the name of printable ASCII without spaces (RFC 5322, 2.2).
fn split_field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some((std::str::from_utf8(name).ok()?, value))
}

/// Major versions 1 and 2; others must not be read (core metadata specification, Metadata-Version).
fn is_known_metadata_version(version: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(version.split_once('.'), Some(("1" | "2", minor)) if is_number(minor))
}

/// A set of specifiers (PEP 440). Empty members, as of a trailing comma, are as harmless as common.
fn are_specifiers(text: &str) -> bool {
    text.split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .all(|member| VersionSpecifier::from_str(member).is_ok())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{are_specifiers, is_known_metadata_version};
    use crate::{ArchiveLimits, DistributionFilename, DistributionMetadata, Error};

    fn parse(text: &str) -> Result<DistributionMetadata, Error> {
        let filename = DistributionFilename::parse("holy_grail-1.0-py3-none-any.whl").unwrap();
        DistributionMetadata::parse(text.as_bytes().to_vec(), &filename, &ArchiveLimits::default())
    }

    #[test]
    fn reads_fields() {
        let text = "Metadata-Version: 2.4\r\nname:Holy.Grail\r\nVersion: 1.0.0\r\nSummary: Seeks\r\n\tit\r\n\
            Requires-Python: >=3.8,\nRequires-Dist: a>1; extra == 'x'\nRequires-Dist: b\nProvides-Extra: x\n\
            Dynamic: Platform\nDescription-Content-Type: text/x-rst\n\nName: evil\nVersion: 9\n";
        let metadata = parse(text).unwrap();
        assert_eq!(metadata.metadata_bytes, text.as_bytes());
        assert_eq!(metadata.metadata_version, "2.4");
        assert_eq!(metadata.name, "Holy.Grail");
        assert_eq!(metadata.project.as_str(), "holy-grail");
        assert_eq!(metadata.version.to_string(), "1.0.0");
        assert_eq!(metadata.summary.as_deref(), Some("Seeks it"));
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8,"));
        assert_eq!(metadata.requires_dist, ["a>1; extra == 'x'", "b"]);
        assert_eq!(metadata.provides_extra, ["x"]);
        assert_eq!(metadata.dynamic, ["Platform"]);
        assert!(metadata.may_be_served());
    }

    #[test]
    fn refuses() {
        let good = "Metadata-Version: 2.1\nName: holy-grail\nVersion: 1.0\n";
        parse(good).unwrap();
        for (text, reason) in [
            (String::new(), "Metadata-Version is missing"),
            (format!("\n{good}"), "Metadata-Version is missing"),
            (good.replace("Name: holy-grail\n", ""), "Name is missing"),
            (good.replace("Version: 1.0", "Version:  "), "Version is missing"),
            (format!("{good}Name: evil\n"), "Name stands twice"),
            (format!("{good}NAME: holy-grail\n"), "Name stands twice"),
            (format!("{good}Version: 1.0\n"), "Version stands twice"),
            (format!("{good}X: y\rName: evil\n"), "carriage return"),
            (format!(" {good}"), "continuation"),
            (format!("From someone\n{good}"), "malformed"),
            (format!("\u{feff}{good}"), "malformed"),
            (format!(": x\n{good}"), "malformed"),
            (format!("{good}Summary: \0\n"), "nul"),
            (good.replace("holy-grail", "holy-grail\n evil"), "line break"),
            (good.replace("holy-grail", "../grail"), "invalid project name"),
            (good.replace("Version: 1.0", "Version: one"), "invalid version"),
            (good.replace("2.1", "3.0"), "unknown metadata version"),
            (format!("{good}Requires-Python: three\n"), "invalid requires-python"),
            (format!("{good}Requires-Python: >=2.7.*\n"), "invalid requires-python"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(matches!(error, Error::InvalidMetadata { .. }), "{text:?}: {error}");
            assert!(error.to_string().contains(reason), "{text:?}: {error}");
        }
        for text in
            [good.replace("holy-grail", "evil"), good.replace("1.0", "1.1"), good.replace("1.0", "1.0+x")]
        {
            let error = parse(&text).unwrap_err();
            assert!(matches!(error, Error::OtherDistribution { .. }), "{text:?}: {error}");
        }
    }

    #[test]
    fn bounds() {
        let good = "Metadata-Version: 2.1\nName: holy-grail\nVersion: 1.0\n";
        let many = format!("{good}{}", "a:\n".repeat(20_000));
        assert!(parse(&many).unwrap_err().to_string().contains("header fields"));
        let long = format!("{good}\n{}", "a".repeat(6 << 20));
        assert!(matches!(parse(&long).unwrap_err(), Error::LimitExceeded { .. }));
    }

    #[test]
    fn details() {
        assert!(are_specifiers(">=3.8, !=3.9.*, <4"));
        assert!(are_specifiers("~=3.8"));
        assert!(!are_specifiers("3.8"));
        assert!(is_known_metadata_version("1.0") && is_known_metadata_version("2.99"));
        for version in ["", "2", "2.", "3.0", "2.1.0", "2.x", "02.1"] {
            assert!(!is_known_metadata_version(version), "{version}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let filename = DistributionFilename::parse("a-1.zip").unwrap();
            let _ = DistributionMetadata::parse(bytes, &filename, &ArchiveLimits::default());
        }

        #[test]
        fn never_panics_on_near_metadata(text in "((Name|Version|Metadata-Version|X|\t| )?:? ?[a1.\r\0é]{0,4}\n){0,8}") {
            let _ = parse(&text);
        }
    }
}
