//! Reading and writing key files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pkcs8::der::pem::LineEnding;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use sealdex_tuf::{KeyPair, Scheme};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::passphrase::Passphrase;

/// The longest key file read, in bytes. An RSA key of 8,192 bits has about 7,000.
pub const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN_LABEL: &str = "PRIVATE KEY";

/// The first line of unencrypted key files.
const DEVELOPMENT_MARK: &str = "Sealdex DEVELOPMENT key, not encrypted: protects nothing.";

/// How a key file is protected.
#[derive(Clone, Copy, Debug)]
pub enum Protection<'a> {
    /// Encrypted under a passphrase.
    Passphrase(&'a Passphrase),
    /// Not at all. For development keys only.
    DevelopmentPlain,
}

/// How an existing key file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAs {
    /// It needs a passphrase.
    Encrypted,
    /// It does not.
    Plain,
}

/// Writes a new key file, readable by its owner alone, in one atomic step.
///
/// # Errors
/// [`Error::Exists`]: keys are never overwritten. [`Error::PassphraseTooShort`], [`Error::Malformed`] or [`Error::Io`].
pub fn write_key(path: &Path, pair: &KeyPair, protection: Protection<'_>) -> Result<(), Error> {
    let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
    let pem = match protection {
        Protection::Passphrase(passphrase) => {
            passphrase.check_strength()?;
            let info =
                PrivateKeyInfoRef::try_from(pair.pkcs8()).map_err(|error| malformed(error.to_string()))?;
            let encrypted = info.encrypt(passphrase.bytes()).map_err(|error| malformed(error.to_string()))?;
            encrypted.to_pem(ENCRYPTED_LABEL, LineEnding::LF).map_err(|error| malformed(error.to_string()))?
        }
        Protection::DevelopmentPlain => {
            let document =
                SecretDocument::try_from(pair.pkcs8()).map_err(|error| malformed(error.to_string()))?;
            let pem =
                document.to_pem(PLAIN_LABEL, LineEnding::LF).map_err(|error| malformed(error.to_string()))?;
            Zeroizing::new(format!("{DEVELOPMENT_MARK}\n{}", pem.as_str()))
        }
    };
    persist_new(path, pem.as_bytes())
}

/// Reads a key file; the passphrase is not used for one that is not encrypted.
///
/// # Errors
/// [`Error::PassphraseNeeded`], [`Error::WrongPassphrase`], [`Error::Malformed`] or [`Error::Io`].
pub fn read_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<KeyPair, Error> {
    let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
    let (label, document) = read_document(path)?;
    let document = match label {
        StoredAs::Plain => document,
        StoredAs::Encrypted => {
            let passphrase = passphrase.ok_or_else(|| Error::PassphraseNeeded { path: path.to_owned() })?;
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|error| malformed(error.to_string()))?;
            encrypted
                .decrypt(passphrase.bytes())
                .map_err(|_| Error::WrongPassphrase { path: path.to_owned() })?
        }
    };
    let info =
        PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    let scheme = scheme_of(&info).map_err(malformed)?;
    KeyPair::from_pkcs8(&scheme, document.as_bytes()).map_err(|error| malformed(error.to_string()))
}

/// Whether a key file needs a passphrase.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Io`].
pub fn stored_as(path: &Path) -> Result<StoredAs, Error> {
    read_document(path).map(|(stored, _)| stored)
}

