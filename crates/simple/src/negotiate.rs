//! Which representation of a page a request asks for (PEP 691, version + format selection; RFC 9110, 12.5.1).

/// A representation of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentType {
    /// `application/vnd.pypi.simple.v1+json`
    JsonV1,
    /// `application/vnd.pypi.simple.v1+html`
    HtmlV1,
    /// `text/html`, the same HTML under its old name.
    LegacyHtml,
}

impl ContentType {
    /// The value of the `Content-Type` header.
    pub fn as_header_value(self) -> &'static str {
        match self {
            Self::JsonV1 => "application/vnd.pypi.simple.v1+json",
            Self::HtmlV1 => "application/vnd.pypi.simple.v1+html",
            Self::LegacyHtml => "text/html",
        }
    }
}

/// Chooses the representation for the value of an `Accept` header; `None` means 406.
///
/// The highest quality wins; between equals a type named exactly, JSON before HTML. `*/*` gets `text/html`, as do an
/// absent header and one without a single readable entry: who did not say that it reads the new types gets the old
/// one. `latest` stands for `v1`.
pub fn negotiate(accept: Option<&str>) -> Option<ContentType> {
    const MAX_HEADER_BYTES: usize = 16 * 1024;
    let Some(accept) = accept.filter(|accept| accept.len() <= MAX_HEADER_BYTES) else {
        return Some(ContentType::LegacyHtml);
    };
    let ranges: Vec<MediaRange<'_>> =
        split_outside_quotes(accept, b',').filter_map(MediaRange::parse).collect();
    if ranges.is_empty() {
        return Some(ContentType::LegacyHtml);
    }
    [ContentType::JsonV1, ContentType::HtmlV1, ContentType::LegacyHtml]
        .into_iter()
        .filter_map(|content_type| {
            // The most specific range decides about a type (RFC 9110, 12.5.1).
            let (specificity, quality) =
                ranges.iter().filter_map(|range| range.matches(content_type)).max()?;
            let preference = preference(content_type, specificity);
            (quality > 0).then_some(((quality, specificity, preference), content_type))
        })
        .max()
        .map(|(_, content_type)| content_type)
}

/// How exactly a range names a type, in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Anything,
    AnySubtype,
    Exact,
}

struct MediaRange<'a> {
    main: &'a str,
    sub: &'a str,
    /// In thousandths, 0 to 1000.
    quality: u16,
}

impl<'a> MediaRange<'a> {
    /// `type/subtype`, `type/*` or `*/*`, with parameters of which only `q` counts.
    fn parse(entry: &'a str) -> Option<Self> {
        let mut parts = split_outside_quotes(entry, b';');
        let (main, sub) = parts.next()?.trim_matches(is_space).split_once('/')?;
        if !is_token(main) || !is_token(sub) || (main == "*" && sub != "*") {
            return None;
        }
        let mut quality = 1000;
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            if name.trim_matches(is_space).eq_ignore_ascii_case("q") {
                quality = parse_quality(value.trim_matches(is_space))?;
            }
        }
        Some(Self { main, sub, quality })
    }

    fn matches(&self, content_type: ContentType) -> Option<(Specificity, u16)> {
        let names: &[(&str, &str)] = match content_type {
            ContentType::JsonV1 => {
                &[("application", "vnd.pypi.simple.v1+json"), ("application", "vnd.pypi.simple.latest+json")]
            }
            ContentType::HtmlV1 => {
                &[("application", "vnd.pypi.simple.v1+html"), ("application", "vnd.pypi.simple.latest+html")]
            }
            ContentType::LegacyHtml => &[("text", "html")],
        };
        let specificity = if self.main == "*" {
            Specificity::Anything
        } else if !names.iter().any(|(main, _)| self.main.eq_ignore_ascii_case(main)) {
            return None;
        } else if self.sub == "*" {
            Specificity::AnySubtype
        } else if names.iter().any(|(_, sub)| self.sub.eq_ignore_ascii_case(sub)) {
            Specificity::Exact
        } else {
            return None;
        };
        Some((specificity, self.quality))
    }
}

/// Which of several types of one quality is served, the greatest.
fn preference(content_type: ContentType, specificity: Specificity) -> u8 {
    match (specificity, content_type) {
        (Specificity::Anything, ContentType::LegacyHtml) => 3,
        (_, ContentType::JsonV1) => 2,
        (_, ContentType::HtmlV1) => 1,
        (_, ContentType::LegacyHtml) => 0,
    }
}

