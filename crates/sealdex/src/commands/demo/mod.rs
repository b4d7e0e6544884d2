//! `sealdex demo`: the whole story on one machine. It fails if any step does not do what it claims.

mod attacker;
mod packages;
mod python;
mod server;
mod story;
mod wheels;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use sealdex_client::{InitialTrust, OfflineUse, Refusal, RepositoryName, RepositoryUrl, TrustStore};
use tempfile::TempDir;

use super::pip::start_proxy;
use super::trusted::{Chosen, client};
use super::watch::Watch;
use crate::cli::{ConnectionArguments, DemoArguments, LimitArguments};
use crate::failure::Failure;
use crate::output::{BAD, GOOD, bytes, count, say, styled, tell};
use crate::shutdown;
use packages::Packages;
use python::VirtualEnvironment;
use story::{Story, detail};

pub(super) use server::{Operator, Running};
pub(super) use wheels::{Package, build as build_wheel};

const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(120);

/// What the attacker adds to the victim's module: it shows that it ran, and does nothing else.
const PAYLOAD: &str = "\nOWNED = 'this is the attacker\\'s code'\n";

pub(super) async fn run(arguments: DemoArguments) -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("sealdex-demo-").tempdir()?;
    let scene = tell_story(&arguments, directory.path()).await?;
    if arguments.keep {
        keep(scene, directory).await?;
    } else {
        scene.running.stop().await?;
    }
    Ok(())
}

/// What is left on the stage at the end.
struct Scene {
    running: Running,
    packages: Packages,
}

async fn tell_story(arguments: &DemoArguments, stage: &Path) -> anyhow::Result<Scene> {
    let mut story = Story::begin();
    let python = &arguments.python;

    let step = story.step("packages", "getting packages, making fresh virtual environments");
    let environments = async {
        let create = |name: &str| VirtualEnvironment::create(python, stage.join(name));
        tokio::try_join!(create("venv-sealed"), create("venv-plain"), create("venv-attacked"))
    };
    let (packages, environments) = tokio::join!(get_packages(arguments, stage), environments);
    let (packages, (sealed, plain, attacked)) = (packages?, environments?);
    let total: u64 =
        packages.files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    let number = count(packages.files.len(), "wheel", "wheels");
    step.done(&format!("{number}, {}, {}", bytes(total), packages.origin));

    let step = story.step("init", "making keys, signing the first metadata");
    let operator = Operator::init(&stage.join("repository")).await?;
    step.done("keys made; root, targets and hashed bins signed (PEP 458, TAP 15)");

    let step = story.step("serve", "starting the server");
    let running = operator.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = running.address;
    step.done(&format!("http://{address}/simple/, an index like any other"));

    let step = story.step("publish", "sealing the packages");
    let snapshot = running.publish(&packages.files).await?;
    step.done(&format!("{number} and their pages signed, visible in snapshot {snapshot}"));

    let step = story.step("trust", "verifying the repository's root");
    let chosen = trust(stage, address, &operator.root_file()).await?;
    let fingerprint = chosen.repository.record().initial_root.to_string();
    step.done(&format!("a user trusts root {}..., given to them as a file", &fingerprint[..16]));

    let step = story.step("install", "pip install, through the verifying client");
    let install = install_sealed(&chosen, &stage.join("cache"), &sealed, &packages.requirements).await?;
    ensure!(install.succeeded, "pip through sealdex failed on honest packages:\n{}", install.text);
    ensure!(install.refusals.is_empty(), "sealdex refused honest packages: {}", install.refusals[0].message);
    let version = sealed.pip_version().await?;
    step.done(&format!("unmodified pip {version} through sealdex: every page and file verified"));
    detail(&install.last_line());

    let step = story.step("attack", "changing files on the server's disk");
    running.stop().await?;
    let wheel =
        attacker::replace_wheel(&attacked.python(), &stage.join("repository"), packages.victim, PAYLOAD)
            .await?;
    let running = operator.serve(address).await?;
    step.done("the attacker owns the server: everything on its disk but the keys");
    detail(&format!("replaced {wheel} by an evil one, its hash and size on the"));
    detail("index page and in the database to match, and restarted the server");

    let step = story.step("plain pip", "pip install, straight from the server");
    let requirement = victim_requirement(&packages);
    let output = install_plain(address, &plain, &requirement).await?;
    ensure!(output.succeeded, "plain pip failed where it was to be fooled:\n{}", output.text);
    let owned = plain.evaluate(&format!("import {0}; print({0}.OWNED)", packages.victim)).await?;
    step.attacked(&styled(
        BAD,
        format!("plain pip installed the evil {}, and all hashes matched", packages.victim),
    ));
    detail(&format!(">>> import {0}; {0}.OWNED", packages.victim));
    detail(&styled(BAD, format!("'{owned}'")));

    let step = story.step("sealdex", "pip install, through the verifying client");
    let install = install_sealed(&chosen, &stage.join("empty-cache"), &attacked, &[requirement]).await?;
    ensure!(!install.succeeded, "pip through sealdex installed the evil package:\n{}", install.text);
    let refusal = install.refusals.first().context("pip failed, but sealdex refused nothing")?;
    let import = format!("import importlib.util; print(importlib.util.find_spec('{}'))", packages.victim);
    ensure!(attacked.evaluate(&import).await? == "None", "the evil package was installed");
    step.done(&styled(GOOD, format!("refused; pip exited with {}, nothing was installed", install.code)));
    detail(&refusal.message);
    if let Some(attack) = refusal.attack {
        detail(&format!("it looks like: {attack}"));
    }
    detail(&format!("what to do: {}", refusal.hint));
    running.is_running()?;
    story.end();
    Ok(Scene { running, packages })
}

