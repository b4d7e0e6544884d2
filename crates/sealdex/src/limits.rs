//! The limits of the verifying client as the user sets them: flag, then environment, then file, then default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealdex_client::{Bound, ClientSettings};
use serde::Deserialize;

use crate::cli::{Assignment, LimitArguments};
use crate::commands::refused;
use crate::environment;
use crate::failure::{Failure, Kind};

/// `client.toml`. Unknown keys are errors.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

/// Where a limit's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Environment,
    File,
    Default,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "client.toml",
            Self::Default => "default",
        }
    }
}

/// Sets what the user has set, and says where each limit's value comes from.
pub(crate) fn apply(
    arguments: &LimitArguments,
    settings: &mut ClientSettings,
) -> Result<Vec<(Bound, Source)>, Failure> {
    let mut sources: Vec<_> = Bound::ALL.iter().map(|bound| (*bound, Source::Default)).collect();
    let mut set = |Assignment { bound, value }: Assignment, source: Source| {
        bound.set(settings, value).map_err(refused)?;
        sources.iter_mut().filter(|(own, _)| *own == bound).for_each(|(_, own)| *own = source);
        Ok::<_, Failure>(())
    };
    if let Some(path) = file(arguments)? {
        for assignment in from_file(&path)? {
            set(assignment, Source::File)?;
        }
    }
    for assignment in from_environment()? {
        set(assignment, Source::Environment)?;
    }
    for assignment in &arguments.limits {
        set(*assignment, Source::Flag)?;
    }
    Ok(sources)
}

/// The settings file: the one that is named, else the user's own if there is one.
fn file(arguments: &LimitArguments) -> Result<Option<PathBuf>, Failure> {
    if let Some(named) = &arguments.config {
        return Ok(Some(named.clone()));
    }
    // Without a home there is no file of the user's either.
    let own = ClientSettings::default_settings_file().ok();
    Ok(own.filter(|path| path.symlink_metadata().is_ok()))
}

fn from_file(path: &Path) -> Result<Vec<Assignment>, Failure> {
    let failed = |reason: String| Failure::message(Kind::Usage, format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let named = |(name, value): (String, u64)| match Bound::named(&name) {
        Some(bound) => Ok(Assignment { bound, value }),
        None => Err(failed(format!("there is no limit {name}")).hint(SEE)),
    };
    file.limits.into_iter().map(named).collect()
}

fn from_environment() -> Result<Vec<Assignment>, Failure> {
    let text = environment::text(environment::LIMITS).unwrap_or_default();
    let assignments = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    assignments
        .map(|text| {
            text.parse().map_err(|reason: String| {
                Failure::message(Kind::Usage, format!("{}: {reason}", environment::LIMITS)).hint(SEE)
            })
        })
        .collect()
}

const SEE: &str = "`sealdex config show` lists every limit";

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{text} is not NAME=VALUE"))?;
        let bound = Bound::named(name.trim()).ok_or_else(|| format!("there is no limit {name}"))?;
        let digits = value.trim().replace('_', "");
        let value = digits.parse().map_err(|_| format!("{value} is no whole number"))?;
        Ok(Self { bound, value })
    }
}