/// `0`, `0.5`, `1.000`: at most three decimals (RFC 9110, 12.4.2), in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Splits at an ASCII separator, but not within quoted strings (RFC 9110, 5.6.4).
fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let (mut quoted, mut escaped) = (false, false);
        for (index, byte) in current.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if byte == separator && !quoted => {
                    // The separator is ASCII, so both sides are whole characters.
                    rest = current.get(index + 1..);
                    return current.get(..index);
                }
                _ => {}
            }
        }
        rest = None;
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ContentType::{HtmlV1, JsonV1, LegacyHtml};
    use super::negotiate;

    #[test]
    fn chooses() {
        for (accept, expected) in [
            // Absent or unreadable.
            (None, Some(LegacyHtml)),
            (Some(""), Some(LegacyHtml)),
            (Some("nonsense"), Some(LegacyHtml)),
            (Some(",,;q=1,/"), Some(LegacyHtml)),
            (Some("*/html"), Some(LegacyHtml)),
            (Some("application/vnd.pypi.simple.v1+json;q=2"), Some(LegacyHtml)),
            // Installers.
            (
                Some(
                    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                ),
                Some(JsonV1),
            ),
            (
                Some(
                    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
                ),
                Some(JsonV1),
            ),
            (Some("application/vnd.pypi.simple.v1+json"), Some(JsonV1)),
            (Some("*/*"), Some(LegacyHtml)),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Some(LegacyHtml)),
            // Order says nothing, quality does.
            (Some("text/html;q=0.5, application/vnd.pypi.simple.v1+html;q=0.9"), Some(HtmlV1)),
            (Some("text/html, application/vnd.pypi.simple.v1+json"), Some(JsonV1)),
            (Some("application/vnd.pypi.simple.v1+json;q=0.001, text/html;q=0.002"), Some(LegacyHtml)),
            (Some("application/vnd.pypi.simple.v1+json; Q=0.5 , text/html;q=0.4"), Some(JsonV1)),
            // Latest.
            (Some("application/vnd.pypi.simple.latest+json"), Some(JsonV1)),
            (Some("application/vnd.pypi.simple.latest+html"), Some(HtmlV1)),
            (Some("APPLICATION/VND.PYPI.SIMPLE.LATEST+JSON"), Some(JsonV1)),
            // Wildcards.
            (Some("application/*"), Some(JsonV1)),
            (Some("text/*"), Some(LegacyHtml)),
            (Some("*/*, application/vnd.pypi.simple.v1+json"), Some(JsonV1)),
            (Some("*/*;q=0.1, application/vnd.pypi.simple.v1+html;q=0.1"), Some(HtmlV1)),
            (Some("text/html;q=0, */*"), Some(JsonV1)),
            (Some("application/vnd.pypi.simple.v1+json;q=0, application/*"), Some(HtmlV1)),
            // Parameters and quotes.
            (Some(r#"text/html;x="a, application/vnd.pypi.simple.v1+json\",";q=0.3"#), Some(LegacyHtml)),
            (Some("application/vnd.pypi.simple.v1+json;charset=utf-8"), Some(JsonV1)),
            // Nothing we have.
            (Some("application/json"), None),
            (Some("application/vnd.pypi.simple.v2+json"), None),
            (Some("image/png, text/plain"), None),
            (Some("text/html;q=0"), None),
            (Some("*/*;q=0.0"), None),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn header_values() {
        for content_type in [JsonV1, HtmlV1, LegacyHtml] {
            assert_eq!(negotiate(Some(content_type.as_header_value())), Some(content_type));
        }
        let endless = "application/vnd.pypi.simple.v1+json,".repeat(10_000);
        assert_eq!(negotiate(Some(&endless)), Some(LegacyHtml));
    }

    proptest! {
        #[test]
        fn never_panics(accept in any::<String>()) {
            let _ = negotiate(Some(&accept));
        }

        #[test]
        fn never_panics_on_near_headers(accept in "([a-z*]{1,4}/[a-z*+.]{1,4}(;q=[0-9.]{0,5}|;\"[\\\\\",é]{0,4})?,? ?){0,8}") {
            let _ = negotiate(Some(&accept));
        }
    }
}
