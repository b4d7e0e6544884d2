//! Hash functions and the HASHES objects of metadata (TUF spec 4.4).

use std::borrow::Cow;

use aws_lc_rs::digest as aws;
use blake2::{Blake2b, Digest as _, digest::consts::U32};

use crate::error::{Error, Malformed};
use crate::json::{Members, Node};

/// A hash function this crate knows, by its name in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// `sha256`: the one every client knows.
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
    /// `blake2b-256`
    Blake2b256,
}

impl HashAlgorithm {
    /// Every function, strongest choice for a lone use first.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Blake2b256];

    /// The name in metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake2b256 => "blake2b-256",
        }
    }

    /// The function of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The lower-case hex digest of `bytes`.
    #[must_use]
    pub fn hex_digest(self, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// SHA-256 of `bytes` as 32 bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws::digest(&aws::SHA256, bytes).as_ref());
    out
}

/// A digest being computed.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha2(aws::Context),
    Blake2b(Box<Blake2b<U32>>),
}

impl Hasher {
    /// Starts a digest.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self(match algorithm {
            HashAlgorithm::Sha256 => State::Sha2(aws::Context::new(&aws::SHA256)),
            HashAlgorithm::Sha384 => State::Sha2(aws::Context::new(&aws::SHA384)),
            HashAlgorithm::Sha512 => State::Sha2(aws::Context::new(&aws::SHA512)),
            HashAlgorithm::Blake2b256 => State::Blake2b(Box::default()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha2(context) => context.update(bytes),
            State::Blake2b(hasher) => hasher.update(bytes),
        }
    }

    /// The lower-case hex digest of everything added.
    #[must_use]
    pub fn finish(self) -> String {
        match self.0 {
            State::Sha2(context) => hex::encode(context.finish()),
            State::Blake2b(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// A HASHES object (4.4): hash function names and lower-case hex digests, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes(Vec<Digest>);

/// One entry: the name of the function and the digest, as they were listed. Sorted by name.
type Digest = (Cow<'static, str>, String);

impl Hashes {
    /// The SHA-256 of `bytes` alone.
    #[must_use]
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self::from_sha256(sha256(bytes))
    }

    /// A SHA-256 that was computed already.
    #[must_use]
    pub fn from_sha256(digest: [u8; 32]) -> Self {
        Self(vec![(Cow::Borrowed(HashAlgorithm::Sha256.name()), hex::encode(digest))])
    }

    /// These digests, of the named functions.
    ///
    /// # Errors
    /// No digest at all, two of one function, or one that is not hex.
    pub fn new(digests: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        Self::of(digests.into_iter().map(|(name, digest)| (known_name(name.into()), digest)).collect())
    }

    fn of(mut digests: Vec<Digest>) -> Result<Self, Error> {
        digests.sort_unstable();
        if digests.is_empty() {
            return Err(Malformed::new("hashes", "no hash is listed").into());
        }
        if let Some(twice) = digests.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let reason = format!("{} is listed twice", twice[0].0.escape_debug());
            return Err(Malformed::new("hashes", reason).into());
        }
        for (name, digest) in &digests {
            if digest.is_empty() || digest.len() > 256 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(
                    Malformed::new("hashes", format!("{} is not a hex digest", name.escape_debug())).into()
                );
            }
        }
        Ok(Self(digests))
    }

    /// Function names and hex digests.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, digest)| (name.as_ref(), digest.as_str()))
    }

    /// The hex digest of `algorithm`, if listed.
    #[must_use]
    pub fn digest(&self, algorithm: HashAlgorithm) -> Option<&str> {
        self.iter().find(|(name, _)| *name == algorithm.name()).map(|(_, digest)| digest)
    }

    /// The digest to ask for in a consistent-snapshot file name (5.7.3): SHA-256 where listed, else the first one.
    #[must_use]
    pub fn file_name_digest(&self) -> Option<&str> {
        self.digest(HashAlgorithm::Sha256).or_else(|| self.iter().next().map(|(_, digest)| digest))
    }

    /// Starts a check of `file` against every listed function this crate knows.
    ///
    /// # Errors
    /// [`Error::NoKnownHash`] when it knows none: bytes are never accepted unhashed.
    pub fn check(&self, file: &str) -> Result<HashCheck, Error> {
        let hashers: Vec<_> = self
            .0
            .iter()
            .filter_map(|(name, digest)| {
                HashAlgorithm::from_name(name)
                    .map(|algorithm| (algorithm, digest.to_ascii_lowercase(), Hasher::new(algorithm)))
            })
            .collect();
        if hashers.is_empty() {
            let listed =
                self.iter().map(|(name, _)| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
            return Err(Error::NoKnownHash { file: file.to_owned(), listed });
        }
        Ok(HashCheck { file: file.to_owned(), hashers })
    }

    /// Checks all of `bytes` at once.
    ///
    /// # Errors
    /// [`Error::WrongHash`] or [`Error::NoKnownHash`].
    pub fn verify(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut check = self.check(file)?;
        check.update(bytes);
        check.finish()
    }

    pub(crate) fn read(value: Node<'_>) -> Result<Self, Error> {
        let Node::Object(members) = value else {
            return Err(Malformed::new("hashes", "not an object").into());
        };
        let digests = members.into_iter().map(|(name, digest)| match digest {
            Node::String(digest) => Ok((known_name(name), digest.into_owned())),
            _ => Err(Error::from(Malformed::new("hashes", "a digest is not a string"))),
        });
        Self::of(digests.collect::<Result<_, _>>()?)
    }

    pub(crate) fn node(&self) -> Node<'_> {
        let digests = self.iter().map(|(name, digest)| (name.into(), Node::String(digest.into())));
        Node::Object(Members::of(digests.collect()))
    }
}

