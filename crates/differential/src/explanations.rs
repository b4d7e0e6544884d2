//! Why clients differ: a table, told in full in docs/conformance.md.

use crate::clients::Client::{self, PythonTuf, SigstoreTuf};
use crate::comparison::Disagreement;
use crate::comparison::View::{self, Crashed, Deleted, Laxer, Other, Stricter};

/// Disagreements with one reason.
#[derive(Debug)]
pub struct Explanation {
    /// Its name, here and in docs/conformance.md.
    pub id: &'static str,
    /// The disagreements it covers.
    pub covers: &'static [Cover],
}

/// Disagreements of one kind: how we stand to which client, and the changes that lead there. A change is described by
/// `base|mode|role|place|operator`; `*` stands for any run of characters.
#[derive(Debug)]
pub struct Cover(pub Client, pub View, pub &'static [&'static str]);

/// The explanations.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        id: "duplicate-members",
        covers: &[Cover(PythonTuf, Stricter, DUPLICATES), Cover(SigstoreTuf, Stricter, DUPLICATES)],
    },
    Explanation {
        id: "floating-point",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|fraction-outside", "*|bytes-not-a-number", "*|bytes-infinity"]),
            Cover(SigstoreTuf, Stricter, &["*|fraction-outside"]),
        ],
    },
    Explanation {
        id: "integers-of-64-bits",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|add-2^64", "*|to-2^64", "*|to-10^40", "*|2^64-outside"]),
            Cover(SigstoreTuf, Stricter, &["*|2^64-outside"]),
        ],
    },
    Explanation {
        id: "nesting",
        covers: &[Cover(PythonTuf, Stricter, &["*|add-nested-200", "*|nested-200-outside"])],
    },
    Explanation {
        id: "types",
        covers: &[
            Cover(
                PythonTuf,
                Stricter,
                &[
                    "*/version|to-true",
                    "*/threshold|to-true",
                    "*/length|to-true",
                    "*/bit_length|to-true",
                    "*/consistent_snapshot|*",
                    "*/terminating|*",
                    "*/keyids|*",
                    "*/keyids/0|to-*",
                    "*/name|to-*",
                    "*/paths|to-*",
                    "*/path_hash_prefixes|to-*",
                    "*/custom|*",
                ],
            ),
            Cover(PythonTuf, Crashed, &["*/name|to-true", "*/name|to-one"]),
            Cover(
                SigstoreTuf,
                Stricter,
                &[
                    "*/delegations|to-null",
                    "*/paths|to-null",
                    "*/path_hash_prefixes|to-null",
                    "*/hashes|to-null",
                    "*/length|to-null",
                    "*/custom|*",
                    "*|paths and prefixes null",
                ],
            ),
        ],
    },
    Explanation {
        id: "hash-values",
        covers: &[
            Cover(PythonTuf, Stricter, MALFORMED_HASHES),
            Cover(SigstoreTuf, Stricter, MALFORMED_HASHES),
            Cover(SigstoreTuf, Stricter, &["*/hashes|to-empty-object", "*/hashes|none", "*/hashes/*|drop"]),
        ],
    },
    Explanation { id: "hash-case", covers: &[Cover(PythonTuf, Laxer, &["*/hashes/*|swap-case"])] },
    Explanation {
        id: "hash-functions",
        covers: &[
            Cover(
                PythonTuf,
                Laxer,
                &[
                    "*|unknown-and-right",
                    "*|right-and-unknown",
                    "*|right-and-md5",
                    "*/blake2b-256|rename-case",
                ],
            ),
            Cover(PythonTuf, Stricter, &["*/hashes/sha*|rename-case"]),
            Cover(
                SigstoreTuf,
                Laxer,
                &[
                    "hashes|value|targets|/|rare-hash-functions",
                    "*/targets/256-*.txt/hashes/sha256|drop",
                    "*/targets/256-*.txt/hashes/sha256|rename-case",
                ],
            ),
        ],
    },
    Explanation {
        id: "expires-format",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &[
                "*/expires|swap-case",
                "*/expires|fraction",
                "*/expires|zero-fraction",
                "*/expires|offset",
                "*/expires|other-offset",
                "*/expires|lower-case",
                "*/expires|blank",
                "*/expires|basic-format",
                "*/expires|annotated",
            ],
        )],
    },
    Explanation {
        id: "expires-range",
        covers: &[
            Cover(PythonTuf, Laxer, &["*/expires|year-0", "*/expires|year-1"]),
            Cover(SigstoreTuf, Laxer, &["*/expires|end-of-years"]),
            Cover(SigstoreTuf, Stricter, &["*/expires|leap-second"]),
        ],
    },
    Explanation {
        id: "expired-now",
        covers: &[Cover(SigstoreTuf, Stricter, &["*/expires|now", "*|nothing new for 30 days"])],
    },
    Explanation {
        id: "spec-version",
        covers: &[
            Cover(PythonTuf, Stricter, &["*/spec_version|1.²", "*/spec_version|1.٢"]),
            Cover(
                SigstoreTuf,
                Stricter,
                &[
                    "*/spec_version|1",
                    "*/spec_version|1.",
                    "*/spec_version|1..0",
                    "*/spec_version|1.0.",
                    "*/spec_version|1.0.0+build",
                    "*/spec_version|1.0.0-rc.1",
                    "*/spec_version|1.0.0.0",
                    "*/spec_version|1.x",
                    "*/spec_version|1.²",
                    "*/spec_version|1.٢",
                    "*/spec_version|append-*",
                    "*/spec_version|trailing-blank",
                ],
            ),
        ],
    },
    Explanation {
        id: "unknown-keys",
        covers: &[Cover(
            PythonTuf,
            Laxer,
            &[
                "*/keytype|*",
                "*/scheme|*",
                "plain|value|root|/keys/*|keytype-*",
                "plain|value|root|/keys/*|scheme-*",
            ],
        )],
    },
    Explanation {
        id: "keytype",
        covers: &[Cover(SigstoreTuf, Stricter, &["*/keytype|*", "plain|value|root|/keys/*|keytype-*"])],
    },
    Explanation {
        id: "public-key-text",
        covers: &[
            Cover(PythonTuf, Stricter, ED25519_TEXT),
            Cover(SigstoreTuf, Stricter, ED25519_TEXT),
            Cover(PythonTuf, Stricter, &["*/rsassa-pss-sha256/public|other-label"]),
            Cover(SigstoreTuf, Laxer, &["*/public|text-before"]),
        ],
    },
    Explanation {
        id: "keys-count-once",
        covers: &[Cover(PythonTuf, Stricter, TWO_IDENTIFIERS), Cover(SigstoreTuf, Stricter, TWO_IDENTIFIERS)],
    },
    Explanation {
        id: "key-ids-once",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*/keyids/0|repeat-item", "*|id-listed-twice", "*|id-listed-twice-two-needed"],
        )],
    },
    Explanation {
        id: "signatures-once",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*/signatures|stranger-twice", "*/signatures|empty-then-right"],
        )],
    },
    Explanation { id: "signature-text", covers: &[Cover(PythonTuf, Stricter, &["*/signatures/0|blanks"])] },
    Explanation {
        id: "signature-count",
        covers: &[
            Cover(PythonTuf, Stricter, &["*/signatures|1025"]),
            Cover(SigstoreTuf, Stricter, &["*/signatures|1025"]),
        ],
    },
    Explanation {
        id: "threshold-zero",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*/threshold|decrement", "*/threshold|to-zero", "*/threshold|0"],
        )],
    },
    Explanation {
        id: "version-zero",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*/version|decrement", "*/version|to-zero", "*/version|0", "*/version|0-served"],
        )],
    },
    Explanation {
        id: "terminating-left-out",
        covers: &[Cover(PythonTuf, Laxer, &["*/terminating|drop", "*/terminating|rename-case"])],
    },
    Explanation {
        id: "paths-left-out",
        covers: &[Cover(
            PythonTuf,
            Laxer,
            &[
                "*/paths|drop",
                "*/paths|rename-case",
                "*/path_hash_prefixes|drop",
                "*/path_hash_prefixes|rename-case",
            ],
        )],
    },
    Explanation {
        id: "paths-and-prefixes",
        covers: &[Cover(SigstoreTuf, Stricter, &["*|paths match and prefixes *"])],
    },
    Explanation {
        id: "patterns",
        covers: &[Cover(SigstoreTuf, Laxer, &["plain|delegation|targets|/delegations|* for *"])],
    },
    Explanation {
        id: "role-names-once",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &[
                "*/delegations/roles/*|repeat-item",
                "*/name|of-another",
                "*|targets > a, a with a",
                "*|targets > a, b, c, d, e, f, g, h, a with none",
            ],
        )],
    },
    Explanation {
        id: "top-level-names",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*|role root of 4", "*|role timestamp of 9", "*|role snapshot of 8", "*|role targets of 7"],
        )],
    },
    Explanation {
        id: "bounds-of-names",
        covers: &[
            Cover(PythonTuf, Stricter, NAMES),
            Cover(SigstoreTuf, Stricter, NAMES),
            Cover(SigstoreTuf, Stricter, &["*/name|to-empty-text"]),
            Cover(PythonTuf, Crashed, &["*|role * of 84"]),
            Cover(PythonTuf, Laxer, &["*|path-of-4096"]),
        ],
    },
    Explanation {
        id: "unlisted-roles",
        covers: &[Cover(SigstoreTuf, Stricter, &["*/name|*", "*|not listed", "*|not listed, terminating"])],
    },
    Explanation {
        id: "succinct-roles",
        covers: &[
            Cover(
                SigstoreTuf,
                Other,
                &[
                    "*|bins * bits",
                    "*|bins prefix *",
                    "succinct|*|index|/delegations*",
                    "succinct|value|targets|/|untouched",
                ],
            ),
            Cover(
                SigstoreTuf,
                Stricter,
                &[
                    "succinct|first|index|/delegations/*",
                    "*|bins -1 bits",
                    "*|bins 0 bits",
                    "*|bins 33 bits",
                    "*|bins 64 bits",
                    "*|bins 256 bits",
                ],
            ),
        ],
    },
    Explanation {
        id: "delegation-alternatives",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &[
                "*/delegations/roles|drop",
                "*/delegations/roles|rename-case",
                "*|bins and roles",
                "*|delegations empty",
                "*|delegations unknown",
            ],
        )],
    },
    Explanation {
        id: "bins-go-on",
        covers: &[Cover(PythonTuf, Other, &["succinct|delegation|*|after bins, terminating false"])],
    },
    Explanation {
        id: "delegation-limit",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|targets > * with *"]),
            Cover(SigstoreTuf, Stricter, &["*|targets > * with *"]),
        ],
    },
    Explanation {
        id: "root-limit",
        covers: &[
            Cover(
                PythonTuf,
                Other,
                &[
                    "plain|history|*|6 new roots",
                    "plain|history|*|7 new roots",
                    "plain|history|*|11 new roots",
                ],
            ),
            Cover(SigstoreTuf, Laxer, &["plain|history|*|* new roots"]),
        ],
    },
    Explanation {
        id: "roles-of-root",
        covers: &[Cover(PythonTuf, Laxer, ROLES_OF_ROOT), Cover(SigstoreTuf, Laxer, ROLES_OF_ROOT)],
    },
    Explanation {
        id: "targets-listed",
        covers: &[
            Cover(
                PythonTuf,
                Stricter,
                &[
                    "*|snapshot|/meta|to-empty-object",
                    "*|snapshot|/meta/targets.json|drop",
                    "*|snapshot|/meta/targets.json|rename-case",
                ],
            ),
            Cover(
                SigstoreTuf,
                Stricter,
                &[
                    "*|snapshot|/meta|to-empty-object",
                    "*|snapshot|/meta/targets.json|drop",
                    "*|snapshot|/meta/targets.json|rename-case",
                ],
            ),
        ],
    },
    Explanation {
        id: "timestamp-lists-snapshot",
        covers: &[Cover(
            SigstoreTuf,
            Stricter,
            &["*|timestamp|/meta|*", "*|timestamp|/meta/snapshot.json|*"],
        )],
    },
    Explanation {
        id: "meta-paths",
        covers: &[Cover(PythonTuf, Stricter, META_PATHS), Cover(SigstoreTuf, Stricter, META_PATHS)],
    },
    Explanation {
        id: "reuse-is-checked",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|next|timestamp|/meta/snapshot.json/*"]),
            Cover(SigstoreTuf, Stricter, &["*|next|timestamp|/meta/snapshot.json/*"]),
            Cover(PythonTuf, Laxer, &["*|same version, other content"]),
            Cover(SigstoreTuf, Laxer, &["*|same version, other content"]),
        ],
    },
    Explanation {
        id: "key-rotation",
        covers: &[
            Cover(
                PythonTuf,
                Laxer,
                &[
                    "*|keys of * after a fast-forward",
                    "*|keys replaced and given back within two roots",
                    "*|one of two keys of * withdrawn after a fast-forward",
                ],
            ),
            Cover(
                SigstoreTuf,
                Laxer,
                &[
                    "*|keys of * after a fast-forward",
                    "*|keys replaced and given back within two roots",
                    "*|one of two keys of * withdrawn after a fast-forward",
                ],
            ),
            Cover(SigstoreTuf, Stricter, &["*|keys of timestamp added-two-needed after a fast-forward"]),
        ],
    },
    Explanation {
        id: "snapshot-version",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|stored snapshot of later versions"]),
            Cover(SigstoreTuf, Stricter, &["*|stored snapshot of later versions"]),
        ],
    },
    Explanation { id: "listed-length-and-limit", covers: &[Cover(PythonTuf, Stricter, &["*|limit+1"])] },
    Explanation {
        id: "trusted-root-length",
        covers: &[
            Cover(PythonTuf, Stricter, &["*|root|/|limit+1-unlisted", "*|root|/|limit+1"]),
            Cover(SigstoreTuf, Stricter, &["*|root|/|limit+1-unlisted", "*|root|/|limit+1"]),
        ],
    },
    Explanation {
        id: "dot-segments",
        covers: &[
            Cover(PythonTuf, Stricter, DOT_SEGMENTS),
            Cover(SigstoreTuf, Stricter, DOT_SEGMENTS),
            Cover(SigstoreTuf, Stricter, &["*|.. for ..", "*|[--0] for ."]),
        ],
    },
    Explanation {
        id: "root-version-overflow",
        covers: &[Cover(SigstoreTuf, Crashed, &["*|root|/version|to-2^64-1"])],
    },
    Explanation {
        id: "rotated-files",
        covers: &[Cover(PythonTuf, Deleted, ROTATED), Cover(SigstoreTuf, Deleted, ROTATED)],
    },
    Explanation {
        id: "roles-required",
        covers: &[Cover(SigstoreTuf, Stricter, &["*|root|/roles/*|drop", "*|root|/roles/*|rename-case"])],
    },
];

const DUPLICATES: &[&str] = &[
    "*|duplicate-*",
    "*/signatures/0|twice-in-one",
    "*|twice-outside",
    "*/hashes|twice",
    "*|signed-twice-other-*",
    "*|signatures-twice",
];

