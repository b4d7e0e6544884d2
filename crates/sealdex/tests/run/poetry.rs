//! poetry without a source: it asks an index of its own choice, and takes dependencies from that index's JSON.

use sealdex_testkit::hostile::{HostileServer, Origin};
use sealdex_testkit::python::{self, Environment};
use serde_json::{Value, json};
use url::Url;

use crate::project::{Project, alpha_in, pyproject};
use crate::support::{PATIENCE, Stage, only_file};

const SETTINGS: &str = "[tool.poetry]\npackage-mode = false\n";

/// The index that poetry asks where nothing names one: it shows when nobody stands for it.
fn own_index() -> Url {
    let project = Project::new();
    project.write("app", "pyproject.toml", &pyproject(SETTINGS));
    let output = project.sealed("app", &Environment::poetry(), &["lock"]).expect_failure();
    let text = output.text();
    let page = text.split_whitespace().skip_while(|word| *word != "refused").nth(1);
    assert!(text.contains("sealdex refused https://"), "{}", output.report());
    let page = page.unwrap();
    let index = Url::parse(page.strip_suffix("alpha/").unwrap()).unwrap();
    let asked = project.internet.asked();
    assert!(!asked.iter().any(|host| host.starts_with(index.host_str().unwrap())), "{asked:?}");
    index
}

/// That index as plain poetry sees it: the pages as they were signed, and JSON that says what `alpha` requires.
fn serve(stage: &Stage, requires: &Value) -> HostileServer {
    let mut files = Vec::new();
    for (project, version, requires) in [("alpha", "1.0", requires), ("beta", "2.0", &json!([]))] {
        let page = only_file(&stage.path("repository/public/targets/simple").join(project), ".json");
        let page: Value = serde_json::from_slice(&std::fs::read(page).unwrap()).unwrap();
        let listed = &page["files"][0];
        let release = json!({
            "info": {
                "name": project, "version": version, "summary": "A small package made for a test", "requires_dist": requires,
                "requires_python": listed["requires-python"], "yanked": false, "yanked_reason": null,
            },
            "urls": [{
                "filename": listed["filename"], "packagetype": "bdist_wheel", "digests": listed["hashes"],
                "url": format!("https://index.example/files/{project}/{}", listed["filename"].as_str().unwrap()),
                "size": listed["size"], "upload_time_iso_8601": listed["upload-time"],
            }],
        });
        files.push((format!("/simple/{project}/"), page.to_string().into_bytes()));
        files.push((format!("/pypi/{project}/{version}/json"), release.to_string().into_bytes()));
    }
    HostileServer::start(Origin::files(files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone()))))
}

/// The lock files that poetry makes without us and with us, where the index says that `alpha` requires that; with us, it
/// then installs.
fn locks(index: &Url, requires: &Value) -> (String, String) {
    let (stage, served) = Stage::with_trusted_wheels();
    let plain = serve(&stage, requires);
    let project = Project::with(stage, served, &[(index.host_str().unwrap(), &plain.url())]);
    for folder in ["bare", "sealed"] {
        project.write(folder, "pyproject.toml", &pyproject(SETTINGS));
    }
    let poetry = Environment::poetry();
    project.bare("bare", &poetry, &["lock"]).expect_success();
    plain.clear_requests();
    for arguments in [&["lock"][..], &["install"]] {
        let mut command = project.sealed_command("sealed", &["--for", index.as_str()], &poetry, arguments);
        python::run(&mut command, PATIENCE).expect_success();
    }
    assert!(plain.requests().is_empty(), "{:?}", plain.requests());
    assert_eq!(alpha_in(&project.stage.path("sealed")), "1.0 2.0");
    (project.read("bare", "poetry.lock"), project.read("sealed", "poetry.lock"))
}

#[test]
fn its_index_is_answered_for_and_cannot_say_what_a_release_requires() {
    let index = own_index();
    let (bare, sealed) = locks(&index, &json!(["beta>=1"]));
    assert_eq!(bare, sealed);
    assert!(sealed.contains("[package.dependencies]\nbeta = \">=1\""), "{sealed}");
    // A dependency is dropped: plain poetry believes it.
    let (dropped, again) = locks(&index, &json!([]));
    assert!(!dropped.contains("beta"), "{dropped}");
    assert_eq!(again, sealed);
}
