//! What each rule excludes, and that policies only add to each other.

use sealdex_simple::{FileName, Yanked};

use super::*;
use crate::publisher::{Claim, PublisherKey};

const NOW: &str = "2026-11-22T12:00:00Z";

fn policies(texts: &[&str]) -> Policies {
    let policy = |(number, text): (usize, &&str)| Policy::parse(&format!("policy {number}"), text).unwrap();
    Policies::new(texts.iter().enumerate().map(policy).collect())
}

/// `pack`: 1.0 as sdist and wheel, a year old; 2.0 as wheel, two days old; 3.0 as wheel, yanked; an egg.
fn page() -> IndexPage {
    let mut page = IndexPage::new(ProjectName::parse("pack").unwrap());
    for (name, uploaded) in [
        ("pack-1.0.tar.gz", Some("2025-11-22T12:00:00.000000Z")),
        ("pack-1.0-py3-none-any.whl", Some("2025-11-22T12:00:00.000000Z")),
        ("pack-2.0-py3-none-any.whl", Some("2026-11-20T12:00:00.000000Z")),
        ("pack-3.0-py3-none-any.whl", Some("2025-11-22T12:00:00.000000Z")),
        ("pack-0.1-py2.5.egg", None),
    ] {
        let mut file = IndexFile::new(FileName::parse(name).unwrap(), name.to_owned());
        file.upload_time = uploaded.map(str::to_owned);
        if name.contains("3.0") {
            file.yanked = Yanked::Reason("broken".to_owned());
        }
        page.files.push(file);
    }
    page.versions = ["0.1", "1.0", "2.0", "3.0", "4.0", "odd"].map(str::to_owned).to_vec();
    page
}

/// What of the page is offered, and what is refused to who names it.
fn verdicts(texts: &[&str]) -> (Vec<String>, Vec<String>) {
    let (policies, page, now) = (policies(texts), page(), NOW.parse().unwrap());
    let short = |file: &IndexFile| {
        file.filename.as_str().trim_start_matches("pack-").trim_end_matches("-py3-none-any.whl").to_owned()
    };
    let offered = policies.admitted(&page, now).0.files.iter().map(short).collect();
    let refused = page.files.iter().filter(|file| policies.refuses(&page.name, file, now).is_some());
    (offered, refused.map(short).collect())
}

