//! Locks the Python requirements: exact versions and hashes, for every system and Python version at once.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::python;
use crate::workspace::Workspace;

const NAMES: [&str; 12] =
    ["pip", "tuf", "uv", "poetry", "pdm", "pipenv", "twine", "maturin", "zig", "s3", "callers", "pictures"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let uv = python::ensure(workspace)?.join("uv/bin/uv");
    let folder = workspace.root.join("xtask/requirements");
    for name in NAMES {
        let output = folder.join(format!("{name}.txt"));
        // Without the old file, uv would keep its versions.
        fs::remove_file(&output).with_context(|| format!("cannot remove {}", output.display()))?;
        let mut compile = Command::new(&uv);
        compile.current_dir(&folder);
        compile.args(["pip", "compile", "--quiet", "--universal", "--python-version", "3.10"]);
        compile.args(["--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]);
        // pip, asked for hashes, takes a pin without the extra for none.
        compile.arg("--no-strip-extras");
        compile.arg(format!("{name}.in")).arg("--output-file").arg(format!("{name}.txt"));
        command::run(&mut compile)?;
    }
    Ok(())
}
