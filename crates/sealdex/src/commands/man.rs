//! `sealdex man DIR`: the manual, and the completions of each shell, made of the same definitions as the help, where
//! `man` and the shells look for them below a folder `share`. The wheel and other packages hold them so.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Failure, Kind};

/// Where each shell finds completions that packages bring.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/sealdex"),
    (Shell::Zsh, "zsh/site-functions/_sealdex"),
    (Shell::Fish, "fish/vendor_completions.d/sealdex.fish"),
];

pub(super) fn run(share: &Path) -> Result<(), Failure> {
    write(share).map_err(|error| Failure::message(Kind::Failed, format!("{}: {error}", share.display())))
}

fn write(share: &Path) -> io::Result<()> {
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(Cli::command(), &pages)?;
    for (shell, place) in COMPLETIONS {
        let file = share.join(place);
        fs::create_dir_all(file.parent().unwrap_or(share))?;
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "sealdex", &mut text);
        fs::write(file, text)?;
    }
    Ok(())
}