fn read_document(path: &Path) -> Result<(StoredAs, SecretDocument), Error> {
    let malformed = |reason: String| Error::Malformed { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(MAX_KEY_FILE_BYTES + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > MAX_KEY_FILE_BYTES => {
            return Err(malformed(format!("longer than {MAX_KEY_FILE_BYTES} bytes")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(malformed("not text".to_owned()));
        }
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    }
    let begin = text.find("-----BEGIN ").ok_or_else(|| malformed("no PEM block in it".to_owned()))?;
    let (label, document) =
        SecretDocument::from_pem(&text[begin..]).map_err(|error| malformed(error.to_string()))?;
    match label {
        ENCRYPTED_LABEL => Ok((StoredAs::Encrypted, document)),
        PLAIN_LABEL => Ok((StoredAs::Plain, document)),
        other => Err(malformed(format!("it holds \"{}\", not a PKCS#8 private key", other.escape_debug()))),
    }
}

fn scheme_of(info: &PrivateKeyInfoRef<'_>) -> Result<Scheme, String> {
    let curve = info.algorithm.parameters_oid().map(|oid| oid.to_string()).unwrap_or_default();
    match (info.algorithm.oid.to_string().as_str(), curve.as_str()) {
        ("1.3.101.112", _) => Ok(Scheme::Ed25519),
        ("1.2.840.10045.2.1", "1.2.840.10045.3.1.7") => Ok(Scheme::EcdsaSha2Nistp256),
        ("1.2.840.10045.2.1", "1.3.132.0.34") => Ok(Scheme::EcdsaSha2Nistp384),
        ("1.2.840.113549.1.1.1", _) => Ok(Scheme::RsassaPssSha256),
        ("2.16.840.1.101.3.4.3.17", _) => Ok(Scheme::MlDsa44),
        ("2.16.840.1.101.3.4.3.18", _) => Ok(Scheme::MlDsa65),
        ("2.16.840.1.101.3.4.3.19", _) => Ok(Scheme::MlDsa87),
        (algorithm, _) => Err(format!("keys of algorithm {algorithm} {curve} are not known here")),
    }
}

fn persist_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    let io = |source: io::Error| Error::Io { path: path.to_owned(), source };
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(&directory).map_err(io)?;
    file.write_all(content).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => io(refused.error),
    })?;
    File::open(&directory).and_then(|directory| directory.sync_all()).map_err(io)
}

#[cfg(test)]
mod tests {
    use sealdex_tuf::Signer;

    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    #[test]
    fn keys_of_every_scheme_survive_encryption() {
        let directory = tempfile::tempdir().unwrap();
        let secret = passphrase("correct horse battery");
        for (number, scheme) in Scheme::KNOWN.into_iter().enumerate() {
            let pair = KeyPair::generate(&scheme).unwrap();
            let path = directory.path().join(format!("{number}.pem"));
            write_key(&path, &pair, Protection::Passphrase(&secret)).unwrap();
            assert_eq!(stored_as(&path).unwrap(), StoredAs::Encrypted);
            assert_eq!(read_key(&path, Some(&secret)).unwrap().key(), pair.key());
            assert!(matches!(read_key(&path, None), Err(Error::PassphraseNeeded { .. })));
            assert!(matches!(
                read_key(&path, Some(&passphrase("wrong"))),
                Err(Error::WrongPassphrase { .. })
            ));
        }
    }

    #[test]
    fn development_keys_say_so_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("online.pem");
        let pair = KeyPair::generate(&Scheme::Ed25519).unwrap();
        write_key(&path, &pair, Protection::DevelopmentPlain).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(DEVELOPMENT_MARK));
        assert_eq!(read_key(&path, None).unwrap().key(), pair.key());
        let other = KeyPair::generate(&Scheme::Ed25519).unwrap();
        assert!(matches!(write_key(&path, &other, Protection::DevelopmentPlain), Err(Error::Exists { .. })));
        assert_eq!(read_key(&path, None).unwrap().key(), pair.key());
        assert!(matches!(
            write_key(&directory.path().join("x"), &pair, Protection::Passphrase(&passphrase("short"))),
            Err(Error::PassphraseTooShort { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_key_file() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.pem");
        write_key(&path, &KeyPair::generate(&Scheme::Ed25519).unwrap(), Protection::DevelopmentPlain)
            .unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.pem");
        for content in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(read_key(&path, None), Err(Error::Malformed { .. })), "{content}");
        }
        std::fs::write(&path, vec![b'-'; 65 * 1024]).unwrap();
        assert!(matches!(read_key(&path, None), Err(Error::Malformed { .. })));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_key(&path, None), Err(Error::Malformed { .. })));
        assert!(matches!(read_key(&directory.path().join("absent"), None), Err(Error::Io { .. })));
    }
}