const MALFORMED_HASHES: &[&str] = &[
    "*/hashes/*|to-text",
    "*/hashes/*|to-empty-text",
    "*/hashes/*|to-300-letters",
    "*/hashes/*|append-*",
    "*/hashes/*|trailing-blank",
];

const ED25519_TEXT: &[&str] =
    &["*/keyval/public|trailing-blank", "*/ed25519/public|blank-before", "*/ed25519/public|line-end"];

const TWO_IDENTIFIERS: &[&str] = &["*|one-key-two-ids", "*|one-key-two-spellings", "*|one-key-two-cases"];

const NAMES: &[&str] = &[
    "*/name|to-300-letters",
    "*/keyids/0|to-empty-text",
    "*/keyids/0|to-300-letters",
    "*|stranger-with-long-id",
    "*|stranger-without-id",
    "*|also-long",
    "*|also-.json",
    "*|also-",
    "*|path-of-4097",
    "*|pattern of 4097",
    "*|role  of 0",
    "*|role r* of 201",
    "*|role r* of 250",
    "*|role r* of 300",
    "*|? for ",
];

const META_PATHS: &[&str] =
    &["plain|value|snapshot|/meta|also-other", "plain|value|snapshot|/meta|also-other.txt"];

const ROLES_OF_ROOT: &[&str] = &["*|root|/roles|add-*"];

