//! Which content coding to answer with (RFC 9110, 12.5.3).

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How a body is coded, what is best for both sides first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    /// `dcz`: zstd with a dictionary that the client has (RFC 9842).
    Dcz,
    /// `zstd` (RFC 8878, RFC 9659)
    Zstd,
    /// `gzip`
    Gzip,
    /// As it is.
    Identity,
}

/// A weight in thousandths (RFC 9110, 12.4.2).
type Weight = u16;

impl Coding {
    const ALL: [Self; 4] = [Self::Dcz, Self::Zstd, Self::Gzip, Self::Identity];

    /// Its name in headers and entity tags.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dcz => "dcz",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    fn is_named(self, name: &str) -> bool {
        // `x-gzip` is the same (8.4.1.3).
        name.eq_ignore_ascii_case(self.name()) || self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip")
    }
}

/// The codings that the client takes, the one it likes best first; of several it likes the same, our best one. Without
/// the header nothing but the plain form is sent: whoever does not ask may not be able to unpack.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<Coding> {
    let mut named = [None; Coding::ALL.len()];
    let mut others = None;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for entry in value.to_str().unwrap_or_default().split(',') {
            let Some((name, weight)) = parse(entry) else { continue };
            if name == "*" {
                others = Some(weight);
            }
            for (coding, slot) in Coding::ALL.into_iter().zip(&mut named) {
                if coding.is_named(name) {
                    *slot = Some(weight);
                }
            }
        }
    }
    let mut accepted: Vec<(Reverse<Weight>, Coding)> = Vec::new();
    for (coding, named) in Coding::ALL.into_iter().zip(named) {
        let weight = match coding {
            // `*` stands for every coding, but nobody has a dictionary without knowing it.
            Coding::Dcz => named.unwrap_or(0),
            Coding::Zstd | Coding::Gzip => named.or(others).unwrap_or(0),
            // Acceptable unless it is excluded, and after all that is asked for.
            Coding::Identity => match named.or(others) {
                None => {
                    accepted.push((Reverse(0), Coding::Identity));
                    continue;
                }
                Some(weight) => weight,
            },
        };
        if weight > 0 {
            accepted.push((Reverse(weight), coding));
        }
    }
    accepted.sort();
    accepted.into_iter().map(|(_, coding)| coding).collect()
}

/// A coding and its weight. What cannot be read is not there.
fn parse(entry: &str) -> Option<(&str, Weight)> {
    let (name, parameters) = entry.split_once(';').map_or((entry, None), |(name, rest)| (name, Some(rest)));
    let weight = match parameters {
        None => 1000,
        Some(parameter) => {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case("q").then(|| weight(value.trim()))??
        }
    };
    Some((name.trim(), weight))
}

/// `0`, `1`, or such with up to three decimals; never above 1.
fn weight(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: Weight = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Dcz, Gzip, Identity, Zstd};
    use super::*;

    #[test]
    fn what_is_accepted_in_which_order() {
        let table: [(&str, &[Coding]); 20] = [
            ("gzip", &[Gzip, Identity]),
            ("gzip, deflate, br, zstd", &[Zstd, Gzip, Identity]),
            ("dcz, zstd, gzip", &[Dcz, Zstd, Gzip, Identity]),
            ("zstd;q=0.5, gzip", &[Gzip, Zstd, Identity]),
            ("br, X-GZIP;q=0.1", &[Gzip, Identity]),
            ("*", &[Zstd, Gzip, Identity]),
            ("gzip;q=0.2, *;q=0.9", &[Zstd, Identity, Gzip]),
            ("identity, gzip;q=0.9", &[Identity, Gzip]),
            ("identity;q=0.5, gzip;q=0.9", &[Gzip, Identity]),
            ("gzip, identity;q=0", &[Gzip]),
            ("gzip, *;q=0", &[Gzip]),
            ("*;q=0", &[]),
            ("*;q=0, identity;q=0.001", &[Identity]),
            ("identity;q=0", &[]),
            ("gzip;q=0", &[Identity]),
            ("gzip; q=0.000, *", &[Zstd, Identity]),
            ("gzip;q=1.5, zstd;q=0.1234, dcz;level=1", &[Identity]),
            ("gzip;q=1.001, zstd ; Q=1.000", &[Zstd, Identity]),
            ("br, deflate", &[Identity]),
            ("", &[Identity]),
        ];
        for (value, expected) in table {
            let headers = [(ACCEPT_ENCODING, value.parse().unwrap())].into_iter().collect();
            assert_eq!(accepted(&headers), expected, "{value}");
        }
        assert_eq!(accepted(&HeaderMap::new()), [Identity]);
        let several =
            [(ACCEPT_ENCODING, "gzip".parse().unwrap()), (ACCEPT_ENCODING, "zstd".parse().unwrap())];
        assert_eq!(accepted(&several.into_iter().collect()), [Zstd, Gzip, Identity]);
    }
}
