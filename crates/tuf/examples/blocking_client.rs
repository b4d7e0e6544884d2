//! A client that downloads one target, with blocking HTTP.
//!
//! ```text
//! blocking_client ROOT URL DIRECTORY TARGET
//! blocking_client ROOT offline DIRECTORY TARGET
//! ```
//!
//! ROOT is the root metadata that came with the software, URL has `metadata/` and `targets/` below it, DIRECTORY is the
//! client's own. Offline, a target that was downloaded before is verified against the stored metadata.
//!
//! Metadata and targets are trusted for their signatures, not for where they came from, so plain HTTP is as safe. For
//! https URLs turn on ureq's feature `rustls`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

mod store;

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sealdex_tuf::{Answer, Request, Step, TargetPath, Updater};
use store::Store;
use ureq::{Agent, Body, http::Response};

/// The whole time of one fetch, from the name lookup to the last byte: a server that sends a byte a minute, each just
/// in time, is stopped as well. Large targets get more, at this rate.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const MIN_BYTES_PER_SECOND: u64 = 10_000;

/// The length of a target is what its role signed. A role that is trusted with one file need not be with the whole
/// disk.
const MAX_TARGET_BYTES: u64 = 1 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, url, directory, target] = arguments.as_slice() else {
        eprintln!("usage: blocking_client ROOT URL|offline DIRECTORY TARGET");
        return ExitCode::from(2);
    };
    match run(Path::new(root), url, Path::new(directory), target) {
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

fn run(root: &Path, url: &str, directory: &Path, target: &str) -> Result<()> {
    let path = TargetPath::parse(target)?;
    let store = Store::open(directory)?;
    let remote = (url != "offline").then(|| Remote::new(url));
    let mut updater = store.updater(root)?;

    drive(&mut updater, &store, remote.as_ref())?;
    if let Some(trusted) = updater.trusted() {
        let (version, expires) = (trusted.timestamp().common.version, trusted.expires());
        println!("refreshed: timestamp version {version}, good until {expires}");
    }

    updater.search(path)?;
    drive(&mut updater, &store, remote.as_ref())?;
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
    let Some(response) = remote.get("targets", &target.url_path(), target.file().length)? else {
        bail!("the repository lists {} and does not have it", target.path());
    };
    let (mut body, mut buffer) = (response.into_body().into_reader(), [0; 1 << 16]);
    loop {
        match body.read(&mut buffer).context("the target cannot be read to its end")? {
            0 => break,
            read => download.write(&buffer[..read])?,
        }
    }
    println!("verified: {}", download.finish()?.display());
    Ok(())
}

/// Does what the updater says until it is done, in the order in which it says it.
fn drive(updater: &mut Updater, store: &Store, remote: Option<&Remote>) -> Result<()> {
    loop {
        let answer = match updater.step()? {
            Step::Done => return Ok(()),
            Step::Read(role) => store.read(&role)?.map_or(Answer::Absent, Answer::Bytes),
            Step::Fetch(request) => match remote {
                Some(remote) => remote.metadata(&request)?,
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
    agent: Agent,
    base: String,
}

impl Remote {
    fn new(url: &str) -> Self {
        Self { agent: Agent::new_with_defaults(), base: url.trim_end_matches('/').to_owned() }
    }

    fn metadata(&self, request: &Request) -> Result<Answer> {
        let Some(response) = self.get("metadata", &request.path, 0)? else { return Ok(Answer::Absent) };
        let mut bytes = Vec::new();
        // One byte more than allowed, so that the updater sees it and refuses; no endless file fills the memory.
        let body = response.into_body().into_reader().take(request.max_bytes.saturating_add(1));
        { body }
            .read_to_end(&mut bytes)
            .with_context(|| format!("{} cannot be read to its end", request.path))?;
        Ok(Answer::Bytes(bytes))
    }

    /// `None` where the repository says that it has no such file. Any other failure is an error: a lost connection that
    /// passed for "there is no newer root" would keep the client at the old one.
    fn get(&self, directory: &str, path: &str, length: u64) -> Result<Option<Response<Body>>> {
        let time_limit = TIME_LIMIT + Duration::from_secs(length / MIN_BYTES_PER_SECOND);
        let url = format!("{}/{directory}/{path}", self.base);
        match self.agent.get(&url).config().timeout_global(Some(time_limit)).build().call() {
            Ok(response) => Ok(Some(response)),
            // Object stores say 403 for what is not there.
            Err(ureq::Error::StatusCode(403 | 404)) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{url} cannot be fetched")),
        }
    }
}