#[test]
fn each_rule_excludes_what_it_names() {
    let (sdist, egg) = ("1.0.tar.gz", "0.1-py2.5.egg");
    let table: [(&[&str], &[&str], &[&str]); 22] = [
        (&[], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (&[""], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (&["no-sdists = true"], &["1.0", "2.0", "3.0"], &[sdist, egg]),
        (&["minimum-release-age = \"3d\""], &[sdist, "1.0", "3.0"], &["2.0", egg]),
        (&["minimum-release-age = \"48h\""], &[sdist, "1.0", "2.0", "3.0"], &[egg]),
        (&["minimum-release-age = \"100w\""], &[], &[sdist, "1.0", "2.0", "3.0", egg]),
        (
            &["minimum-release-age = \"3d\"\nminimum-release-age-exempt = [\"PACK\"]"],
            &[sdist, "1.0", "2.0", "3.0", egg],
            &[],
        ),
        (&["yanked = \"hide\""], &[sdist, "1.0", "2.0", egg], &[]),
        (&["yanked = \"refuse\""], &[sdist, "1.0", "2.0", egg], &["3.0"]),
        (&["yanked = \"installer\""], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (&["deny = [\"Pack\"]"], &[], &[sdist, "1.0", "2.0", "3.0", egg]),
        (&["deny = [\"pack >=2, <3\"]"], &[sdist, "1.0", "3.0"], &["2.0", egg]),
        (&["deny = [\"other\"]"], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (&["allow = [\"other\"]"], &[], &[sdist, "1.0", "2.0", "3.0", egg]),
        (&["allow = [\"pack==1.0\", \"pack>=3\"]"], &[sdist, "1.0", "3.0"], &["2.0", egg]),
        (&["allow = [\"pack\"]\ndeny = [\"pack==1.*\"]"], &["2.0", "3.0"], &[sdist, "1.0", egg]),
        (&["deny = [\"Pa_*\"]"], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (&["deny = [\"other\", \"pa*\"]"], &[], &[sdist, "1.0", "2.0", "3.0", egg]),
        (&["allow = [\"P*\"]\ndeny = [\"pack==1.0\"]"], &["2.0", "3.0"], &[sdist, "1.0", egg]),
        (&["allow = [\"*\"]"], &[sdist, "1.0", "2.0", "3.0", egg], &[]),
        (
            &["minimum-release-age = \"3d\"\nminimum-release-age-exempt = [\"pa*\"]"],
            &[sdist, "1.0", "2.0", "3.0", egg],
            &[],
        ),
        // The exemption of one policy is none from another's.
        (
            &[
                "minimum-release-age = \"3d\"",
                "minimum-release-age = \"1d\"\nminimum-release-age-exempt = [\"pack\"]",
            ],
            &[sdist, "1.0", "3.0"],
            &["2.0", egg],
        ),
    ];
    for (texts, offered, refused) in table {
        let found = verdicts(texts);
        assert_eq!(
            (found.0.as_slice(), found.1.as_slice()),
            (&strings(offered)[..], &strings(refused)[..]),
            "{texts:?}"
        );
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn policies_only_add_to_each_other() {
    let texts = [
        "no-sdists = true",
        "minimum-release-age = \"3d\"",
        "yanked = \"refuse\"",
        "yanked = \"hide\"",
        "deny = [\"pack==1.0\"]",
        "allow = [\"pack<3\"]",
        "yanked = \"installer\"\nno-sdists = false\nforbid-unverified = false\ndeny = []",
    ];
    for first in texts {
        for second in texts {
            let (one, other, both) = (verdicts(&[first]), verdicts(&[second]), verdicts(&[first, second]));
            let offered: Vec<_> = one.0.iter().filter(|file| other.0.contains(file)).cloned().collect();
            assert_eq!(both.0, offered, "{first} and {second}");
            assert!(one.1.iter().chain(&other.1).all(|file| both.1.contains(file)), "{first} and {second}");
        }
    }
}

#[test]
fn versions_without_files_are_left_out() {
    let (page, now) = (page(), NOW.parse().unwrap());
    let rules = policies(&["minimum-release-age = \"3d\""]);
    let (shorter, left_out) = rules.admitted(&page, now);
    // 4.0 had no file before; `odd` is no version that a file could have.
    assert_eq!(shorter.versions, ["0.1", "1.0", "3.0", "4.0", "odd"]);
    assert_eq!(left_out.len(), 2);
    assert_eq!(left_out[0].rule, "minimum-release-age = \"3d\" in policy 0");
    assert_eq!(
        left_out[0].reason,
        "uploaded on 2026-11-20 12:00:00 UTC, to be installed from 2026-11-23 12:00:00 UTC on"
    );
}

#[test]
fn what_is_not_known_is_an_error() {
    for (text, reason) in [
        ("no_sdists = true", "unknown field `no_sdists`"),
        ("deny = [\"a b\"]", "a b: Failed to parse"),
        ("deny = [\"-a\"]", "invalid project name"),
        ("deny = [\"pa* >=2\"]", "pa* >=2: versions are those of one project, and pa* is many"),
        ("deny = [\"p*k\"]", "invalid pattern \"p*k\": a star stands at the end alone"),
        ("deny = [\"pack>>1\"]", "pack>>1"),
        ("allow = \"pack\"", "invalid type"),
        ("yanked = \"never\"", "unknown variant `never`"),
        ("minimum-release-age = \"7\"", "7 is no age"),
        ("minimum-release-age = \"7 d\"", "7 d is no age"),
        ("minimum-release-age = \"99999999999999999999d\"", "is no age"),
        ("minimum-release-age = \"4000d\"", "longer than ten years"),
        ("minimum-release-age = 7", "invalid type"),
        ("publishers = []", "line 1: invalid type: sequence, expected a table of projects"),
        ("no-sdists = true\n[publishers]\n\npack = [\"0f\"]", "line 4: \"0f\" is no key id"),
        ("[publishers]\n\"p*k\" = \"claimed\"", "line 2: invalid pattern \"p*k\""),
        ("[publishers]\npack = \"Claimed\"", "line 2: publishers are \"claimed\", or a list of key ids"),
        ("include = [\"/etc/policy.toml\"]", "line 1: \"/etc/policy.toml\" is no policy of a repository"),
        ("[publishers]\npack = []", "line 2: no key is pinned"),
        (
            "[publishers]\npack = true",
            "line 2: invalid type: boolean `true`, expected \"claimed\", or a list",
        ),
        (
            "[publishers]\npack = \"claimed\"\ndeny = [\"evil\"]",
            "; deny stands below [publishers]: move it above that line",
        ),
        ("[publishers]\npack = \"claimed\"\nno-sdists = true", "; no-sdists stands below [publishers]"),
        ("a = 1\na = 2", "duplicate key"),
        ("\"\\u001b[2J\" = 1", "unknown field `\\u{1b}[2J`"),
    ] {
        let error = Policy::parse("p", text).unwrap_err().to_string();
        assert!(error.starts_with("the policy p ") && error.contains(reason), "{text}: {error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[test]
fn rules_are_shown_with_their_source() {
    let key = "0f".repeat(32);
    let pins = format!("no-sdists = true\n[publishers]\n\"A_*\" = \"claimed\"\nb = [\"{key}\"]");
    let policies = policies(&[&pins, "deny = [\"a\"]\nforbid-unverified = true"]);
    let shown: Vec<_> =
        policies.rules().iter().map(|own| format!("{}={} {}", own.rule, own.value, own.source)).collect();
    assert_eq!(
        shown,
        [
            "no-sdists=true policy 0",
            "publishers.\"A_*\"=\"claimed\" policy 0",
            &format!("publishers.b=[\"{key}\"] policy 0"),
            "deny=[\"a\"] policy 1",
            "forbid-unverified=true policy 1"
        ]
    );
    let forbidden = policies.check_unverified("--allow-host").unwrap_err();
    assert_eq!(forbidden.rule(), Some("forbid-unverified in policy 1"));
    assert!(Policies::default().check_unverified("--allow-host").is_ok());
    assert_eq!(Policies::default().fingerprint(), None);
    assert!(policies.fingerprint().is_some());
}

/// The keys `signed` and `others` of a role, of which so many have to sign.
fn publisher(threshold: u64, signed: &[&str], others: &[&str], claim: &Claim) -> Publisher {
    let key = |name: &&str, has_signed| PublisherKey {
        key: Sha256Digest::of(name.as_bytes()),
        key_id: "all have this name".to_owned(),
        has_signed,
    };
    let keys = signed.iter().map(|own| key(own, true)).chain(others.iter().map(|own| key(own, false)));
    Publisher {
        role: "project.pack".to_owned(),
        role_version: 3,
        threshold,
        keys: keys.collect(),
        claim: claim.clone(),
    }
}

#[test]
fn publishers_are_those_that_are_pinned() {
    let id = |name: &str| Sha256Digest::of(name.as_bytes()).to_string();
    // `NAME=KEY,KEY; NAME=claimed`
    let pins = |text: &str| {
        let line = |pin: &str| {
            let (name, keys) = pin.split_once('=').unwrap();
            let ids = keys.split(',').map(id).collect::<Vec<_>>();
            let value = if keys == "claimed" { "\"claimed\"".to_owned() } else { format!("{ids:?}") };
            format!("\"{name}\" = {value}\n")
        };
        format!("[publishers]\n{}", text.split("; ").map(line).collect::<String>())
    };
    let pack = ProjectName::parse("pack").unwrap();
    let unclaimed = Claim::Unclaimed("for a reason".to_owned());
    let verdict =
        |texts: &[&str], publisher: &Publisher| match policies(texts).check_publisher(&pack, publisher) {
            Ok(()) => None,
            Err(Error::Publisher { rule, reason, .. }) => Some((rule, reason)),
            Err(other) => panic!("{other}"),
        };
    let (one, two) =
        (publisher(1, &["a"], &["b"], &unclaimed), publisher(2, &["a", "b"], &["c"], &unclaimed));
    let claimed = publisher(1, &["a"], &[], &Claim::Claimed);
    let both = publisher(1, &["a", "evil"], &[], &unclaimed);
    let table = [
        ("other=x", &one, true),
        ("pack=a", &one, true),
        ("Pack=a,new", &one, true),
        ("pack=new,a", &publisher(1, &["new"], &["a"], &unclaimed), true),
        // To be listed is not to have signed.
        ("pack=b", &one, false),
        ("pack=x", &one, false),
        ("p*=x", &one, false),
        // Keys that are not pinned count for nothing, neither for good nor for ill.
        ("pack=a", &two, false),
        ("pack=a,b", &two, true),
        ("pack=a", &both, true),
        // A key under two names is one key.
        ("pack=a", &publisher(2, &["a", "a", "b"], &[], &unclaimed), false),
        ("pack=claimed", &one, false),
        ("*=claimed", &claimed, true),
        // All that match count.
        ("pack=a; *=claimed", &one, false),
        ("pack=a; pa*=b", &one, false),
        ("pack=b; PACK=a", &one, false),
        ("pack=a; pa*=b,a", &one, true),
    ];
    for (entries, publisher, passes) in table {
        let text = pins(entries);
        assert_eq!(verdict(&[&text], publisher).is_none(), passes, "{text}\n{publisher:?}");
    }
    // Two files that pin the same project are both to be satisfied.
    let (first, second) = (pins("pack=a"), pins("pack=b"));
    let (rule, reason) = verdict(&[&first, &second], &one).unwrap();
    assert_eq!(rule, "publishers.pack in policy 1");
    let (a, b) = (id("a"), id("b"));
    assert_eq!(
        reason,
        format!(
            "it is listed by the role project.pack, signed by {a}; none of these is pinned, and 1 of the keys {b} must \
             have signed"
        )
    );
    assert_eq!(verdict(&[&first, &first], &one), None);
    let (rule, reason) = verdict(&[&pins("pa*=claimed")], &one).unwrap();
    assert_eq!(
        (rule.as_str(), reason.as_str()),
        ("publishers.\"pa*\" in policy 0", "it is not claimed by its developers: for a reason")
    );
}
