//! `sealdex uv`: uv from PATH, as in `sealdex run`.

use sealdex_testkit::process::Output;
use sealdex_testkit::python;

use crate::project::{EVIL, INDEX, Project, alpha_in, pyproject, uv, uv_index};
use crate::support::PATIENCE;

/// `sealdex uv ARGUMENTS` in `folder`, where uv is found by its name alone.
fn sealdex_uv(project: &Project, folder: &str, arguments: &[&str]) -> Output {
    let mut command = project.sealdex_command(folder, &[&["uv"], arguments].concat());
    // A cache, as users have it and other tests do not.
    command.env("PATH", uv().parent().unwrap()).env("UV_NO_CACHE", "0");
    python::run(&mut command, PATIENCE)
}

#[test]
fn uv_locks_and_syncs_with_its_index_and_a_cache_of_its_own() {
    let project = Project::new();
    for folder in ["bare", "sealed"] {
        project.write(folder, "pyproject.toml", &pyproject(&uv_index(INDEX)));
    }
    project.bare("bare", &uv(), &["lock"]).expect_success();
    sealdex_uv(&project, "sealed", &["lock"]).expect_success();
    assert_eq!(project.read("bare", "uv.lock"), project.read("sealed", "uv.lock"));

    sealdex_uv(&project, "sealed", &["sync", "--frozen"]).expect_success();
    assert_eq!(alpha_in(&project.stage.path("sealed")), "1.0 2.0");
    assert!(project.stage.path("cache/installers/play/uv").is_dir());
    assert!(!project.stage.path("home/.cache/uv").join("archive-v0").exists());
}

#[test]
fn another_index_is_refused_and_uvs_exit_code_passed_on() {
    let project = Project::new();
    project.write("app", "pyproject.toml", &pyproject(&uv_index(EVIL)));
    let output = sealdex_uv(&project, "app", &["sync"]);
    project.assert_nobody_was_at_the_evil_index(&output);
    assert_eq!(output.code(), Some(2), "{}", output.report());

    // What is in another cache, nobody has verified.
    for option in [&["--cache-dir", "own"][..], &["--cache-dir=own"]] {
        let output = sealdex_uv(&project, "app", &[&["sync"], option].concat());
        assert_eq!(output.code(), Some(2), "{}", output.report());
        assert!(output.stderr.contains("files that nobody has verified"), "{}", output.report());
    }

    // As `sealdex run`, it does not start where uv's own settings would lead around the proxy.
    project.write("app", "uv.toml", "https-proxy = \"http://127.0.0.1:9\"\n");
    let output = sealdex_uv(&project, "app", &["sync"]);
    assert_eq!(output.code(), Some(2), "{}", output.report());
    assert!(output.stderr.contains("sets https-proxy"), "{}", output.report());
}

#[test]
fn without_uv_it_says_so() {
    let project = Project::new();
    let mut command = project.sealdex_command("app", &["uv", "sync"]);
    // A folder of the current one, and a file that nobody may run, are no uv.
    project.write("app", "uv", "");
    let nowhere = project.stage.path("app");
    let output = python::run(command.env("PATH", &nowhere), PATIENCE);
    assert_eq!(output.code(), Some(1), "{}", output.report());
    assert!(output.stderr.contains("there is no uv on PATH"), "{}", output.report());
}
