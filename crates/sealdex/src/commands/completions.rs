//! `sealdex completions SHELL`

use clap::CommandFactory;

use crate::cli::Cli;

pub(super) fn run(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "sealdex", &mut std::io::stdout());
}
