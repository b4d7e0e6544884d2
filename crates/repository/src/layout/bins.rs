//! Bins: how a role spreads its targets over many small roles (PEP 458, TAP 15).

use std::fmt;
use std::str::FromStr;

use sealdex_tuf::metadata::{
    DelegatedRole, DelegatedRoles, PathHashPrefix, PathSet, RoleKeys, SuccinctRoles,
};
use sealdex_tuf::{RoleName, TargetPath};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// `2^bit_length` bins, named `name_prefix-HEX`. A target is in the bin of the first bits of its path's SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bins {
    /// How the delegation is written.
    pub style: BinStyle,
    /// log2 of the number of bins, 1 to 16.
    pub bit_length: u8,
    /// What the names of the bins start with.
    pub name_prefix: String,
}

/// How a delegation to bins is written. Names and contents of the bins are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinStyle {
    /// `succinct_roles` (TAP 15): a few hundred bytes, however many bins there are.
    #[default]
    Succinct,
    /// A list of roles with `path_hash_prefixes`, as PEP 458 wrote it: understood by every client, 3 MB at 16,384 bins.
    Explicit,
}

impl Bins {
    /// The most bins a role may have: 65,536, log2.
    pub const MAX_BIT_LENGTH: u8 = 16;

    /// Number of bins.
    #[must_use]
    pub fn count(&self) -> u64 {
        1 << self.bit_length.min(Self::MAX_BIT_LENGTH)
    }

    /// The bin that `path` belongs in.
    ///
    /// # Errors
    /// [`Error::Layout`] or [`Error::Tuf`] when these bins are not valid.
    pub fn role_for(&self, path: &TargetPath) -> Result<RoleName, Error> {
        Ok(self.succinct(RoleKeys::new(Vec::new(), 1))?.role_for(path))
    }

    /// The names of all bins.
    ///
    /// # Errors
    /// [`Error::Layout`] or [`Error::Tuf`] when these bins are not valid.
    pub fn role_names(&self) -> Result<Vec<RoleName>, Error> {
        Ok(self.succinct(RoleKeys::new(Vec::new(), 1))?.role_names().collect())
    }

    /// Whether this is the name of one of these bins.
    pub(crate) fn has(&self, role: &str) -> bool {
        let digits = usize::from(self.bit_length.div_ceil(4));
        let number = role.strip_prefix(self.name_prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| {
            number.len() == digits
                && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && u64::from_str_radix(number, 16).is_ok_and(|number| number < self.count())
        })
    }

    /// The delegation to these bins, signed by `keys`.
    ///
    /// # Errors
    /// [`Error::Layout`] or [`Error::Tuf`] when these bins are not valid.
    pub fn delegated_roles(&self, keys: &RoleKeys) -> Result<DelegatedRoles, Error> {
        let succinct = self.succinct(keys.clone())?;
        Ok(match self.style {
            BinStyle::Succinct => DelegatedRoles::Succinct(succinct),
            BinStyle::Explicit => {
                let roles = succinct.role_names().enumerate().map(|(number, name)| {
                    let paths = PathSet::HashPrefixes(self.hash_prefixes(number)?);
                    Ok(DelegatedRole { name, keys: keys.clone(), paths, terminating: false })
                });
                DelegatedRoles::Listed(roles.collect::<Result<_, Error>>()?)
            }
        })
    }

    fn succinct(&self, keys: RoleKeys) -> Result<SuccinctRoles, Error> {
        if !(1..=Self::MAX_BIT_LENGTH).contains(&self.bit_length) {
            return Err(Error::Layout {
                reason: format!(
                    "the bit length of the bins {} is {}, but 1 to {} are possible",
                    self.name_prefix.escape_debug(),
                    self.bit_length,
                    Self::MAX_BIT_LENGTH
                ),
            });
        }
        Ok(SuccinctRoles::new(keys, self.bit_length, self.name_prefix.clone())?)
    }

    /// The hash prefixes of one bin: whole hex digits, so several where the bit length is no multiple of 4.
    fn hash_prefixes(&self, number: usize) -> Result<Vec<PathHashPrefix>, Error> {
        let digits = usize::from(self.bit_length.div_ceil(4));
        let prefixes_a_bin = 1usize << (digits * 4 - usize::from(self.bit_length));
        let first = number * prefixes_a_bin;
        (first..first + prefixes_a_bin)
            .map(|prefix| Ok(PathHashPrefix::parse(&format!("{prefix:0digits$x}"))?))
            .collect()
    }
}

impl fmt::Display for BinStyle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Succinct => "succinct",
            Self::Explicit => "explicit",
        })
    }
}

impl FromStr for BinStyle {
    type Err = Error;

    fn from_str(style: &str) -> Result<Self, Error> {
        match style {
            "succinct" => Ok(Self::Succinct),
            "explicit" => Ok(Self::Explicit),
            _ => {
                Err(Error::Layout { reason: format!("{} is not succinct or explicit", style.escape_debug()) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_styles_put_a_path_into_the_same_bin() {
        for bit_length in [1, 3, 4, 5, 8, 11] {
            let bins = Bins { style: BinStyle::Explicit, bit_length, name_prefix: "b".to_owned() };
            let DelegatedRoles::Listed(roles) = bins.delegated_roles(&RoleKeys::new(Vec::new(), 1)).unwrap()
            else {
                panic!("explicit bins are listed");
            };
            assert_eq!(roles.len() as u64, bins.count());
            for number in 0..200 {
                let path = TargetPath::parse(format!("files/p/{number}")).unwrap();
                let digest = hex::encode(sealdex_tuf::digest::sha256(path.as_str().as_bytes()));
                let trusted: Vec<_> = roles
                    .iter()
                    .filter(|role| match &role.paths {
                        PathSet::HashPrefixes(prefixes) => {
                            prefixes.iter().any(|p| digest.starts_with(p.as_str()))
                        }
                        _ => false,
                    })
                    .map(|role| role.name.clone())
                    .collect();
                assert_eq!(trusted, [bins.role_for(&path).unwrap()], "{bit_length}");
            }
        }
    }

    #[test]
    fn bins_know_their_names() {
        for bit_length in [1, 4, 5, 8] {
            let bins = Bins { style: BinStyle::Succinct, bit_length, name_prefix: "b".to_owned() };
            assert!(bins.role_names().unwrap().iter().all(|name| bins.has(name.as_str())));
            let width = usize::from(bit_length.div_ceil(4));
            let beyond = format!("b-{:0width$x}", bins.count());
            for other in ["b", "b-", "b-+1", "c-0", "b-000", "b-G", "b-A", &beyond] {
                assert!(!bins.has(other), "{bit_length}: {other}");
            }
        }
    }

    #[test]
    fn impossible_bit_lengths_are_refused() {
        for bit_length in [0, 17, 32, 255] {
            let bins = Bins { style: BinStyle::Succinct, bit_length, name_prefix: "b".to_owned() };
            assert!(bins.role_names().is_err(), "{bit_length}");
        }
    }
}