const DOT_SEGMENTS: &[&str] = &["*|also-../a.txt", "*|also-./a.txt", "*|../* for ../a"];

const ROTATED: &[&str] = &[
    "*|next|root|/keys/timestamp-1*",
    "*|next|root|/keys/snapshot-1*",
    "*|next|root|/roles/timestamp/keyids*",
    "*|next|root|/roles/snapshot/keyids*",
];

/// A pattern of an explanation, for whom and how it is meant.
pub type Excuse = (&'static str, Client, View, &'static str);

/// Every pattern of every explanation.
pub fn excuses() -> impl Iterator<Item = Excuse> {
    EXPLANATIONS.iter().flat_map(|explanation| {
        explanation.covers.iter().flat_map(|Cover(client, view, changes)| {
            changes.iter().map(|change| (explanation.id, *client, *view, *change))
        })
    })
}

/// The patterns that explain `disagreement`.
pub fn excuses_for(disagreement: &Disagreement) -> impl Iterator<Item = Excuse> {
    excuses().filter(|(_, client, view, change)| {
        *client == disagreement.client
            && *view == disagreement.view
            && disagreement.parts.iter().any(|part| matches(change, part))
    })
}

/// Whether `text` is `pattern`, whose `*` stands for any run of characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("*|timestamp|/version|to-true", "plain|first|timestamp|/version|to-true", true),
            ("*|timestamp|/version|to-true", "plain|first|timestamp|/version|to-true-ish", false),
            ("*/version|*", "plain|first|timestamp|/version|drop", true),
            ("*/version|*", "plain|first|timestamp|/expires|drop", false),
            ("a*b", "ab", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn names_are_unique() {
        let ids: std::collections::BTreeSet<&str> =
            EXPLANATIONS.iter().map(|explanation| explanation.id).collect();
        assert_eq!(ids.len(), EXPLANATIONS.len());
    }
}
