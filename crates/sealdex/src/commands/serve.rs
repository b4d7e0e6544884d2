//! `sealdex serve`: metadata, pages, files, uploads; and the process that publishes.

use std::sync::Arc;

use sealdex_repository::{Repository, SnapshotProcess, Turn};
use sealdex_server::{Server, ServerConfig, WriterState};
use sealdex_tuf::Signer;
use tokio::sync::oneshot;

use super::publish::{online_key, open, root_file};
use crate::cli::ServeArguments;
use crate::failure::{Failure, Kind};
use crate::output::{GOOD, WARNING, styled, tell};
use crate::shutdown;

pub(super) async fn run(arguments: ServeArguments) -> Result<(), Failure> {
    let repository = open(&arguments.repository.repository).await?;
    let mut config = server_config(&repository)?;
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    }
    let writer = writer(&repository, &arguments).await?;
    let server = Server::bind(repository.clone(), config).await.map_err(unbound)?;
    let address = server.local_addr();
    tell(format!("{} http://{address}/simple/", styled(GOOD, "serving")));
    if repository.is_development().await? {
        tell(styled(WARNING, "DEVELOPMENT KEYS: this repository protects nobody"));
    }
    tell(format!(
        "  trust it:  sealdex trust add NAME http://{address}/ --root {}",
        root_file(&repository).display()
    ));
    tell(format!("  upload:    twine upload --repository-url http://{address}/legacy/ dist/*"));
    serve(server, writer).await
}

fn unbound(error: sealdex_server::Error) -> Failure {
    let busy = matches!(error, sealdex_server::Error::Listen { .. });
    let failure = Failure::new(Kind::Failed, error);
    if busy { failure.hint("choose another address with --listen ADDRESS:PORT") } else { failure }
}

/// Who publishes, as far as this process is concerned.
enum Writer {
    /// Another process.
    Elsewhere,
    /// This one.
    Here(SnapshotProcess),
    /// This one whenever no other does.
    InTurn(Repository, Arc<dyn Signer>),
}

async fn writer(repository: &Repository, arguments: &ServeArguments) -> Result<Writer, Failure> {
    if arguments.no_writer {
        return Ok(Writer::Elsewhere);
    }
    let key = online_key(repository.directory(), &arguments.online)?;
    if repository.is_shared() {
        return Ok(Writer::InTurn(repository.clone(), key));
    }
    SnapshotProcess::acquire(repository, key).await?.map(Writer::Here).ok_or_else(|| {
        Failure::message(Kind::Failed, "another process publishes in this repository")
            .hint("stop it, or serve beside it with --no-writer")
    })
}

/// Serves until asked to stop. The process that publishes outlives the server, because uploads under way wait for it.
async fn serve(server: Server, writer: Writer) -> Result<(), Failure> {
    if let Writer::Elsewhere = writer {
        server.run(shutdown::requested()).await;
        return Ok(());
    }
    let health = server.writer_health();
    let (stop, stopped) = oneshot::channel::<()>();
    let (writer_ended, writer_end) = oneshot::channel::<()>();
    let writer = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        let outcome = match writer {
            Writer::Elsewhere => Ok(()),
            Writer::Here(process) => {
                health.set(WriterState::Running);
                process.run(stopped).await
            }
            Writer::InTurn(repository, key) => {
                let told = |turn: Turn| health.set(turn.into());
                SnapshotProcess::take_turns(&repository, key, told, stopped).await
            }
        };
        health.set(WriterState::Stopped);
        drop(writer_ended);
        outcome
    });
    server
        .run(async move {
            tokio::select! {
                () = shutdown::requested() => {}
                // A server whose uploads nobody publishes is worse than none.
                _ = writer_end => {}
            }
        })
        .await;
    drop(stop);
    Ok(writer.await??)
}

/// The `[server]` table of the repository's settings.
pub(super) fn server_config(repository: &Repository) -> Result<ServerConfig, Failure> {
    let table = repository.settings().server.clone();
    toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        let file = repository.directory().settings_file();
        Failure::message(Kind::Usage, format!("{}: [server]: {}", file.display(), error.message()))
    })
}
