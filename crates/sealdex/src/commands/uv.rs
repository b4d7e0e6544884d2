//! `sealdex uv`: the user's own uv, as in `sealdex run`.

use std::ffi::OsString;
use std::process::ExitCode;

use super::programs;
use crate::cli::UvArguments;
use crate::failure::{Failure, Kind};

pub(super) async fn run(arguments: &UvArguments) -> Result<ExitCode, Failure> {
    let uv = programs::on_path("uv").ok_or_else(|| {
        Failure::message(Kind::Failed, "there is no uv on PATH")
            .hint("install uv, or put the folder that it is in on PATH")
    })?;
    let words: Vec<OsString> =
        std::iter::once(uv.into_os_string()).chain(arguments.arguments.iter().cloned()).collect();
    super::run::run("uv", &arguments.interposition, &words).await
}
