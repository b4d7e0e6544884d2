//! Names of roles, target paths, path patterns, hash prefixes and bins.
//!
//! Input: four lines, a pattern, a path, a role's name and a hash prefix; see [`Input`] for the rest. Asserted:
//! - a pattern matches what a table over all positions says, and `*` never passes a `/`;
//! - names and paths become file names and URLs that stay in their place, and are found again by decoding;
//! - the bin of a path is the one whose number begins its SHA-256, and only the bins there are have keys.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::percent_decoded;
use sealdex_tuf::digest::sha256;
use sealdex_tuf::metadata::{DelegatedRoles, Delegations, PathHashPrefix, RoleKeys, SuccinctRoles};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{RoleName, TargetPath, Version};
use url::Url;

/// Of a file, for its name with consistent snapshots.
const DIGEST: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    bit_length: u8,
    version: u64,
    /// Lines: pattern, path, role, prefix.
    texts: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let mut lines = input.texts.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (pattern, path, role, prefix) = (line(), line(), line(), line());
    check_pattern(pattern, path);
    if let Ok(path) = TargetPath::parse(path) {
        check_path(&path);
        check_bins(&path, input.bit_length, role, prefix);
    }
    if let Ok(role) = RoleName::parse(role) {
        check_role(&role, input.version);
    }
    check_prefix(prefix);
});

fn check_pattern(text: &str, path: &str) {
    let pattern = PathPattern::new(text);
    assert_eq!(pattern.as_str(), text);
    // The table takes time and memory for each pair of characters.
    if text.len() * path.len() <= 1 << 16 {
        assert_eq!(pattern.matches(path), reference_match(text, path), "{text:?} {path:?}");
    } else {
        let _bounded_in_time = pattern.matches(path);
    }
}

enum Element {
    Any,
    One(Box<dyn Fn(char) -> bool>),
}

/// Segment by segment; within one, `table[i][j]`: the first `i` elements match the first `j` characters.
fn reference_match(pattern: &str, path: &str) -> bool {
    let (patterns, segments): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == segments.len()
        && patterns.into_iter().zip(segments).all(|(pattern, segment)| {
            let (elements, segment) = (elements(pattern), segment.chars().collect::<Vec<_>>());
            let mut table = vec![vec![false; segment.len() + 1]; elements.len() + 1];
            table[0][0] = true;
            for (i, element) in elements.iter().enumerate() {
                for j in 0..=segment.len() {
                    table[i + 1][j] = match element {
                        Element::Any => table[i][j] || (j > 0 && table[i + 1][j - 1]),
                        Element::One(matches) => j > 0 && table[i][j - 1] && matches(segment[j - 1]),
                    };
                }
            }
            table[elements.len()][segment.len()]
        })
}

fn elements(pattern: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        elements.push(match first {
            '*' => Element::Any,
            '?' => Element::One(Box::new(|_| true)),
            '[' => {
                let negated = rest.starts_with('!');
                let body = if negated { &rest[1..] } else { rest };
                // The first member may be a `]`.
                let first_bytes = body.chars().next().map_or(0, char::len_utf8);
                match body[first_bytes..].find(']') {
                    Some(end) => {
                        let members: Vec<char> = body[..first_bytes + end].chars().collect();
                        rest = &body[first_bytes + end + 1..];
                        Element::One(Box::new(move |c| is_member(&members, c) != negated))
                    }
                    None => Element::One(Box::new(|c| c == '[')),
                }
            }
            literal => Element::One(Box::new(move |c| c == literal)),
        });
    }
    elements
}

fn is_member(members: &[char], c: char) -> bool {
    match members {
        [low, '-', high, rest @ ..] => (*low <= c && c <= *high) || is_member(rest, c),
        [one, rest @ ..] => *one == c || is_member(rest, c),
        [] => false,
    }
}

