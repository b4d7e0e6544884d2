//! Which trusted repository a command uses, and the client it uses it with.

use std::path::PathBuf;
use std::sync::Arc;

use sealdex_client::{Client, ClientSettings, RepositoryName, TrustStore, TrustedRepository};

use crate::cli::StoreArguments;
use crate::failure::{Failure, Kind};

/// A client and the repository it is to use.
pub(super) struct Chosen {
    pub(super) client: Client,
    pub(super) repository: TrustedRepository,
}

/// Opens the store of trusted repositories.
pub(super) fn store(directory: Option<PathBuf>) -> Result<TrustStore, Failure> {
    let directory = directory.map_or_else(TrustStore::default_directory, Ok).map_err(refused)?;
    TrustStore::open(directory).map_err(refused)
}

/// A client with its cache.
pub(super) fn client(cache_directory: Option<PathBuf>) -> Result<Client, Failure> {
    let cache = cache_directory.map_or_else(ClientSettings::default_cache_directory, Ok).map_err(refused)?;
    Client::new(ClientSettings::new(cache), Arc::new(jiff::Timestamp::now)).map_err(refused)
}

/// The repository that the arguments name, or the only one there is.
pub(super) fn choose(arguments: &StoreArguments) -> Result<Chosen, Failure> {
    let store = store(arguments.trust_dir.clone())?;
    let repository = match &arguments.name {
        Some(name) => store.repository(&RepositoryName::parse(name).map_err(refused)?).map_err(refused)?,
        None => only_one(store.list().map_err(refused)?)?,
    };
    Ok(Chosen { client: client(arguments.cache_dir.clone())?, repository })
}

fn only_one(mut repositories: Vec<TrustedRepository>) -> Result<TrustedRepository, Failure> {
    match (repositories.pop(), repositories.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Failure::message(Kind::Usage, "no repository is trusted yet")
            .hint("add one: sealdex trust add NAME URL --root root.json")),
        (Some(last), false) => {
            let names: Vec<_> =
                repositories.iter().chain([&last]).map(|known| known.name().as_str()).collect();
            Err(Failure::message(Kind::Usage, "several repositories are trusted")
                .hint(format!("choose one with --from: {}", names.join(", "))))
        }
    }
}

/// A client's error with its hint; what looks like an attack or does not verify is a refusal.
pub(super) fn refused(error: sealdex_client::Error) -> Failure {
    let kind = kind(&error);
    let hint = error.hint().into_owned();
    let failure = match error.attack() {
        Some(attack) => Failure::new(kind, anyhow::Error::new(error).context(looks_like(attack))),
        None => Failure::new(kind, error),
    };
    failure.hint(hint)
}

/// What kind of failure an error is. It is a refusal if what it is about does not verify, or looks like an attack.
pub(super) fn kind(error: &sealdex_client::Error) -> Kind {
    use sealdex_client::Error;
    match error {
        Error::Verification(_) => Kind::Refused,
        Error::InvalidName { .. }
        | Error::InvalidUrl { .. }
        | Error::InvalidFingerprint { .. }
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
