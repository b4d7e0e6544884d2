//! Where passphrases come from: a file, the environment, or the person at the terminal.

use std::io::{self, IsTerminal};
use std::path::Path;

use sealdex_keys::Passphrase;

use crate::environment;
use crate::failure::{Failure, Kind};

/// Where to look for a passphrase, in this order: file, environment variable, terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// What it opens, as in "the online key".
    pub(crate) what: &'a str,
    /// The file named by a flag.
    pub(crate) file: Option<&'a Path>,
    /// The flag that names a file.
    pub(crate) flag: &'a str,
    /// The environment variable that holds it.
    pub(crate) variable: &'a str,
}

impl Source<'_> {
    /// The passphrase of existing keys.
    pub(crate) fn existing(self) -> Result<Passphrase, Failure> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => self.ask(&format!("Passphrase of {}: ", self.what)),
        }
    }

    /// A passphrase for keys that are being made: typed twice where a person types it.
    pub(crate) fn new_one(self) -> Result<Passphrase, Failure> {
        let given = self.given()?;
        let typed = given.is_none();
        let passphrase = match given {
            Some(passphrase) => passphrase,
            None => self.ask(&format!("New passphrase for {}: ", self.what))?,
        };
        passphrase.check_strength().map_err(|error| {
            Failure::new(Kind::Usage, error).hint("nothing was made; choose a longer one")
        })?;
        if typed && passphrase != self.ask("The same again: ")? {
            return Err(Failure::message(Kind::Usage, "the two passphrases differ")
                .hint("nothing was made; begin again"));
        }
        Ok(passphrase)
    }

    fn given(self) -> Result<Option<Passphrase>, Failure> {
        if let Some(file) = self.file {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Failure::message(Kind::Failed, format!("passphrase file {}: {error}", file.display()))
            })?;
            return Ok(Some(Passphrase::new(text)));
        }
        Ok(environment::text(self.variable).map(Passphrase::new))
    }

    fn ask(self, prompt: &str) -> Result<Passphrase, Failure> {
        if !io::stdin().is_terminal() {
            let message =
                format!("a passphrase is needed for {}, and there is no terminal to ask at", self.what);
            return Err(Failure::message(Kind::Usage, message)
                .hint(format!("give it with {} FILE or in {}", self.flag, self.variable)));
        }
        Ok(Passphrase::new(rpassword::prompt_password(prompt)?))
    }
}
