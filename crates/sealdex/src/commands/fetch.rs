//! `sealdex fetch TARGET`: one target of any trusted repository, verified.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sealdex_client::{Policies, Publisher, Session};
use sealdex_simple::layout;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::{TargetPath, VerifiedTarget};
use serde_json::json;

use super::trusted::{choose_one, refused};
use crate::cli::{FetchArguments, Format};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, bytes, result, say, spinner, styled};

/// Targets up to this size are verified in memory before they are written to standard output.
const MAX_STANDARD_OUTPUT_BYTES: u64 = 256 << 20;

pub(super) async fn run(arguments: FetchArguments, format: Format) -> Result<(), Failure> {
    let path =
        TargetPath::parse(arguments.target.as_str()).map_err(|error| Failure::new(Kind::Usage, error))?;
    let chosen = choose_one(&arguments.store, layout::project_of(path.as_str()).as_ref()).await?;
    let waiting = spinner(format!("fetching {path}"));
    let session = chosen.session().await?;
    let Some(target) = session.target(&path).await.map_err(refused)? else {
        return Err(Failure::message(
            Kind::Failed,
            format!("{} has no target {path}", chosen.repository.name().as_str()),
        )
        .hint("target paths are exact: simple/PROJECT/index.json, files/PROJECT/FILENAME"));
    };
    let policies = &chosen.client.settings().policies;
    if !policies.is_empty()
        && judge(policies, &session, &target, chosen.client.now()).await? == Judged::NoProjects
        && !arguments.store.policy.policies.is_empty()
    {
        let message = format!("policies are of projects, and {path} is no project's page or file");
        return Err(Failure::message(Kind::Usage, message).hint("leave --policy out"));
    }
    if arguments.output.as_deref() == Some(Path::new("-")) {
        let content = session.read_target(&target, MAX_STANDARD_OUTPUT_BYTES).await.map_err(refused)?;
        waiting.finish_and_clear();
        std::io::stdout().write_all(&content)?;
        return Ok(());
    }
    let output = arguments.output.map_or_else(|| default_output(&path), Ok)?;
    session.download_target(&target, &output).await.map_err(refused)?;
    waiting.finish_and_clear();
    let summary = json!({
        "target": path.as_str(),
        "output": output,
        "length": target.file().length,
        "hashes": target.file().hashes.iter().collect::<std::collections::BTreeMap<_, _>>(),
        "role": target.role().as_str(),
        "snapshot": session.versions().snapshot,
    });
    result(format, &summary, || {
        let length = bytes(target.file().length);
        say(format!("{} {} ({length})", styled(GOOD, "verified"), output.display()));
        say(format!("  signed by role {} in snapshot {}", target.role(), session.versions().snapshot));
    })?;
    Ok(())
}

/// Whether policies have anything to say of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Allowed,
    /// It is no project's page or file.
    NoProjects,
}

/// Refuses what an installer would be refused: a project's page of which nothing is left, or a file of one.
async fn judge(
    policies: &Policies,
    session: &Session,
    target: &VerifiedTarget,
    now: Timestamp,
) -> Result<Judged, Failure> {
    let path = target.path().as_str();
    let Some(project) = layout::project_of(path) else { return Ok(Judged::NoProjects) };
    let page_path = layout::index_page_target_path(&project);
    let file = path.strip_prefix(&format!("files/{project}/")).filter(|file| !file.contains('/'));
    if file.is_none() && path != page_path {
        return Ok(Judged::NoProjects);
    }
    let Some(page) = session.page(&project).await.map_err(refused)? else { return Ok(Judged::NoProjects) };
    for publisher in [page.publisher(), &Publisher::of(target)] {
        policies.check_publisher(&project, publisher).map_err(refused)?;
    }
    let checked = match file {
        None => policies.check_page(page.page(), now),
        Some(file) => {
            let sealed = target.file().hashes.digest(HashAlgorithm::Sha256);
            let listed = page
                .page()
                .file(file)
                .filter(|listed| listed.sha256().is_some_and(|own| Some(own) == sealed));
            let Some(listed) = listed else {
                let message = format!("the signed page of {project} does not list {file} as it is sealed");
                return Err(Failure::message(Kind::Refused, message)
                    .hint("policies judge by what is on the page; tell the index's operator"));
            };
            policies.check_file(&project, listed, now)
        }
    };
    checked.map_err(refused)?;
    Ok(Judged::Allowed)
}

/// The target's last path segment, if it can be a file name here.
fn default_output(path: &TargetPath) -> Result<PathBuf, Failure> {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let plain = !matches!(name, "" | "." | "..")
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control);
    if !plain {
        return Err(Failure::message(Kind::Usage, format!("{path} is no name for a file"))
            .hint("name one with --output"));
    }
    Ok(PathBuf::from(name))
}
