//! `sealdex policy`: the rules in force and where they come from, and who publishes a project, to be pinned.

use sealdex_client::{Claim, Publisher, RepositoryName};
use sealdex_simple::ProjectName;
use serde::Serialize;

use super::trusted::{choose, policies, refused};
use crate::cli::{Format, PolicyCommand, PolicyPublisherArguments, StoreArguments};
use crate::failure::{Failure, Kind};
use crate::output::{FAINT, plain, result, say, styled, table};
use crate::policy;

pub(super) async fn run(command: PolicyCommand, format: Format) -> Result<(), Failure> {
    match command {
        PolicyCommand::Show(arguments) => show(&arguments, format).await,
        PolicyCommand::Publisher(arguments) => publisher(&arguments, format).await,
    }
}

async fn show(arguments: &StoreArguments, format: Format) -> Result<(), Failure> {
    let rules = policies(arguments).await?.rules();
    result(format, &rules, || {
        if rules.is_empty() {
            say("no policy is in force: everything that verifies may be installed");
            say(styled(
                FAINT,
                format!("An administrator's would be {}; see docs/policy.md.", policy::SYSTEM),
            ));
            return;
        }
        let cells = rules.iter().map(|own| [&own.rule, &own.value, &own.source].map(|text| plain(text)));
        say(table(["rule", "value", "from"], cells));
        say(styled(FAINT, "All of them count: what one forbids, no other one allows."));
    })?;
    Ok(())
}

/// Who publishes a project now.
#[derive(Serialize)]
struct Published<'a> {
    project: &'a ProjectName,
    repository: &'a RepositoryName,
    snapshot: u64,
    publisher: &'a Publisher,
    /// The lines of a policy that pin its keys.
    pin: String,
}

async fn publisher(arguments: &PolicyPublisherArguments, format: Format) -> Result<(), Failure> {
    let project = ProjectName::parse(&arguments.project).map_err(|error| Failure::new(Kind::Usage, error))?;
    let chosen = choose(&arguments.store).await?;
    let repository = chosen.repositories.for_project(&project).map_err(refused)?;
    let session = chosen.session_of(repository).await?;
    let Some(page) = session.page(&project).await.map_err(refused)? else {
        return Err(Failure::message(
            Kind::Failed,
            format!("{} has no project {project}", repository.name()),
        ));
    };
    let publisher = page.publisher();
    let keys: Vec<String> = publisher.keys.iter().map(|own| format!("\"{}\"", own.key)).collect();
    let published = Published {
        project: &project,
        repository: repository.name(),
        snapshot: session.versions().snapshot,
        publisher,
        pin: format!("[publishers]\n{project} = [{}]", keys.join(", ")),
    };
    result(format, &published, || {
        for line in lines(&published) {
            say(line);
        }
    })?;
    Ok(())
}

fn lines(published: &Published<'_>) -> Vec<String> {
    let Published { project, repository, snapshot, publisher, pin } = published;
    let (role, version) = (plain(&publisher.role), publisher.role_version);
    let mut lines = vec![
        format!("{project} is published in {repository}, snapshot {snapshot}"),
        format!(
            "  by       the role {role}, version {version}; {} of its keys must sign",
            publisher.threshold
        ),
    ];
    for own in &publisher.keys {
        let signed = if own.has_signed { "has signed" } else { "has not signed" };
        let named = match own.key_id == own.key.to_string() {
            true => String::new(),
            false => format!(", called {} by the repository", plain(&own.key_id)),
        };
        lines.push(format!("  key      {} ({signed}{named})", own.key));
    }
    lines.push(format!(
        "  claimed  {}",
        plain(&match &publisher.claim {
            Claim::Claimed => "yes: by its developers".to_owned(),
            Claim::Unclaimed(reason) => format!("no: {reason}"),
            other => other.to_string(),
        })
    ));
    lines.push(
        "To accept it from these keys alone, once you know from its developers that they are theirs:"
            .to_owned(),
    );
    lines.extend(["", pin].map(str::to_owned));
    if publisher.claim.is_claimed() {
        lines.push(format!("{project} = \"claimed\"   # or this: whoever its developers are"));
    } else {
        lines.push(styled(FAINT, "# They are the repository's keys, which sign for other projects as well."));
    }
    lines
}
