//! `sealdex init`: keys, roles and the first signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealdex_keys::{Passphrase, Protection, write_key};
use sealdex_repository::{
    BucketSettings, Development, InitialKeys, Layout, Repository, RepositoryDirectory, Settings,
};
use sealdex_tuf::{KeyPair, Scheme, Signer};
use serde::Serialize;

use super::layout::{bin_style, bit_length, layout_name};
use super::offline::{default_directory, passphrase};
use super::publish::{database_named, online_passphrase, root_file};
use crate::cli::{Format, InitArguments, SchemeChoice};
use crate::failure::{Failure, Kind};
use crate::output::{FAINT, GOOD, WARNING, count, result, say, spinner, styled};

#[derive(Serialize)]
struct Summary {
    repository: PathBuf,
    root_file: PathBuf,
    root_fingerprint: String,
    offline_keys: Vec<PathBuf>,
    development: bool,
}

/// A key made for a role, and the file it goes to.
struct Made {
    pair: Arc<KeyPair>,
    file: PathBuf,
}

pub(super) async fn run(arguments: InitArguments, format: Format) -> Result<(), Failure> {
    let directory = RepositoryDirectory::new(&arguments.directory);
    let offline_directory =
        arguments.offline_keys.clone().unwrap_or_else(|| default_directory(&arguments.directory));
    refuse_existing(&directory, &offline_directory)?;
    let dev = arguments.dev;
    let (root_keys, root_threshold) =
        if dev { (1, 1) } else { (arguments.root_keys, arguments.root_threshold) };
    let (targets_keys, targets_threshold) =
        if dev { (1, 1) } else { (arguments.targets_keys, arguments.targets_threshold) };
    check_threshold("root", root_keys, root_threshold)?;
    check_threshold("targets", targets_keys, targets_threshold)?;
    let mut settings = Settings::new(layout(&arguments)?);
    settings.storage.database.clone_from(&arguments.database);
    settings.storage.bucket = bucket(&arguments);
    // Before any key is made: most of what can be wrong is wrong with the database or the bucket.
    settings.storage.database_url().map_err(|error| Failure::new(Kind::Usage, error))?;
    let database = database_named()?;
    settings.check_database(database.as_ref()).await?;
    Repository::check_storage(&settings).await.map_err(unusable_bucket)?;
    let protections = Protections::ask(&arguments)?;

    let waiting = spinner("making keys");
    let scheme = scheme(arguments.scheme);
    make_private(&offline_directory)?;
    make_private(&directory.keys())?;
    let root = make("root", root_keys, &scheme, &offline_directory)?;
    let targets = make("targets", targets_keys, &scheme, &offline_directory)?;
    let online = Arc::new(KeyPair::generate(&self::scheme(arguments.online_scheme))?);
    let online = Made { pair: online, file: directory.online_key_file() };
    // Keys first: metadata signed by keys that could not be kept would be of no use.
    for made in root.iter().chain(&targets) {
        write_key(&made.file, &made.pair, protections.offline())?;
    }
    write_key(&online.file, &online.pair, protections.online())?;

    waiting.set_message("signing");
    let signers =
        |made: &[Made]| made.iter().map(|made| made.pair.clone() as Arc<dyn Signer>).collect::<Vec<_>>();
    let keys = InitialKeys {
        root: signers(&root),
        root_threshold: root_threshold.into(),
        targets: signers(&targets),
        targets_threshold: targets_threshold.into(),
        online: online.pair.clone(),
        development: if dev { Development::Yes } else { Development::No },
    };
    let clock = Arc::new(jiff::Timestamp::now);
    let repository =
        Repository::create_with_database(directory.clone(), settings, &keys, clock, database).await?;
    let root_file = root_file(&repository);
    if repository.settings().storage.bucket.is_some() {
        // Those who hand it out have it at hand.
        std::fs::write(&root_file, repository.root_bytes().await?)
            .map_err(|error| Failure::message(Kind::Failed, format!("{}: {error}", root_file.display())))?;
    }
    waiting.finish_and_clear();
    let summary = Summary {
        repository: arguments.directory.clone(),
        root_file,
        root_fingerprint: repository.root_fingerprint().await?,
        offline_keys: root.iter().chain(&targets).map(|made| made.file.clone()).collect(),
        development: dev,
    };
    result(format, &summary, || tell_people(&summary, &offline_directory))?;
    Ok(())
}

fn bucket(arguments: &InitArguments) -> Option<BucketSettings> {
    Some(BucketSettings {
        name: arguments.bucket.clone()?,
        endpoint: arguments.bucket_endpoint.clone(),
        region: arguments.bucket_region.clone(),
        prefix: arguments.bucket_prefix.clone().unwrap_or_default(),
    })
}

fn unusable_bucket(error: sealdex_repository::Error) -> Failure {
    let hint = match &error {
        sealdex_repository::Error::BucketNotEmpty { .. } => "empty it, or choose another --bucket-prefix",
        _ => {
            "the bucket must exist; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role, must allow to use it"
        }
    };
    Failure::new(Kind::Failed, error).hint(format!("{hint}; nothing was made"))
}

