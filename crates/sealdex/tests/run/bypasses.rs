//! Each way around an index in environment variables, with the real tool: open without us, closed with us.

use sealdex_testkit::python;

use crate::project::{EVIL, EVIL_WHEEL, INDEX, Project, alpha, environment, pip, pyproject, uv, uv_index};
use crate::support::PATIENCE;

/// Both tools install into an environment of their own with these arguments, in the project's folder `app`. Bare, the
/// evil `alpha` comes in; sealed, nothing evil does and it is not even asked for.
#[track_caller]
fn closed(project: &Project, name: &str, program: &std::path::Path, arguments: &[&str], expected: &str) {
    let words = |python: &str| {
        let words = arguments.iter().map(|word| if *word == "PYTHON" { python } else { word });
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let (sealed, python) = environment(project, &format!("{name}-sealed"));
    let own = words(&python);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let output = project.sealed("app", program, &own);
    project.assert_nobody_was_at_the_evil_index(&output);
    assert_eq!(alpha(&sealed), expected, "{}", output.report());
    assert_ne!(output.code(), Some(0), "{}", output.report());

    let open = Project::new();
    std::fs::create_dir_all(open.stage.path("app")).unwrap();
    for entry in std::fs::read_dir(project.stage.path("app")).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), open.stage.path("app").join(entry.file_name())).unwrap();
        }
    }
    let (bare, python) = environment(&open, &format!("{name}-bare"));
    let own = words(&python);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let output = open.bare("app", program, &own);
    assert_eq!(alpha(&bare), "9.0", "the way is not open, so nothing is shown\n{}", output.report());
}

const UV_INSTALL: [&str; 4] = ["pip", "install", "--python", "PYTHON"];
const PIP_INSTALL: [&str; 3] = ["--python", "PYTHON", "install"];

#[test]
fn an_index_in_a_requirements_file() {
    let project = Project::new();
    project.write("app", "requirements.txt", &format!("--index-url {EVIL}\nalpha\n"));
    let requirements = ["-r", "requirements.txt"];
    closed(&project, "pip", &pip(), &[&PIP_INSTALL[..], &requirements].concat(), "None");
    closed(&project, "uv", &uv(), &[&UV_INSTALL[..], &requirements].concat(), "None");
}

#[test]
fn a_further_index_in_pips_configuration() {
    let project = Project::new();
    let folder = project.stage.path("home/config/pip");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!("[global]\nindex-url = {INDEX}\nextra-index-url = {EVIL}\n");
    std::fs::write(folder.join("pip.conf"), &text).unwrap();
    // pip goes on without it, and installs what is sealed; that something was refused shows in the exit code.
    let (fresh, python) = environment(&project, "venv");
    let output = project.sealed("app", &pip(), &["--python", &python, "install", "alpha"]);
    project.assert_nobody_was_at_the_evil_index(&output);
    assert_eq!((alpha(&fresh).as_str(), output.code()), ("1.0", Some(3)), "{}", output.report());
    // Without us, the evil one is newer.
    let (fresh, python) = environment(&project, "bare");
    project.bare("app", &pip(), &["--python", &python, "install", "alpha"]).expect_success();
    assert_eq!(alpha(&fresh), "9.0");
}

#[test]
fn another_proxy_in_pips_configuration_and_no_proxy_at_all() {
    let project = Project::new();
    let folder = project.stage.path("home/config/pip");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!("[global]\nindex-url = {INDEX}\nproxy = http://127.0.0.1:9\n");
    std::fs::write(folder.join("pip.conf"), text).unwrap();
    let (fresh, python) = environment(&project, "venv");
    let arguments = ["--python", &python, "install", "alpha"];
    let mut command = project.sealed_command("app", &[], &pip(), &arguments);
    command.env("NO_PROXY", "*").env("no_proxy", "index.example");
    python::run(&mut command, PATIENCE).expect_success();
    assert_eq!(alpha(&fresh), "1.0");
}

