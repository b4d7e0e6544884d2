//! Path patterns of delegations (TUF spec 4.5, PATHPATTERN).

/// A shell-style pattern: `*` any run, `?` one character, `[...]` one of a set; none of them matches `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(String);

impl PathPattern {
    /// Any text is a pattern; a `[` without its `]` stands for itself, as in glob(7).
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` matches. Takes at most `pattern.len() * path.len()` steps.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut patterns = self.0.split('/');
        let mut segments = path.split('/');
        loop {
            match (patterns.next(), segments.next()) {
                (None, None) => return true,
                (Some(pattern), Some(segment)) if segment_matches(pattern, segment) => {}
                _ => return false,
            }
        }
    }
}

/// Greedy matching with one point to go back to: enough for `*`, and never exponential.
fn segment_matches(pattern: &str, segment: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let segment: Vec<char> = segment.chars().collect();
    // Where there is none, no `[` looks for it again and again.
    let last_closing = pattern.iter().rposition(|&c| c == ']').unwrap_or(0);
    let (mut p, mut s) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while s < segment.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p, s));
            p += 1;
            continue;
        }
        if let Some(next) = one_matches(&pattern, p, last_closing, segment[s]) {
            (p, s) = (next, s + 1);
            continue;
        }
        let Some((star, from)) = retry else { return false };
        retry = Some((star, from + 1));
        (p, s) = (star + 1, from + 1);
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// The position after the pattern element at `p`, if that element matches `c`.
fn one_matches(pattern: &[char], p: usize, last_closing: usize, c: char) -> Option<usize> {
    match *pattern.get(p)? {
        '?' => Some(p + 1),
        '[' => match (p < last_closing).then(|| set(pattern, p)).flatten() {
            Some((end, members)) => members.contains(c).then_some(end),
            None => (c == '[').then_some(p + 1),
        },
        literal => (literal == c).then_some(p + 1),
    }
}

struct Set<'a> {
    negated: bool,
    members: &'a [char],
}

impl Set<'_> {
    fn contains(&self, c: char) -> bool {
        let mut rest = self.members;
        let mut found = false;
        while let [first, tail @ ..] = rest {
            if let ['-', last, after @ ..] = tail {
                found |= (*first..=*last).contains(&c);
                rest = after;
            } else {
                found |= *first == c;
                rest = tail;
            }
        }
        found != self.negated
    }
}

/// The set that starts at the `[` at `p`, and the position after its `]`.
fn set(pattern: &[char], p: usize) -> Option<(usize, Set<'_>)> {
    let negated = pattern.get(p + 1) == Some(&'!');
    let start = p + 1 + usize::from(negated);
    // A `]` that comes first is a member.
    let length = pattern.get(start + 1..)?.iter().position(|&c| c == ']')? + 1;
    let end = start + length;
    Some((end + 1, Set { negated, members: &pattern[start..end] }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_the_specification_says() {
        let table = [
            ("targets/*.tgz", "targets/foo.tgz", true),
            ("targets/*.tgz", "targets/foo.txt", false),
            ("foo-version-?.tgz", "foo-version-2.tgz", true),
            ("foo-version-?.tgz", "foo-version-alpha.tgz", false),
            ("*.tgz", "foo.tgz", true),
            ("*.tgz", "targets/foo.tgz", false),
            ("foo.tgz", "foo.tgz", true),
            ("foo.tgz", "food.tgz", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "abc", true),
            ("?", "\u{e9}", true),
            ("?", "", false),
            ("", "", true),
            ("files/six/*-win_amd64.whl", "files/six/six-1-py3-none-win_amd64.whl", true),
            ("[ab]c", "bc", true),
            ("[!ab]c", "bc", false),
            ("[a-c]x", "bx", true),
            ("[]]x", "]x", true),
            ("[ab", "[ab", true),
            ("[a-]x", "-x", true),
            ("/a", "a", false),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(PathPattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    /// Where looking for the `]` of each `[` costs as much as there is left of the pattern, this takes minutes.
    #[test]
    fn brackets_that_never_close_cost_no_more_than_other_characters() {
        let (brackets, path) = ("[".repeat(2000), "[".repeat(4000));
        assert!(PathPattern::new(format!("*{brackets}")).matches(&path));
        assert!(!PathPattern::new(format!("*{brackets}x")).matches(&path));
        assert!(PathPattern::new(format!("*[a]{brackets}")).matches(&format!("a{}", &path[..2000])));
    }

    proptest! {
        #[test]
        fn a_text_without_wildcards_matches_only_itself(text in "[a-z/.-]{0,20}", other in "[a-z/.-]{0,20}") {
            prop_assert!(PathPattern::new(text.clone()).matches(&text));
            prop_assert_eq!(PathPattern::new(text.clone()).matches(&other), text == other);
        }

        #[test]
        fn arbitrary_patterns_do_not_panic(pattern in "[\\[\\]!*?a/-]{0,12}", path in "[\\[\\]!a/-]{0,12}") {
            let _ = PathPattern::new(pattern).matches(&path);
        }
    }
}
