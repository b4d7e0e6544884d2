//! `cargo xtask wheel`: the wheels that `pip install sealdex` takes, built by maturin as pyproject.toml says.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::command;
use crate::python;
use crate::workspace::Workspace;

/// How to build.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Cargo's profile; `dev` is for trying things.
    #[arg(long, default_value = "dist")]
    profile: String,

    /// One wheel alone, linked to this machine's libraries: for machines as new as this one.
    #[arg(long)]
    native: bool,
}

/// A kind of system, and the tag of the oldest one that the wheel is for.
struct Platform {
    target: String,
    tag: &'static str,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let platforms = if arguments.native { Vec::new() } else { platforms(workspace)? };
    let environments = match platforms.is_empty() {
        true => python::ensure(workspace)?,
        false => python::ensure_with_zig(workspace)?,
    };
    let _data = Data::write(workspace)?;
    let maturin = |more: &[&str]| -> Result<()> {
        let program = environments.join("maturin/bin/maturin");
        let mut build = workspace.program(&program, &[environments.join("zig/bin")])?;
        build.args(["build", "--profile", &arguments.profile, "--out"]).arg(wheels(workspace)).args(more);
        build.env("CARGO_ENCODED_RUSTFLAGS", without_own_paths(workspace));
        command::run(&mut build)
    };
    if platforms.is_empty() {
        maturin(&[])?;
    }
    for Platform { target, tag } in &platforms {
        maturin(&["--zig", "--target", target, "--compatibility", tag])?;
    }
    strip_paths(workspace)?;
    println!("wheels are in {}", wheels(workspace).display());
    Ok(())
}

/// Takes the folder of the workspace out of each wheel.
fn strip_paths(workspace: &Workspace) -> Result<()> {
    let folder = wheels(workspace);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            let mut strip = Command::new("python3");
            strip.arg(workspace.root.join("xtask/src/strip_paths.py")).arg(&path).arg(&workspace.root);
            command::run(&mut strip)?;
        }
    }
    Ok(())
}

fn wheels(workspace: &Workspace) -> PathBuf {
    workspace.target.join("wheels")
}

/// Flags with which the binary does not say where it was built: messages of a panic name source files.
fn without_own_paths(workspace: &Workspace) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = [(Some(workspace.root.clone()), "/sealdex"), (home, "/cargo")];
    let flags = folders
        .into_iter()
        .filter_map(|(folder, name)| Some(format!("--remap-path-prefix={}={name}", folder?.to_str()?)));
    // The separator of that variable.
    flags.collect::<Vec<_>>().join("\u{1f}")
}

/// The Linux systems that can be built for here; none on other systems, which are built for as they are.
fn platforms(workspace: &Workspace) -> Result<Vec<Platform>> {
    if !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    let platform = |library: &str, tag| Platform {
        target: format!("{}-unknown-linux-{library}", env::consts::ARCH),
        tag,
    };
    // glibc 2.17 is the oldest that Rust's own libraries run on; musl 1.2 is what Rust brings along.
    let all = [platform("gnu", "manylinux2014"), platform("musl", "musllinux_1_2")];
    let mut print = workspace.program(Path::new("rustc"), &[])?;
    let output = print.args(["--print", "sysroot"]).output().context("cannot start rustc")?;
    let libraries = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("lib/rustlib");
    let (there, missing): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|platform| libraries.join(&platform.target).is_dir());
    for Platform { target, tag } in missing {
        println!("no wheel for {tag} is built: `rustup target add {target}` first");
    }
    Ok(there)
}

/// The folder whose files maturin puts beside the binary: the manual and the completions. Removed when dropped.
struct Data(PathBuf);

impl Data {
    fn write(workspace: &Workspace) -> Result<Self> {
        let mut build = workspace.cargo()?;
        // The development build says the same as any other, and runs on this machine.
        command::run(build.args(["build", "--package", "sealdex"]))?;
        let data = Self(workspace.root.join("sealdex.data"));
        let share = data.0.join("data/share");
        fs::create_dir_all(&share).with_context(|| format!("cannot make {}", share.display()))?;
        command::run(Command::new(workspace.sealdex()).arg("man").arg(&share))?;
        Ok(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // Left over, it is overwritten the next time; git ignores it.
        drop(fs::remove_dir_all(&self.0));
    }
}
