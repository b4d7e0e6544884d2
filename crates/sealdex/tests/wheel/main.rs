//! The wheel, as maturin makes it of pyproject.toml, installed by real pip and uv.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::process::{self, Output};
use sealdex_testkit::python::{self, Environment, FreshEnvironment};

const PATIENCE: Duration = Duration::from_secs(120);

/// What the wheel has beside the binary, below the folder that it is installed into.
const SHARED: [&str; 5] = [
    "share/man/man1/sealdex.1",
    "share/man/man1/sealdex-trust-add.1",
    "share/bash-completion/completions/sealdex",
    "share/zsh/site-functions/_sealdex",
    "share/fish/vendor_completions.d/sealdex.fish",
];

/// Has maturin pack the binary that all tests use.
fn wheel(place: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let project = place.join("project");
    fs::create_dir_all(project.join("python/sealdex")).unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "crates", "pyproject.toml", "README.md"] {
        symlink(root.join(name), project.join(name)).unwrap();
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "python/sealdex/__init__.py", "python/sealdex/__main__.py"]
    {
        fs::copy(root.join(name), project.join(name)).unwrap();
    }
    let share = project.join("sealdex.data/data/share");
    process::run(process::sealdex().arg("man").arg(&share), PATIENCE).expect_success();

    let cargo = place.join("cargo");
    fs::write(&cargo, format!("#!{}\n{}", Environment::python().display(), include_str!("cargo.py")))
        .unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths(
        [place.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let wheels = place.join("wheels");
    let mut build = Command::new(Environment::maturin());
    build.current_dir(&project).args([
        "build",
        "--profile",
        "dev",
        "--compression-method",
        "stored",
        "--out",
    ]);
    build.arg(&wheels).env("PATH", path.unwrap()).env("CARGO", &cargo).env("REAL_CARGO", env!("CARGO"));
    build.env("BUILT_BINARY", process::sealdex().get_program());
    python::run(&mut build, PATIENCE).expect_success();
    let mut found = fs::read_dir(wheels).unwrap().map(|entry| entry.unwrap().path());
    let wheel = (found.next().unwrap(), found.next()).0;
    names_folder(&wheel, root.to_str().unwrap()).expect_success();
    // As `cargo xtask wheel` does it.
    let mut strip = Command::new(Environment::python());
    strip.arg(root.join("xtask/src/strip_paths.py")).arg(&wheel).arg(&root);
    python::run(&mut strip, PATIENCE).expect_success();
    assert_eq!(names_folder(&wheel, root.to_str().unwrap()).code(), Some(1));
    names_folder(&wheel, "path+file:///sealdex/").expect_success();
    wheel
}

/// Whether the list of components names a folder; fails as well if the wheel's members are not what its record says.
fn names_folder(wheel: &Path, folder: &str) -> Output {
    const CODE: &str = "
import base64, csv, hashlib, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
[record] = [name for name in wheel.namelist() if name.endswith('.dist-info/RECORD')]
for name, digest, size in csv.reader(wheel.read(record).decode().splitlines()):
    content = wheel.read(name)
    own = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()
    assert name == record or (digest, size) == ('sha256=' + own, str(len(content))), name
[sbom] = [name for name in wheel.namelist() if '/sboms/' in name]
sys.exit(sys.argv[2] not in wheel.read(sbom).decode())
";
    let mut command = Command::new(Environment::python());
    python::run(command.args(["-c", CODE]).arg(wheel).arg(folder), PATIENCE)
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    python::run(Command::new(program).args(arguments), PATIENCE)
}

/// That the command and the module are there and are this version, and that the folder has what belongs to them.
#[track_caller]
fn assert_is_whole(command: &Path, python: &Path, folder: &Path) {
    let version = format!("sealdex {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(command, &["--version"]).expect_success().stdout, version);
    assert_eq!(run(python, &["-m", "sealdex", "--version"]).expect_success().stdout, version);
    assert_eq!(run(python, &["-m", "sealdex", "no-such-command"]).code(), Some(2));
    for name in SHARED {
        let text = fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}")).unwrap();
        assert!(text.contains("sealdex"), "{name}");
    }
}

#[test]
fn the_wheel_is_whole_wherever_pip_and_uv_install_it() {
    let place = tempfile::tempdir().unwrap();
    let wheel = wheel(place.path());
    let wheel = wheel.to_str().unwrap();
    assert!(wheel.contains("py3-none-"), "{wheel}");

    let fresh = FreshEnvironment::create_with_pip(&place.path().join("venv"));
    run(&fresh.pip(), &["install", "--no-index", wheel]).expect_success();
    assert_is_whole(&fresh.folder().join("bin/sealdex"), &fresh.python(), fresh.folder());

    let target = place.path().join("target");
    run(&fresh.pip(), &["install", "--no-index", "--target", target.to_str().unwrap(), wheel])
        .expect_success();
    fs::remove_file(fresh.folder().join("bin/sealdex")).unwrap();
    let mut module = Command::new(fresh.python());
    module.args(["-m", "sealdex", "--version"]).env("PYTHONPATH", &target);
    python::run(&mut module, PATIENCE).expect_success();

    let (tools, bin) = (place.path().join("tools"), place.path().join("bin"));
    let mut install = Command::new(Environment::uv());
    install.args(["tool", "install", "--no-index", "--python"]).arg(Environment::python()).arg(wheel);
    install.env("UV_TOOL_DIR", &tools).env("UV_TOOL_BIN_DIR", &bin);
    python::run(&mut install, PATIENCE).expect_success();
    let tool = tools.join("sealdex");
    assert_is_whole(&bin.join("sealdex"), &tool.join("bin/python"), &tool);
}