/// The names that most digests go by need not be kept once for each.
fn known_name(name: Cow<'_, str>) -> Cow<'static, str> {
    match HashAlgorithm::from_name(&name) {
        Some(algorithm) => Cow::Borrowed(algorithm.name()),
        None => Cow::Owned(name.into_owned()),
    }
}

/// A check of streamed bytes against a [`Hashes`].
#[derive(Clone)]
pub struct HashCheck {
    file: String,
    hashers: Vec<(HashAlgorithm, String, Hasher)>,
}

impl HashCheck {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, _, hasher) in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// Compares the digests.
    ///
    /// # Errors
    /// [`Error::WrongHash`] with the first function that differs.
    pub fn finish(self) -> Result<(), Error> {
        for (algorithm, expected, hasher) in self.hashers {
            let found = hasher.finish();
            if found != expected {
                return Err(Error::WrongHash {
                    file: self.file,
                    algorithm: algorithm.name().to_owned(),
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        let table = [
            (HashAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (HashAlgorithm::Blake2b256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        ];
        for (algorithm, expected) in table {
            assert_eq!(algorithm.hex_digest(b"abc"), expected);
        }
        assert!(HashAlgorithm::Sha512.hex_digest(b"abc").starts_with("ddaf35a193617aba"));
        assert!(HashAlgorithm::Sha384.hex_digest(b"abc").starts_with("cb00753f45a35e8b"));
    }

    #[test]
    fn every_known_function_must_agree_and_one_must_be_known() {
        let sha256 = HashAlgorithm::Sha256.hex_digest(b"abc");
        let hashes = |list: &[(&str, &str)]| {
            Hashes::new(list.iter().map(|(n, d)| ((*n).to_owned(), (*d).to_owned()))).unwrap()
        };
        assert!(hashes(&[("sha256", &sha256), ("shake", "00")]).verify("f", b"abc").is_ok());
        assert!(hashes(&[("sha256", &sha256.to_uppercase())]).verify("f", b"abc").is_ok());
        assert!(matches!(
            hashes(&[("sha256", &sha256), ("sha512", "00")]).verify("f", b"abc"),
            Err(Error::WrongHash { algorithm, .. }) if algorithm == "sha512"
        ));
        assert!(matches!(hashes(&[("shake", "00")]).verify("f", b"abc"), Err(Error::NoKnownHash { .. })));
        assert!(Hashes::new([]).is_err());
        assert!(Hashes::new([("sha256".to_owned(), "xyz".to_owned())]).is_err());
    }
}