async fn get_packages(arguments: &DemoArguments, stage: &Path) -> anyhow::Result<Packages> {
    let directory = stage.join("packages");
    std::fs::create_dir(&directory)?;
    if arguments.offline {
        return packages::build(&directory);
    }
    match packages::download(&arguments.python, &directory, DOWNLOAD_PATIENCE).await {
        Ok(packages) => Ok(packages),
        Err(error) => {
            tell(format!("no download: {error:#}; building small packages instead"));
            let built = stage.join("built-packages");
            std::fs::create_dir(&built)?;
            packages::build(&built)
        }
    }
}

/// What a user does once: trust the repository by its root file.
async fn trust(stage: &Path, address: SocketAddr, root_file: &Path) -> anyhow::Result<Chosen> {
    let client =
        client(Some(stage.join("cache")), ConnectionArguments::default(), &LimitArguments::default())
            .map_err(Failure::into_error)?;
    let store = TrustStore::open(stage.join("trust"))?;
    let initial = InitialTrust::Root(std::fs::read(root_file)?);
    let url = RepositoryUrl::parse(&format!("http://{address}/"))?;
    let repository = store.add(&client, &RepositoryName::parse("demo")?, &url, &initial).await?;
    Ok(Chosen { client, repositories: (&repository).into(), repository, offline: OfflineUse::Never })
}

/// How an installation went.
struct Installation {
    succeeded: bool,
    code: String,
    text: String,
    refusals: Vec<Refusal>,
}

impl Installation {
    fn of(output: &std::process::Output, refusals: Vec<Refusal>) -> Self {
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let code = output.status.code().map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
        Self {
            succeeded: output.status.success(),
            code,
            text: String::from_utf8_lossy(&text).into_owned(),
            refusals,
        }
    }

    fn last_line(&self) -> String {
        self.text.lines().rev().find(|line| line.starts_with("Successfully")).unwrap_or_default().to_owned()
    }
}

/// `sealdex pip install`, with what pip prints kept. With an empty cache nothing verified before stands in for what the
/// server sends now.
async fn install_sealed(
    chosen: &Chosen,
    cache: &Path,
    environment: &VirtualEnvironment,
    requirements: &[String],
) -> anyhow::Result<Installation> {
    let mut pip = environment.pip(["install".to_owned()].iter().chain(requirements));
    let client = client(Some(cache.to_owned()), ConnectionArguments::default(), &LimitArguments::default())
        .map_err(Failure::into_error)?;
    let repository = chosen.repository.clone();
    let chosen =
        Chosen { client, repositories: (&repository).into(), repository, offline: OfflineUse::Never };
    let proxy = start_proxy(&chosen, &Watch::unlogged(), &mut pip).await.map_err(Failure::into_error)?;
    let output = python::run(pip).await?;
    let installation = Installation::of(&output, proxy.refusals());
    proxy.shutdown().await;
    Ok(installation)
}

/// `pip install` as everyone does it, pointed straight at the server.
async fn install_plain(
    address: SocketAddr,
    environment: &VirtualEnvironment,
    requirement: &str,
) -> anyhow::Result<Installation> {
    let mut pip = environment.pip(["install", "--no-deps", "--no-cache-dir", requirement]);
    pip.args(["--index-url", &format!("http://{address}/simple/")]);
    // The machine's own settings could name other sources.
    pip.env("PIP_CONFIG_FILE", if cfg!(windows) { "nul" } else { "/dev/null" });
    for name in [
        "PIP_FIND_LINKS",
        "PIP_EXTRA_INDEX_URL",
        "PIP_NO_INDEX",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        pip.env_remove(name);
    }
    Ok(Installation::of(&python::run(pip).await?, Vec::new()))
}

fn victim_requirement(packages: &Packages) -> String {
    let requirement =
        packages.requirements.iter().find(|requirement| requirement.starts_with(packages.victim));
    requirement.cloned().unwrap_or_else(|| packages.victim.to_owned())
}

/// Leaves the attacked server running until Ctrl-C.
async fn keep(scene: Scene, directory: TempDir) -> Result<(), Failure> {
    let stage = directory.path().display();
    let address = scene.running.address;
    say("");
    say(format!(
        "Still running, as the attacker left it; everything is in {stage}. Try, in another terminal:"
    ));
    let sealdex = std::env::current_exe()?;
    let sealdex = sealdex.display();
    // With the cache of the first installation, the honest files would be taken from there.
    let trust = format!("--trust-dir {stage}/trust --cache-dir {stage}/another-cache");
    let sealed = format!("--python {stage}/venv-attacked/bin/python");
    say(format!("  {sealdex} pip {trust} {sealed} install {}", victim_requirement(&scene.packages)));
    say(format!("  {sealdex} fetch {trust} simple/{}/index.json", scene.packages.victim));
    say(format!("  {sealdex} status --repository {stage}/repository"));
    say(format!(
        "  {stage}/venv-plain/bin/pip install --index-url http://{address}/simple/ --no-deps --target {stage}/plain {}",
        scene.packages.victim
    ));
    say("Ctrl-C stops the server and removes everything.");
    shutdown::requested().await;
    scene.running.stop().await?;
    Ok(())
}
