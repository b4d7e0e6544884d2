//! What verification costs those who install: the same installation with and without Sealdex, in pairs; and the proxy's
//! memory while a large wheel passes through it.

mod stream;
mod user;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::wheel::WheelBuilder;

use crate::figures::{Row, Spread};
use crate::scene::memory;
use user::User;

pub(crate) use stream::measure as measure_stream;

const WARM_PAIRS: usize = 15;
const COLD_PAIRS: usize = 7;
const GENERATED: usize = 30;
/// What is installed by pip, with all that it needs.
const PACKAGES: [&str; 10] = [
    "requests",
    "urllib3",
    "idna",
    "certifi",
    "charset-normalizer",
    "click",
    "jinja2",
    "markupsafe",
    "packaging",
    "six",
];

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let mut rows = pip()?;
    rows.extend(uv()?);
    Ok(rows)
}

/// `pip install` of ten packages from the registry, in a new folder each time.
fn pip() -> anyhow::Result<Vec<Row>> {
    let user = User::new(&memory())?;
    let (files, what) = packages(&user)?;
    user.add(&files)?;
    user.trust()?;
    let target = |name: &str| -> anyhow::Result<PathBuf> { user.emptied(name) };
    let (python, index) = (Environment::python(), format!("{}simple/", user.url()));
    let plain = || -> anyhow::Result<Command> {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--index-url", &index, "--trusted-host", "127.0.0.1", "--target"]);
        pip.arg(target("plain")?).args(PACKAGES).env("PIP_CACHE_DIR", user.path("plain-cache"));
        Ok(pip)
    };
    let sealed = || -> anyhow::Result<Command> {
        let mut pip = user.sealdex(&["pip", "--python"]);
        pip.arg(&python).args(["install", "--target"]).arg(target("sealed")?).args(PACKAGES);
        Ok(pip)
    };
    let mut rows =
        in_pairs(&format!("warm pip install of ten {what} packages"), WARM_PAIRS, &plain, &sealed)?;
    rows.extend(in_pairs(
        &format!("cold pip install of ten {what} packages"),
        COLD_PAIRS,
        &|| {
            user.emptied("plain-cache")?;
            plain()
        },
        &|| {
            user.forget()?;
            sealed()
        },
    )?);
    Ok(rows)
}

/// `uv sync` of thirty small packages from a lock file, in a new environment each time.
fn uv() -> anyhow::Result<Vec<Row>> {
    let user = User::new(&memory())?;
    let dist = user.emptied("dist")?;
    let names: Vec<String> = (0..GENERATED).map(|number| format!("generated{number}")).collect();
    let files: Vec<PathBuf> =
        names.iter().map(|name| WheelBuilder::new(name, "1.0").build().write_to(&dist)).collect();
    user.add(&files)?;
    user.trust()?;
    let project = user.emptied("project")?;
    let settings = format!(
        "[project]\nname = \"measured\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = {names:?}\n\n\
         [[tool.uv.index]]\nname = \"own\"\nurl = \"{}simple/\"\ndefault = true\n",
        user.url()
    );
    std::fs::write(project.join("pyproject.toml"), settings)?;
    let uv = |arguments: &[&str]| {
        let mut uv = Command::new(Environment::uv());
        uv.args(arguments).env("UV_CACHE_DIR", user.path("plain-cache"));
        uv
    };
    let settle = |mut command: Command| {
        command.current_dir(&project).env("UV_PYTHON", Environment::python());
        command
    };
    timed(settle(uv(&["lock"])))?;
    let plain = || -> anyhow::Result<Command> {
        user.emptied("project/.venv")?;
        std::fs::remove_dir(user.path("project/.venv"))?;
        Ok(settle(uv(&["sync"])))
    };
    let sealed = || -> anyhow::Result<Command> {
        user.emptied("project/.venv")?;
        std::fs::remove_dir(user.path("project/.venv"))?;
        let mut command = user.sealdex(&["run", "--"]);
        command.arg(Environment::uv()).arg("sync");
        Ok(settle(command))
    };
    let title = |state: &str| format!("{state} uv sync of {GENERATED} generated packages");
    let mut rows = in_pairs(&title("warm"), WARM_PAIRS, &plain, &sealed)?;
    rows.extend(in_pairs(
        &title("cold"),
        COLD_PAIRS,
        &|| {
            user.emptied("plain-cache")?;
            plain()
        },
        &|| {
            user.forget()?;
            sealed()
        },
    )?);
    Ok(rows)
}

/// Wheels of the packages as the registry has them; without one in reach, small ones made here.
fn packages(user: &User) -> anyhow::Result<(Vec<PathBuf>, &'static str)> {
    let dist = user.emptied("dist")?;
    let mut download = Command::new(Environment::pip());
    download.args(["download", "--quiet", "--only-binary", ":all:", "--dest"]).arg(&dist).args(PACKAGES);
    if download.status().is_ok_and(|status| status.success()) {
        let found: Result<Vec<_>, _> =
            std::fs::read_dir(&dist)?.map(|entry| entry.map(|own| own.path())).collect();
        return Ok((found?, "real"));
    }
    let dist = user.emptied("dist")?;
    let build = |name: &&str| WheelBuilder::new(name, "1.0").build().write_to(&dist);
    Ok((PACKAGES.iter().map(build).collect(), "generated"))
}

/// Runs both in turn, the first of each pair being now the one and now the other. A pair before them is not counted.
fn in_pairs(
    title: &str,
    pairs: usize,
    plain: &dyn Fn() -> anyhow::Result<Command>,
    sealed: &dyn Fn() -> anyhow::Result<Command>,
) -> anyhow::Result<Vec<Row>> {
    let (mut without, mut with, mut more, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=pairs {
        let (own, other) = if pair % 2 == 0 {
            let own = timed(plain()?)?;
            (own, timed(sealed()?)?)
        } else {
            let other = timed(sealed()?)?;
            (timed(plain()?)?, other)
        };
        if pair == 0 {
            continue;
        }
        let [own, other] = [own, other].map(|time| time.as_secs_f64() * 1e3);
        without.push(own);
        with.push(other);
        more.push(other - own);
        ratios.push((other / own - 1.0) * 100.0);
    }
    Ok(vec![
        Row::new(format!("{title}, plain"), "ms", Spread::of(without), None),
        Row::new("... through Sealdex", "ms", Spread::of(with), None),
        Row::new("... more, in pairs", "ms", Spread::of(more), None),
        Row::new("... more, in pairs", "%", Spread::of(ratios), None),
    ])
}

fn timed(mut command: Command) -> anyhow::Result<Duration> {
    python::isolate(&mut command);
    // Unlike in tests, the caches are what is measured, and the project says which index there is.
    command.env_remove("PIP_NO_CACHE_DIR").env_remove("UV_NO_CACHE").env_remove("UV_NO_CONFIG");
    let start = Instant::now();
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    let elapsed = start.elapsed();
    let text = || String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?} failed:\n{}", text());
    Ok(elapsed)
}

/// A folder without anything in it.
fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
