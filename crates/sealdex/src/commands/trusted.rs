//! Which trusted repository a command uses, and the client it uses it with.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use sealdex_client::{
    Client, ClientSettings, OfflineUse, Policies, PolicyTarget, Repositories, RepositoryName, Session,
    TrustStore, TrustedRepository,
};
use sealdex_simple::ProjectName;

use crate::cli::{ConnectionArguments, LimitArguments, StoreArguments};
use crate::failure::{Failure, Kind};
use crate::limits;
use crate::output::{HINT, WARNING, styled, tell};
use crate::policy::{self, Found};

/// A client and the repositories it is to use.
pub(super) struct Chosen {
    pub(super) client: Client,
    /// The only one; of several, the one for projects that are bound to none, or else the first by name.
    pub(super) repository: TrustedRepository,
    pub(super) repositories: Repositories,
    pub(super) offline: OfflineUse,
}

impl Chosen {
    /// The names of the repositories.
    pub(super) fn names(&self) -> String {
        let names = self.repositories.as_slice().iter().map(|own| own.name().as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// The state to use: a refreshed one, unless the user has asked for the last one.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        self.session_of(&self.repository).await
    }

    /// The same, of one of the repositories.
    pub(super) async fn session_of(&self, repository: &TrustedRepository) -> Result<Session, Failure> {
        let client = &self.client;
        let session = match self.offline {
            OfflineUse::Always => Session::offline(client, repository).await,
            _ => Session::refresh(client, repository).await,
        };
        let session = session.map_err(refused)?;
        warn_of_clock(&session);
        Ok(session)
    }
}

/// Opens the store of trusted repositories.
pub(super) fn store(directory: Option<PathBuf>) -> Result<TrustStore, Failure> {
    let directory = directory.map_or_else(TrustStore::default_directory, Ok).map_err(refused)?;
    TrustStore::open(directory).map_err(refused)
}

/// A client with its cache, and with the limits and authorities that the user has set.
pub(super) fn client(
    cache_directory: Option<PathBuf>,
    connection: ConnectionArguments,
    limits: &LimitArguments,
) -> Result<Client, Failure> {
    make(settings(cache_directory, connection, limits)?)
}

/// Settings of a client, without making one.
pub(super) fn settings(
    cache_directory: Option<PathBuf>,
    connection: ConnectionArguments,
    limits: &LimitArguments,
) -> Result<ClientSettings, Failure> {
    let cache = cache_directory.map_or_else(ClientSettings::default_cache_directory, Ok).map_err(refused)?;
    let mut settings = ClientSettings::new(cache);
    settings.ca_file = connection.ca_file;
    limits::apply(limits, &mut settings)?;
    Ok(settings)
}

fn make(settings: ClientSettings) -> Result<Client, Failure> {
    Client::new(settings, Arc::new(jiff::Timestamp::now)).map_err(refused)
}

/// The repository that the arguments name, or all that are trusted, each with the projects that are bound to it; and what
/// policies leave of them.
pub(super) async fn choose(arguments: &StoreArguments) -> Result<Chosen, Failure> {
    let store = store(arguments.trust_dir.clone())?;
    let bindings = store.bindings().map_err(refused)?;
    let repositories = match arguments.name.as_deref() {
        Some(name) => Repositories::only(named(&store, name)?, bindings),
        None => Repositories::new(store.list().map_err(refused)?, bindings).map_err(refused)?,
    };
    chosen(arguments, repositories).await
}

/// The repository that the arguments name, or the one that a project is taken from, or, for what is no project's, the only
/// one there is.
pub(super) async fn choose_one(
    arguments: &StoreArguments,
    project: Option<&ProjectName>,
) -> Result<Chosen, Failure> {
    let store = store(arguments.trust_dir.clone())?;
    let repository = match (arguments.name.as_deref(), project) {
        (name, Some(project)) => {
            let bindings = store.bindings().map_err(refused)?;
            let repositories = match name {
                Some(name) => Repositories::only(named(&store, name)?, bindings),
                None => Repositories::new(store.list().map_err(refused)?, bindings).map_err(refused)?,
            };
            repositories.for_project(project).map_err(refused)?.clone()
        }
        (Some(name), None) => named(&store, name)?,
        (None, None) => only_one(store.list().map_err(refused)?)?,
    };
    chosen(arguments, (&repository).into()).await
}

/// What may be installed of what verifies. Policies that a repository signs are got from there first.
pub(super) async fn policies(arguments: &StoreArguments) -> Result<Policies, Failure> {
    let Found { mut policies, signed } = policy::find(&arguments.policy)?;
    if !signed.is_empty() {
        let client = client(arguments.cache_dir.clone(), arguments.connection.clone(), &arguments.limits)?;
        let store = store(arguments.trust_dir.clone())?;
        let fetched = PolicyTarget::fetch_all(&signed, &client, &store, offline(arguments)).await;
        policies.extend(fetched.map_err(refused)?);
    }
    Ok(Policies::new(policies))
}

fn offline(arguments: &StoreArguments) -> OfflineUse {
    if arguments.offline { OfflineUse::Always } else { OfflineUse::Never }
}

fn named(store: &TrustStore, name: &str) -> Result<TrustedRepository, Failure> {
    store.repository(&RepositoryName::parse(name).map_err(refused)?).map_err(refused)
}

async fn chosen(arguments: &StoreArguments, repositories: Repositories) -> Result<Chosen, Failure> {
    let repository = repositories.rest().or(repositories.as_slice().first()).cloned();
    let repository = repository.ok_or(sealdex_client::Error::NoRepository).map_err(refused)?;
    let connection = arguments.connection.clone();
    let mut settings = settings(arguments.cache_dir.clone(), connection, &arguments.limits)?;
    settings.policies = policies(arguments).await?;
    Ok(Chosen { client: make(settings)?, repository, repositories, offline: offline(arguments) })
}

fn only_one(mut repositories: Vec<TrustedRepository>) -> Result<TrustedRepository, Failure> {
    match (repositories.pop(), repositories.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(refused(sealdex_client::Error::NoRepository)),
        (Some(last), false) => {
            let names: Vec<_> =
                repositories.iter().chain([&last]).map(|known| known.name().as_str()).collect();
            Err(Failure::message(Kind::Usage, "several repositories are trusted")
                .hint(format!("choose one with --from: {}", names.join(", "))))
        }
    }
}

/// Says it when this machine's clock is behind a refresh that there was already.
pub(super) fn warn_of_clock(session: &Session) {
    // Clocks are put right by less than that every day.
    const TOLERATED: SignedDuration = SignedDuration::from_mins(1);
    let behind = session.clock_behind();
    if behind > TOLERATED {
        let last = session.started_at();
        tell(format!(
            "{} this machine's clock is {behind:#} behind its last refresh, at {last}; that time is used instead",
            styled(WARNING, "warning:")
        ));
        tell(format!(
            "{} set the clock: until then, stale metadata may pass as fresh",
            styled(HINT, "hint:")
        ));
    }
}

/// A client's error with its hint; what looks like an attack or does not verify is a refusal.
pub(crate) fn refused(error: sealdex_client::Error) -> Failure {
    let kind = kind(&error);
    let hint = hint(&error);
    let failure = match error.attack() {
        Some(attack) => Failure::new(kind, anyhow::Error::new(error).context(looks_like(attack))),
        None => Failure::new(kind, error),
    };
    failure.hint(hint)
}

/// What the user can do, and with which flag where a limit is to be changed.
pub(super) fn hint(error: &sealdex_client::Error) -> String {
    match error.bound() {
        Some(bound) => format!("{}: --limit {bound}=N, or in client.toml (docs/limits.md)", error.hint()),
        None => error.hint().into_owned(),
    }
}

/// What kind of failure an error is. It is a refusal if what it is about does not verify, or looks like an attack.
pub(super) fn kind(error: &sealdex_client::Error) -> Kind {
    use sealdex_client::Error;
    match error {
        Error::Verification(_)
        | Error::Publisher { .. }
        | Error::Forbidden { .. }
        | Error::NoSuchPolicy { .. } => Kind::Refused,
        Error::SignedPolicy { source, .. } => kind(source),
        Error::Policy { .. }
        | Error::InvalidName { .. }
        | Error::InvalidPattern { .. }
        | Error::NoRepository
        | Error::AmbiguousRest { .. }
        | Error::InvalidUrl { .. }
        | Error::InvalidFingerprint { .. }
        | Error::BoundRange { .. }
        | Error::NotLoopback { .. } => Kind::Usage,
        error if error.attack().is_some() => Kind::Refused,
        _ => Kind::Failed,
    }
}

/// `this looks like an endless data attack`
pub(super) fn looks_like(attack: impl std::fmt::Display) -> String {
    let attack = attack.to_string();
    let article = if attack.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("this looks like {article} {attack}")
}
