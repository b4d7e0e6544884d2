use std::str::FromStr as _;

use pep440_rs::Version;
use proptest::prelude::*;

use super::DistributionKind::{SourceDistribution, Wheel};
use super::{DistributionFilename, FileName};
use crate::{Error, ProjectName};

#[test]
fn file_names() {
    let long = "a".repeat(256);
    for name in ["a", "holygrail-1.0.tar.gz", "Foo 1.0 (setup).exe", "a%b", &long[..255]] {
        assert_eq!(FileName::parse(name).unwrap().as_str(), name);
    }
    for name in [
        "",
        ".",
        "..",
        ".a",
        " a",
        "a ",
        "a/b",
        "/a",
        "a\\b",
        "a\0",
        "a\n",
        "\u{7f}",
        "é",
        "a\u{202e}b",
        &long,
    ] {
        assert!(matches!(FileName::parse(name), Err(Error::InvalidFileName { .. })), "{name:?}");
    }
}

#[test]
fn serde_parses() {
    assert_eq!(serde_json::from_str::<FileName>("\"a.whl\"").unwrap().as_str(), "a.whl");
    assert!(serde_json::from_str::<FileName>("\"../a.whl\"").is_err());
}

#[test]
fn distributions() {
    for (name, project, version, kind) in [
        // PEP 427 and PEP 491.
        ("holygrail-1.0-py3-none-any.whl", "holygrail", "1.0", Wheel),
        ("Holy_Grail-1.0.post1-cp39.cp310-abi3-manylinux_2_17_x86_64.whl", "holy-grail", "1.0.post1", Wheel),
        ("zope.interface-5.0-1-py3-none-any.whl", "zope-interface", "5.0", Wheel),
        ("holygrail-1.0-2build_x.1-py2.py3-none-any.whl", "holygrail", "1.0", Wheel),
        ("holygrail-1!2.0+local.7-py3-none-any.whl", "holygrail", "1!2.0+local.7", Wheel),
        ("holygrail-1.0_1-py3-none-any.whl", "holygrail", "1.0.post1", Wheel),
        // PEP 625.
        ("holy_grail-1.0.tar.gz", "holy-grail", "1.0", SourceDistribution),
        ("holygrail-1.0rc1.zip", "holygrail", "1.0rc1", SourceDistribution),
        // Older.
        ("holy-grail-1.0.tar.gz", "holy-grail", "1.0", SourceDistribution),
        ("holy.grail-of-1-is-1.0-rc1.tar.gz", "holy-grail-of-1-is", "1.0rc1", SourceDistribution),
        ("holygrail-v1.0.tar.gz", "holygrail", "1.0", SourceDistribution),
    ] {
        let parsed = DistributionFilename::parse(name).unwrap();
        assert_eq!(parsed.project().as_str(), project, "{name}");
        assert_eq!(*parsed.version(), Version::from_str(version).unwrap(), "{name}");
        assert_eq!(parsed.kind(), kind, "{name}");
        assert_eq!(parsed.as_str(), name);
        assert_eq!(parsed.to_string(), name);
        assert_eq!(DistributionFilename::parse_for(parsed.project(), name).unwrap(), parsed);
        let other = ProjectName::parse("other").unwrap();
        let error = DistributionFilename::parse_for(&other, name).unwrap_err();
        assert!(matches!(error, Error::OtherProject { .. }), "{name}: {error}");
    }
}

#[test]
fn refuses() {
    for name in [
        "holygrail-1.0.tar.bz2",
        "holygrail-1.0.egg",
        "holygrail-1.0-py3-none-any.whl.metadata",
        "holygrail-1.0-py3-none-any.WHL",
        ".whl",
        ".tar.gz",
        "holygrail.tar.gz",
        "holygrail-.tar.gz",
        "-1.0.tar.gz",
        "holygrail-one.tar.gz",
        "holygrail-1.0.whl",
        "holygrail-1.0-py3-none.whl",
        "holygrail-1.0-py3-none-any-more-parts.whl",
        "holygrail-1.0-build-py3-none-any.whl",
        "holygrail-1.0-1+1-py3-none-any.whl",
        "holygrail-1.0--none-any.whl",
        "holygrail-1.0-py3.-none-any.whl",
        "holygrail-one-py3-none-any.whl",
        "_-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "holy grail-1.0.tar.gz",
        "holygrail-1.0%2e.tar.gz",
        "holygrail-1.0#.tar.gz",
        "holygrail-1.0<b>.tar.gz",
        "../holygrail-1.0.tar.gz",
        "x/holygrail-1.0.tar.gz",
        "x\\holygrail-1.0.tar.gz",
        "holygrail-1.0\0.tar.gz",
        "hol\u{fd}grail-1.0.tar.gz",
    ] {
        let error = DistributionFilename::parse(name).unwrap_err();
        assert!(matches!(error, Error::InvalidFileName { .. }), "{name:?}: {error}");
        let project = ProjectName::parse("holygrail").unwrap();
        assert!(DistributionFilename::parse_for(&project, name).is_err(), "{name:?}");
    }
}

#[test]
fn the_project_resolves_hyphens() {
    let name = "foo-1-2.tar.gz";
    assert!(matches!(DistributionFilename::parse(name), Err(Error::AmbiguousFileName { .. })));
    for (project, version) in [("foo", "1.post2"), ("Foo_1", "2")] {
        let project = ProjectName::parse(project).unwrap();
        let parsed = DistributionFilename::parse_for(&project, name).unwrap();
        assert_eq!(*parsed.project(), project);
        assert_eq!(*parsed.version(), Version::from_str(version).unwrap());
    }
    let other = ProjectName::parse("foo-1-2").unwrap();
    assert!(matches!(DistributionFilename::parse_for(&other, name), Err(Error::OtherProject { .. })));
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = FileName::parse(&text);
        let _ = DistributionFilename::parse(&text);
    }

    #[test]
    fn never_panics_on_near_names(text in "[a1]([a1é.!+_-]|rc|post|99999999999999999999){0,12}(\\.whl|\\.tar\\.gz|\\.zip)") {
        let project = ProjectName::parse("a").unwrap();
        let _ = DistributionFilename::parse_for(&project, &text);
        if let Ok(parsed) = DistributionFilename::parse(&text) {
            prop_assert_eq!(DistributionFilename::parse_for(parsed.project(), &text).unwrap(), parsed);
        }
    }

    #[test]
    fn a_url_component_stays_one(text in "[ -~]{1,40}") {
        if let Ok(filename) = FileName::parse(&text) {
            let encoded = filename.to_url_component();
            prop_assert!(!encoded.contains(['/', '?', '#', ' ', '"', '<', '&', '\\', ':']));
        }
    }
}