/// uv's own settings count more than variables; so a run does not begin where uv would find one.
#[test]
fn another_proxy_in_uvs_configuration() {
    let project = Project::new();
    for (folder, name, text) in [
        ("home/config/uv", "uv.toml", "no-proxy = [\"*\"]\n"),
        ("app", "uv.toml", "https-proxy = \"http://127.0.0.1:9\"\n"),
        ("app", "pyproject.toml", "[tool.uv]\nhttp-proxy = \"http://127.0.0.1:9\"\n"),
    ] {
        project.write(folder, name, text);
        // Also for a folder below.
        let output = project.sealed("app/below", &uv(), &["--version"]);
        assert_eq!(output.code(), Some(2), "{}", output.report());
        assert!(output.text().contains("would lead uv around the verification"), "{}", output.report());
        let mut command = project.sealed_command("app/below", &[], &uv(), &["--version"]);
        python::run(command.env("UV_NO_CONFIG", "1"), PATIENCE).expect_success();
        if folder == "app" {
            for place in [
                &["--project", "../app"][..],
                &["--directory=../app/below"],
                &["--directory", "..", "--project", "app"],
            ] {
                let output = project.sealed("beside", &uv(), &[place, &["--version"]].concat());
                assert_eq!(output.code(), Some(2), "{}", output.report());
            }
            let mut command = project.sealed_command("beside", &[], &uv(), &["--version"]);
            let output = python::run(command.env("UV_PROJECT", "../app"), PATIENCE);
            assert_eq!(output.code(), Some(2), "{}", output.report());
        }
        std::fs::remove_file(project.stage.path(folder).join(name)).unwrap();
    }
    project.write("app", "uv.toml", "offline = true\n");
    project.sealed("app/below", &uv(), &["--version"]).expect_success();
}

#[test]
fn an_index_in_a_projects_own_settings() {
    let project = Project::new();
    project.write("app", "pyproject.toml", &pyproject(&uv_index(EVIL)));
    closed(&project, "uv", &uv(), &[&UV_INSTALL[..], &["alpha"]].concat(), "None");
    let output = project.sealed("app", &uv(), &["lock"]).expect_failure();
    project.assert_nobody_was_at_the_evil_index(&output);
}

#[test]
fn a_url_in_place_of_a_name() {
    let project = Project::new();
    let requirement = format!("alpha @ {EVIL_WHEEL}");
    closed(&project, "pip", &pip(), &[&PIP_INSTALL[..], &["--no-deps", &requirement]].concat(), "None");
    closed(&project, "uv", &uv(), &[&UV_INSTALL[..], &["--no-deps", &requirement]].concat(), "None");
}

/// Not even where it has the name of a file that the index has: it is somebody else's.
#[test]
fn a_url_that_ends_like_a_sealed_file() {
    let project = Project::new();
    let (fresh, python) = environment(&project, "venv");
    let url = "https://evil.example/files/beta-2.0-py3-none-any.whl";
    let output = project.sealed("app", &uv(), &["pip", "install", "--python", &python, url]).expect_failure();
    project.assert_nobody_was_at_the_evil_index(&output);
    assert!(output.text().contains("the signed page of beta has it elsewhere"), "{}", output.report());
    assert_eq!(alpha(&fresh), "None");
}

/// A frozen lock file names files, not the index: an attacker who changed it, or the host it names, is not met.
#[test]
fn a_frozen_lock_file() {
    let project = Project::new();
    project.write("app", "pyproject.toml", &pyproject(&uv_index(EVIL)));
    project.bare("app", &uv(), &["lock"]).expect_success();
    let lock = project.read("app", "uv.lock");
    assert!(lock.contains(EVIL_WHEEL), "{lock}");

    let again = Project::new();
    again.write("app", "pyproject.toml", &pyproject(&uv_index(EVIL)));
    again.write("app", "uv.lock", &lock);
    let output = again.sealed("app", &uv(), &["sync", "--frozen"]).expect_failure();
    again.assert_nobody_was_at_the_evil_index(&output);
    again.bare("app", &uv(), &["sync", "--frozen"]).expect_success();
}

/// What an unverified run has cached is not installed again: the tools have caches of their own.
#[test]
fn what_was_cached_before() {
    let project = Project::new();
    let requirement = format!("alpha @ {EVIL_WHEEL}");
    for (name, program, arguments) in [("pip", pip(), &PIP_INSTALL[..]), ("uv", uv(), &UV_INSTALL[..])] {
        let install = |python: &str| {
            let words = arguments.iter().map(|word| if *word == "PYTHON" { python } else { word });
            let words = words.chain(["--no-deps", requirement.as_str()]);
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let (_bare, python) = environment(&project, &format!("{name}-bare"));
        let own = install(&python);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let mut command = std::process::Command::new(&program);
        command.args(&own).current_dir(project.stage.path(""));
        command
            .env("HOME", project.stage.path("home"))
            .env_remove("PIP_NO_CACHE_DIR")
            .env_remove("UV_NO_CACHE");
        python::run(project.internet.lead(&mut command), PATIENCE).expect_success();

        let (sealed, python) = environment(&project, &format!("{name}-sealed"));
        let own = install(&python);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let mut command = project.sealed_command("app", &[], &program, &own);
        command.env_remove("PIP_NO_CACHE_DIR").env_remove("UV_NO_CACHE");
        python::run(&mut command, PATIENCE).expect_failure();
        assert_eq!(alpha(&sealed), "None", "{name}");
    }
}
