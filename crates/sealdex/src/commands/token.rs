//! `sealdex token`: who may upload.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sealdex_repository::{Action, Projects, Repository, Token, TokenId, TokenScope};
use sealdex_simple::ProjectName;
use serde::Serialize;
use serde_json::json;

use super::publish::open;
use crate::cli::{Format, TokenArguments, TokenCommand};
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, WARNING, result, say, styled, table};

#[derive(Serialize)]
struct Row {
    id: String,
    projects: Vec<String>,
    created: Timestamp,
    expires: Option<Timestamp>,
    revoked: Option<Timestamp>,
}

impl Row {
    fn of(token: &Token) -> Self {
        let projects = match &token.scope.projects {
            Projects::All => vec!["*".to_owned()],
            Projects::Only(names) => names.iter().map(|name| name.as_str().to_owned()).collect(),
        };
        Self {
            id: token.id.to_string(),
            projects,
            created: token.created,
            expires: token.scope.expires,
            revoked: token.revoked,
        }
    }
}

pub(super) async fn run(arguments: TokenArguments, format: Format) -> Result<(), Failure> {
    let repository = open(&arguments.repository).await?;
    match arguments.command {
        TokenCommand::Create { projects, days } => create(&repository, &projects, days, format).await,
        TokenCommand::List => {
            let rows: Vec<Row> = repository.tokens().await?.iter().map(Row::of).collect();
            result(format, &rows, || {
                let cells = rows.iter().map(|row| {
                    let expires = row.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
                    let revoked = row.revoked.map(|time| time.to_string()).unwrap_or_default();
                    [row.id.clone(), row.projects.join(" "), row.created.to_string(), expires, revoked]
                });
                say(table(["id", "projects", "created", "expires", "revoked"], cells));
            })?;
            Ok(())
        }
        TokenCommand::Revoke { id } => {
            let Some(token) = TokenId::parse(&id) else {
                return Err(Failure::message(Kind::Usage, "that is not a token's identifier")
                    .hint("see `sealdex token list`; an identifier has 16 hexadecimal digits"));
            };
            repository.revoke_token(&token).await?;
            result(format, &json!({ "revoked": id }), || say(format!("{} {id}", styled(GOOD, "revoked"))))?;
            Ok(())
        }
    }
}

async fn create(
    repository: &Repository,
    projects: &[String],
    days: u32,
    format: Format,
) -> Result<(), Failure> {
    let names = projects.iter().map(|name| ProjectName::parse(name)).collect::<Result<BTreeSet<_>, _>>();
    let names = names.map_err(|error| Failure::new(Kind::Usage, error))?;
    let expires = match days {
        0 => None,
        days => Some(Timestamp::now().checked_add(SignedDuration::from_hours(i64::from(days) * 24))?),
    };
    let scope = TokenScope {
        projects: if names.is_empty() { Projects::All } else { Projects::Only(names) },
        actions: BTreeSet::from([Action::Upload]),
        expires,
    };
    let (id, secret) = repository.create_token(scope).await?;
    result(format, &json!({ "id": id.as_str(), "token": secret.expose(), "expires": expires }), || {
        say(secret.expose());
        say(styled(WARNING, "It is shown this once. Keep it where passwords are kept."));
        say("  twine upload --repository-url URL/legacy/ --username __token__ --password TOKEN dist/*");
        say("  uv publish --publish-url URL/legacy/ --token TOKEN dist/*");
    })?;
    Ok(())
}
