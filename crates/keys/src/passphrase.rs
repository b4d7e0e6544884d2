//! Passphrases.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::Error;

/// What opens an encrypted key file. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Characters a passphrase for a new key file needs. scrypt makes each guess cost about a tenth of a second and
    /// 128 MiB; below this length that is not enough.
    pub const MINIMUM_CHARACTERS: usize = 8;

    /// A passphrase to open a key file with. One line break at the end is dropped: files and pipes end with one.
    #[must_use]
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        let line =
            text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Self(Zeroizing::new(line.to_owned()))
    }

    /// Whether it is long enough to protect a new key file.
    ///
    /// # Errors
    /// [`Error::PassphraseTooShort`]
    pub fn check_strength(&self) -> Result<(), Error> {
        match self.0.chars().count() {
            found if found < Self::MINIMUM_CHARACTERS => {
                Err(Error::PassphraseTooShort { minimum: Self::MINIMUM_CHARACTERS, found })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_printed_and_one_line_break_is_dropped() {
        let passphrase = Passphrase::new("correct horse\r\n".to_owned());
        assert_eq!(passphrase.bytes(), b"correct horse");
        assert!(!format!("{passphrase:?}").contains("horse"));
        assert!(matches!(
            Passphrase::new("short".to_owned()).check_strength(),
            Err(Error::PassphraseTooShort { found: 5, .. })
        ));
        assert!(passphrase.check_strength().is_ok());
    }
}