fn check_path(path: &TargetPath) {
    for base in ["http://host/repository/targets/", "https://host:8443/"] {
        let base = Url::parse(base).expect("a constant URL");
        for digest in [None, Some(DIGEST)] {
            let relative = path.url_path(digest);
            let joined = base.join(&relative).expect("a path can be joined");
            let below = joined.as_str().strip_prefix(base.as_str()).expect("a path stays below its base");
            assert_eq!(below, relative, "joining changes the path");
            assert!(joined.query().is_none() && joined.fragment().is_none());
        }
    }
    let hides_dots = |segment: &str| matches!(segment, "." | "..");
    if !path.as_str().split('/').any(hides_dots) {
        assert_eq!(decoded(&path.url_path(None)), path.as_str());
    }
    // The digest stands before the last segment.
    let with_digest = path.url_path(Some(DIGEST));
    let undone = with_digest.replacen(&format!("{DIGEST}."), "", 1);
    let plain = path.url_path(None);
    assert!(undone == plain || plain.contains(DIGEST), "{with_digest}");
    assert_is_file_name(&path.file_name());
    assert_eq!(decoded(&path.file_name()), path.as_str());
}

fn check_role(role: &RoleName, version: u64) {
    let version = Version::new(version).unwrap_or(Version::ONE);
    for name in [role.file_name(), role.versioned_file_name(version)] {
        assert_is_file_name(&name);
        let base = Url::parse("http://host/metadata/").expect("a constant URL");
        let joined = base.join(&name).expect("a file name can be joined");
        assert_eq!(joined.as_str(), format!("{base}{name}"));
    }
    assert_eq!(decoded(&role.file_stem()), role.as_str());
    let versioned = role.versioned_file_name(version);
    let (number, rest) = versioned.split_once('.').expect("a version stands before a dot");
    assert_eq!((number.parse(), rest), (Ok(version.number()), role.file_name().as_str()));
    assert_eq!(role.meta_path().strip_suffix(".json"), Some(role.as_str()));
    assert!(!role.to_string().chars().any(char::is_control));
}

/// One component of a path, on any system that takes these characters.
fn assert_is_file_name(name: &str) {
    assert!(!matches!(name, "" | "." | ".."), "{name:?} is a place, not a file");
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\:*?\"<>|".contains(&byte)), "{name:?}");
}

fn decoded(text: &str) -> String {
    let bytes = percent_decoded(text).expect("two digits follow a percent sign");
    String::from_utf8(bytes).expect("text is encoded as UTF-8")
}

fn check_prefix(text: &str) {
    let parsed = PathHashPrefix::parse(text);
    let is_digit = |byte: u8| b"0123456789abcdef".contains(&byte);
    let is_prefix = (1..=64).contains(&text.len()) && text.bytes().all(is_digit);
    assert_eq!(parsed.is_ok(), is_prefix);
    if let Ok(parsed) = parsed {
        assert_eq!(parsed.as_str(), text);
    }
}

fn check_bins(path: &TargetPath, bit_length: u8, name: &str, name_prefix: &str) {
    let keys = RoleKeys::new(Vec::new(), 1);
    let Ok(bins) = SuccinctRoles::new(keys, bit_length, name_prefix) else {
        assert!(!(1..=32).contains(&bit_length) || name_prefix.len() + 9 > 200);
        return;
    };
    let bits: String = sha256(path.as_str().as_bytes()).iter().map(|byte| format!("{byte:08b}")).collect();
    let number = u64::from_str_radix(&bits[..usize::from(bit_length)], 2).expect("at most 32 bits");
    let digits = usize::from(bit_length).div_ceil(4);
    let expected = format!("{name_prefix}-{number:0digits$x}");
    assert_eq!(bins.role_for(path).as_str(), expected);
    assert_eq!(bins.bin_count(), 1 << bit_length);

    let delegations = Delegations::new([], DelegatedRoles::Succinct(bins.clone()));
    assert!(delegations.role_keys(&bins.role_for(path)).is_some());
    if let Ok(name) = RoleName::parse(name)
        && bit_length <= 10
    {
        let exists = bins.role_names().any(|bin| bin == name);
        assert_eq!(delegations.role_keys(&name).is_some(), exists, "{name}");
    }
}
