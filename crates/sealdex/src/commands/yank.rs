//! `sealdex yank`: mark a release as not to be chosen by default (PEP 592).

use sealdex_repository::{Actor, Transaction};
use sealdex_simple::{DistributionFilename, FileName, ProjectName};
use serde_json::json;

use super::publish::Publisher;
use crate::cli::{Format, YankArguments};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, count, result, say, styled};

pub(super) async fn run(arguments: YankArguments, format: Format) -> Result<(), Failure> {
    let project = ProjectName::parse(&arguments.project).map_err(|error| Failure::new(Kind::Usage, error))?;
    // It is on the terminal of whoever installs that release.
    if arguments.reason.as_deref().is_some_and(|reason| reason.chars().any(char::is_control)) {
        return Err(Failure::message(
            Kind::Usage,
            "a reason is one line of text, without control characters",
        ));
    }
    let mut publisher = Publisher::open(&arguments.repository.repository, &arguments.online).await?;
    let files = release(&publisher, &project, &arguments.version).await?;
    let mut receipts = Vec::new();
    for filename in &files {
        let (project, filename) = (project.clone(), filename.clone());
        let transaction = if arguments.undo {
            Transaction::Unyank { project, filename }
        } else {
            Transaction::Yank { project, filename, reason: arguments.reason.clone() }
        };
        receipts.push(publisher.repository.submit(transaction, Actor::Local).await?);
    }
    let snapshot = publisher.publish(&receipts).await?.map(|published| published.snapshot_version.number());
    let names: Vec<_> = files.iter().map(FileName::as_str).collect();
    result(
        format,
        &json!({ "project": project.as_str(), "files": names, "yanked": !arguments.undo, "snapshot": snapshot }),
        || {
            let word = if arguments.undo { "offered again:" } else { "yanked" };
            let files = count(names.len(), "file", "files");
            say(format!("{} {} {} ({files})", styled(GOOD, word), project.as_str(), arguments.version));
        },
    )?;
    Ok(())
}

/// The files of a release: versions are compared as PEP 440 compares them, so 1.0 is 1.0.0.
async fn release(
    publisher: &Publisher<'_>,
    project: &ProjectName,
    version: &str,
) -> Result<Vec<FileName>, Failure> {
    let Some(page) = publisher.repository.project_page(project).await? else {
        return Err(Failure::message(Kind::Failed, format!("there is no project {}", project.as_str())));
    };
    // A version is read the way a file name holds it, so that both are compared alike.
    let wanted =
        DistributionFilename::parse(&format!("{}-{version}.tar.gz", project.as_str().replace('-', "_")))
            .map_err(|_| Failure::message(Kind::Usage, format!("{version} is not a version (PEP 440)")))?;
    let files = page.page.files.iter().filter(|file| {
        DistributionFilename::parse_for(project, file.filename.as_str())
            .is_ok_and(|name| name.version() == wanted.version())
    });
    let files: Vec<_> = files.map(|file| file.filename.clone()).collect();
    if files.is_empty() {
        let message = format!("{} has no release {version}", project.as_str());
        return Err(Failure::message(Kind::Failed, message)
            .hint(format!("its versions: {}", page.page.versions.join(", "))));
    }
    Ok(files)
}