/// Makes a folder that its owner alone can look into; one that is there already stays as it is.
fn make_private(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| {
            #[cfg(unix)]
            std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            Ok(())
        })
        .map_err(|error| Failure::message(Kind::Failed, format!("{}: {error}", folder.display())))
}

/// The passphrases of the two kinds of keys; none for development keys.
struct Protections {
    passphrases: Option<(Passphrase, Passphrase)>,
}

impl Protections {
    fn ask(arguments: &InitArguments) -> Result<Self, Failure> {
        if arguments.dev {
            return Ok(Self { passphrases: None });
        }
        let offline = passphrase("the offline keys", arguments.offline_passphrase_file.as_deref());
        let offline = offline.new_one().map_err(|failure| failure.hint_also("or try things with --dev"))?;
        let online = online_passphrase(&arguments.online).new_one()?;
        Ok(Self { passphrases: Some((offline, online)) })
    }

    fn offline(&self) -> Protection<'_> {
        self.passphrases
            .as_ref()
            .map_or(Protection::DevelopmentPlain, |(offline, _)| Protection::Passphrase(offline))
    }

    fn online(&self) -> Protection<'_> {
        self.passphrases
            .as_ref()
            .map_or(Protection::DevelopmentPlain, |(_, online)| Protection::Passphrase(online))
    }
}

fn refuse_existing(directory: &RepositoryDirectory, offline: &Path) -> Result<(), Failure> {
    let path = directory.path();
    if fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
        let message = format!("{} is there, and no directory", path.display());
        return Err(Failure::message(Kind::Usage, message).hint("choose another path; nothing was made"));
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute(offline).starts_with(absolute(path)) {
        let message =
            format!("{} is inside of the repository: offline keys are kept apart", offline.display());
        return Err(
            Failure::message(Kind::Usage, message).hint("name another --offline-keys; nothing was made")
        );
    }
    Repository::check_directory(directory).map_err(|error| {
        Failure::new(Kind::Usage, error).hint("choose another directory; nothing was changed")
    })?;
    if directory.online_key_file().exists() {
        let message = format!("an earlier `sealdex init` of {} was not finished", path.display());
        let keys = directory.keys();
        return Err(Failure::message(Kind::Usage, message).hint(format!(
            "nobody trusts the keys that it made: remove {} and {}, and begin anew; nothing was changed",
            keys.display(),
            offline.display()
        )));
    }
    Ok(())
}

fn check_threshold(role: &str, keys: u8, threshold: u8) -> Result<(), Failure> {
    if threshold > keys {
        let made = count(keys, "is", "are");
        let message = format!("{threshold} {role} keys must sign, but only {made} to be made");
        return Err(Failure::message(Kind::Usage, message));
    }
    Ok(())
}

fn make(role: &str, count: u8, scheme: &Scheme, directory: &Path) -> Result<Vec<Made>, Failure> {
    (1..=count)
        .map(|number| {
            let pair = Arc::new(KeyPair::generate(scheme)?);
            Ok(Made { pair, file: directory.join(format!("{role}-{number}.pem")) })
        })
        .collect()
}

fn scheme(choice: SchemeChoice) -> Scheme {
    match choice {
        SchemeChoice::Ed25519 => Scheme::Ed25519,
        SchemeChoice::EcdsaP256 => Scheme::EcdsaSha2Nistp256,
        SchemeChoice::EcdsaP384 => Scheme::EcdsaSha2Nistp384,
        SchemeChoice::Rsa => Scheme::RsassaPssSha256,
        SchemeChoice::MlDsa44 => Scheme::MlDsa44,
        SchemeChoice::MlDsa65 => Scheme::MlDsa65,
        SchemeChoice::MlDsa87 => Scheme::MlDsa87,
    }
}

fn layout(arguments: &InitArguments) -> Result<Layout, Failure> {
    let (name, style) = (layout_name(arguments.layout), bin_style(arguments.bin_style));
    Ok(Layout::named(name, style, bit_length(arguments.bins)?)?)
}

fn tell_people(summary: &Summary, offline_directory: &Path) {
    let directory = summary.repository.display();
    say(format!("{} repository {directory}", styled(GOOD, "made")));
    if summary.development {
        say(styled(
            WARNING,
            "  DEVELOPMENT KEYS: not encrypted, one a role. Good for trying things, protects nobody.",
        ));
    }
    say(format!("  root fingerprint  {}", summary.root_fingerprint));
    say(format!("  root file         {}", summary.root_file.display()));
    say(format!(
        "  offline keys      {} files in {}",
        summary.offline_keys.len(),
        offline_directory.display()
    ));
    if !summary.development {
        say(styled(
            FAINT,
            "                    Carry them away, each to its holder; the server does not need them.",
        ));
        say(styled(
            FAINT,
            "                    They are needed again to rotate keys, and yearly to renew root and targets.",
        ));
    }
    say("");
    say("Next:");
    say(format!("  sealdex add --repository {directory} DISTRIBUTION...    seal what you have"));
    say(format!("  sealdex serve --repository {directory}                  serve it, and take uploads"));
    say("  Give those who install the root file, or the fingerprint, over a channel they trust.");
}
