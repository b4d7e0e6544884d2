//! A client that downloads one target, with asynchronous HTTP.
//!
//! ```text
//! async_client ROOT URL DIRECTORY TARGET
//! async_client ROOT offline DIRECTORY TARGET
//! ```
//!
//! The same as `blocking_client`, which says what the arguments are; only [`Remote`] waits differently. Its files are
//! small and written in the place of the one task there is; where there are others, give the store a thread of its own.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

mod store;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Response, StatusCode};
use sealdex_tuf::{Answer, Request, Step, TargetPath, Updater};
use store::Store;

/// The whole time of one fetch, from the name lookup to the last byte: a server that sends a byte a minute, each just
/// in time, is stopped as well. Large targets get more, at this rate.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const MIN_BYTES_PER_SECOND: u64 = 10_000;

/// The length of a target is what its role signed. A role that is trusted with one file need not be with the whole
/// disk.
const MAX_TARGET_BYTES: u64 = 1 << 30;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, url, directory, target] = arguments.as_slice() else {
        eprintln!("usage: async_client ROOT URL|offline DIRECTORY TARGET");
        return ExitCode::from(2);
    };
    match run(Path::new(root), url, Path::new(directory), target).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(attack) = error.downcast_ref().and_then(sealdex_tuf::Error::attack) {
                eprintln!("this looks like: {attack}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(root: &Path, url: &str, directory: &Path, target: &str) -> Result<()> {
    let path = TargetPath::parse(target)?;
    let store = Store::open(directory)?;
    let remote = if url == "offline" { None } else { Some(Remote::new(url)?) };
    let mut updater = store.updater(root)?;

    drive(&mut updater, &store, remote.as_ref()).await?;
    if let Some(trusted) = updater.trusted() {
        let (version, expires) = (trusted.timestamp().common.version, trusted.expires());
        println!("refreshed: timestamp version {version}, good until {expires}");
    }

    updater.search(path)?;
    drive(&mut updater, &store, remote.as_ref()).await?;
    // Verified metadata says that there is no such target: that is an answer, and not a failure of the search.
    let Some(target) = updater.found()? else { bail!("the repository has no target {target:?}") };
    println!("found: {} bytes, by {}", target.file().length, target.role());
    if target.file().length > MAX_TARGET_BYTES {
        bail!("{} is longer than the limit of {MAX_TARGET_BYTES} bytes", target.path());
    }

    if let Some(path) = store.downloaded(target)? {
        println!("verified: {} (downloaded before)", path.display());
        return Ok(());
    }
    let Some(remote) = remote else { bail!("offline, and {} was not downloaded before", target.path()) };
    let mut download = store.download(target)?;
    let Some(mut response) = remote.get("targets", &target.url_path(), target.file().length).await? else {
        bail!("the repository lists {} and does not have it", target.path());
    };
    while let Some(chunk) = response.chunk().await.context("the target cannot be read to its end")? {
        download.write(&chunk)?;
    }
    println!("verified: {}", download.finish()?.display());
    Ok(())
}

/// Does what the updater says until it is done, in the order in which it says it.
async fn drive(updater: &mut Updater, store: &Store, remote: Option<&Remote>) -> Result<()> {
    loop {
        let answer = match updater.step()? {
            Step::Done => return Ok(()),
            Step::Read(role) => store.read(&role)?.map_or(Answer::Absent, Answer::Bytes),
            Step::Fetch(request) => match remote {
                Some(remote) => remote.metadata(&request).await?,
                None => store.fetch_offline(&request)?,
            },
            Step::Write(role, bytes) => {
                store.write(&role, &bytes)?;
                Answer::Written
            }
            Step::Delete(role) => {
                store.delete(&role)?;
                Answer::Written
            }
        };
        updater.answer(answer)?;
    }
}

struct Remote {
    client: Client,
    base: String,
}

impl Remote {
    fn new(url: &str) -> Result<Self> {
        // Only https needs it; fails where a provider was chosen before, which is as good.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Ok(Self { client: Client::builder().build()?, base: url.trim_end_matches('/').to_owned() })
    }

    async fn metadata(&self, request: &Request) -> Result<Answer> {
        let Some(mut response) = self.get("metadata", &request.path, 0).await? else {
            return Ok(Answer::Absent);
        };
        let mut bytes = Vec::new();
        let context = || format!("{} cannot be read to its end", request.path);
        while let Some(chunk) = response.chunk().await.with_context(context)? {
            bytes.extend_from_slice(&chunk);
            // More than allowed: the updater sees it and refuses; no endless file fills the memory.
            if bytes.len() as u64 > request.max_bytes {
                break;
            }
        }
        Ok(Answer::Bytes(bytes))
    }

    /// `None` where the repository says that it has no such file. Any other failure is an error: a lost connection that
    /// passed for "there is no newer root" would keep the client at the old one.
    async fn get(&self, directory: &str, path: &str, length: u64) -> Result<Option<Response>> {
        let time_limit = TIME_LIMIT + Duration::from_secs(length / MIN_BYTES_PER_SECOND);
        let url = format!("{}/{directory}/{path}", self.base);
        let response = self.client.get(&url).timeout(time_limit).send().await?;
        match response.status() {
            // Object stores say 403 for what is not there.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
            _ => Ok(Some(response.error_for_status()?)),
        }
    }
}
