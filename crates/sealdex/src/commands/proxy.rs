//! `sealdex proxy`: the verifying proxy alone, for any installer.

use std::time::Duration;

use sealdex_client::{Outcome, ProxyOptions, SnapshotPolicy, VerifyingProxy};

use super::installer::give_up;
use super::trusted::{choose, refused};
use super::watch::{Remember, Watch};
use crate::cli::ProxyArguments;
use crate::failure::Failure;
use crate::output::{BAD, GOOD, plain, styled, tell};
use crate::shutdown;

pub(super) async fn run(arguments: ProxyArguments) -> Result<(), Failure> {
    let watch = Watch::begin(Remember::Count);
    let chosen = choose(&arguments.store).await;
    let chosen = chosen.map_err(|failure| give_up(&watch, None, failure))?;
    let options = ProxyOptions::default()
        .snapshots(SnapshotPolicy::RefreshAfter(Duration::from_secs(arguments.refresh_after)))
        .offline(chosen.offline)
        .on_decision(move |decision| {
            watch.hear(decision);
            if let Outcome::Refused(refused) = &decision.outcome {
                let attack = refused.attack.as_ref().map(|attack| format!(" ({attack})")).unwrap_or_default();
                tell(format!("{} {}{attack}", styled(BAD, "refused:"), plain(&refused.message)));
            }
        });
    let (client, repositories) = (&chosen.client, &chosen.repositories);
    let proxy = match arguments.inherited {
        Some(listener) => VerifyingProxy::start_on(client, repositories, listener, options),
        None => VerifyingProxy::start(client, repositories, arguments.listen, options).await,
    };
    let proxy = proxy.map_err(refused)?;
    tell(format!("{} {} at {}", styled(GOOD, "verifying"), chosen.names(), proxy.index_url()));
    let (index, host) = (proxy.index_url(), proxy.address().ip());
    tell(format!("  pip install --timeout 600 --index-url {index} --trusted-host {host} ..."));
    tell(format!("  UV_HTTP_TIMEOUT=600 uv pip install --default-index {index} ..."));
    tell("  (Files are handed out when all of them is verified: large ones take a while to begin.)");
    tell("  These flags leave other sources open; `sealdex pip` closes them. Stop with Ctrl-C.");
    let idle = async {
        match arguments.exit_when_idle {
            Some(seconds) => proxy.idle(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shutdown::requested() => {}
        () = idle => {}
    }
    proxy.shutdown().await;
    Ok(())
}
