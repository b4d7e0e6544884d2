//! `sealdex setup`: the user's own configuration, so that pip and uv ask a verifying proxy from now on.

mod block;
mod ci;
mod installers;
mod units;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sealdex_client::{Bindings, Repositories, RepositoryName, TrustedRepository};

use super::trusted::{refused, store};
use crate::cli::{PolicyArguments, SetupArguments};
use crate::environment;
use crate::failure::{Failure, Kind};
use crate::output::{BAD, FAINT, GOOD, HINT, WARNING, say, styled, tell};
use crate::policy;
use installers::OtherIndex;

/// Longer files are nobody's settings.
const MAX_BYTES: u64 = 1 << 20;

/// A file as it is and as it is to be; `None`: it is not there.
struct Change {
    path: PathBuf,
    before: Option<String>,
    after: Option<String>,
}

/// The files that are written.
struct Places {
    units: PathBuf,
    pip: PathBuf,
    uv: PathBuf,
}

pub(super) fn run(arguments: &SetupArguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() || arguments.listen.port() == 0 {
        let message = format!("{} is no loopback address with a port", arguments.listen);
        return Err(Failure::message(Kind::Usage, message));
    }
    if let Some(service) = arguments.ci {
        let (repositories, bindings, from) = trusted(arguments)?;
        let untrusted =
            |(_, name): &(_, &RepositoryName)| !repositories.iter().any(|own| own.name() == *name);
        if let Some((pattern, name)) = bindings.iter().find(untrusted) {
            // In the job it would be anybody's.
            let message =
                format!("{pattern} is bound to {name}, which is not trusted: a job cannot be told that");
            return Err(Failure::message(Kind::Usage, message)
                .hint("bind it to another repository, or take it back: sealdex trust unbind"));
        }
        let trust = ci::Trust { repositories: &repositories, bindings: &bindings, from: from.as_ref() };
        say(ci::lines(service, &trust, arguments.listen).trim_end());
        if !policy::find(&PolicyArguments::default())?.is_empty() {
            warn(
                "the policies in force here are not in these lines: bring them along, and name them in SEALDEX_POLICY",
            );
        }
        return Ok(());
    }
    if !arguments.undo && environment::value(environment::POLICY).is_some() {
        warn(
            "the service heeds the administrator's policy and the user's own, not those that SEALDEX_POLICY names here",
        );
    }
    let places = Places::of_this_user()?;
    let changes = if arguments.undo { places.without_ours()? } else { places.with_ours(arguments)? };
    let changes: Vec<Change> = changes.into_iter().filter(|change| change.before != change.after).collect();
    for change in &changes {
        if arguments.dry_run {
            change.show();
        } else {
            change.make().map_err(|error| failed(&change.path, &error))?;
            let verb = if change.after.is_some() { "wrote" } else { "removed" };
            say(format!("{} {}", styled(GOOD, verb), change.path.display()));
        }
    }
    match (changes.is_empty(), arguments.dry_run) {
        (true, _) => say("nothing is to change"),
        (false, true) => say(styled(FAINT, "nothing was written")),
        (false, false) => say_what_is_left_to_do(arguments.undo),
    }
    Ok(())
}

/// The repositories that are trusted, what is bound to each, and the one that is to be used alone, if one is named. Without
/// a name, it has to be clear whose is what.
fn trusted(
    arguments: &SetupArguments,
) -> Result<(Vec<TrustedRepository>, Bindings, Option<RepositoryName>), Failure> {
    let store = store(arguments.trust_dir.clone())?;
    let (all, bindings) = (store.list().map_err(refused)?, store.bindings().map_err(refused)?);
    let Some(name) = arguments.name.as_deref() else {
        Repositories::new(all.clone(), bindings.clone()).map_err(refused)?;
        return Ok((all, bindings, None));
    };
    let name = RepositoryName::parse(name).map_err(refused)?;
    store.repository(&name).map_err(refused)?;
    Ok((all, bindings, Some(name)))
}

/// What starts the service.
pub(super) fn start_command() -> String {
    format!("systemctl --user daemon-reload && systemctl --user enable --now {}", units::SOCKET)
}

fn say_what_is_left_to_do(undone: bool) {
    let command = match undone {
        true => format!(
            "systemctl --user stop {} {}; systemctl --user daemon-reload",
            units::SOCKET,
            units::SERVICE
        ),
        false => start_command(),
    };
    say(format!("{} {command}", styled(HINT, "now:")));
    if !undone {
        say(
            "  then look with `sealdex doctor`; without systemd, keep `sealdex proxy` running (docs/install.md)",
        );
    }
}

impl Places {
    fn of_this_user() -> Result<Self, Failure> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
        let folder = folder.or_else(|| variable("HOME").map(|home| home.join(".config")));
        let folder =
            folder.ok_or_else(|| Failure::message(Kind::Usage, "neither HOME nor XDG_CONFIG_HOME is set"))?;
        Ok(Self {
            units: folder.join("systemd/user"),
            pip: folder.join("pip/pip.conf"),
            uv: folder.join("uv/uv.toml"),
        })
    }

    fn with_ours(&self, arguments: &SetupArguments) -> Result<Vec<Change>, Failure> {
        let (_, _, from) = trusted(arguments)?;
        let binary = std::env::current_exe()?;
        let trust = arguments.trust_dir.as_deref().map(std::path::absolute).transpose()?;
        let service = units::service(&binary, from.as_ref(), trust.as_deref());
        let written = [(units::SOCKET, units::socket(arguments.listen)), (units::SERVICE, service)];
        let mut changes = Vec::new();
        for (name, text) in written {
            let path = self.units.join(name);
            let before = read(&path)?;
            if before.as_ref().is_some_and(|text| !text.starts_with(units::HEADER)) && !arguments.force {
                let message = format!("{} is there, and not written by this command", path.display());
                return Err(Failure::message(Kind::Failed, message).hint("replace it with --force"));
            }
            changes.push(Change { path, before, after: Some(text) });
        }
        for (path, edit) in [(&self.pip, installers::pip as Edit), (&self.uv, installers::uv)] {
            let before = read(path)?;
            let text = before.as_deref().unwrap_or_default();
            let after = edit(text, arguments.listen, arguments.force);
            let after = after.map_err(|other| other.failure(path))?;
            changes.push(Change { path: path.clone(), before, after: Some(after) });
        }
        Ok(changes)
    }

    fn without_ours(&self) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for name in [units::ENABLED, units::SOCKET, units::SERVICE] {
            let path = self.units.join(name);
            let before = read(&path)?.filter(|text| text.starts_with(units::HEADER));
            changes.push(Change { path, before, after: None });
        }
        for path in [&self.pip, &self.uv] {
            let Some(before) = read(path)? else { continue };
            let after = block::remove(&before);
            // A file of nothing was made by us.
            let after = Some(after).filter(|after| !after.is_empty() || before.is_empty());
            changes.push(Change { path: path.clone(), before: Some(before), after });
        }
        Ok(changes)
    }
}

fn warn(text: &str) {
    tell(format!("{} {text}", styled(WARNING, "warning:")));
}

/// Puts our lines into a file's text.
type Edit = fn(&str, std::net::SocketAddr, bool) -> Result<String, OtherIndex>;

impl OtherIndex {
    fn failure(self, path: &Path) -> Failure {
        let Self { key, value } = self;
        let value = without_passwords(&value);
        Failure::message(Kind::Failed, format!("{} sets {key} to {value}", path.display()))
            .hint("take it out, or replace it with --force; what stands in tables of uv.toml has to be taken out by hand")
    }
}

impl Change {
    /// The lines that go and those that come.
    fn show(&self) {
        let (before, after) =
            (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let same = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
        let (old, new) = (&before[same..], &after[same..]);
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
        say(styled(FAINT, format!("--- {}, line {}", self.path.display(), same + 1)));
        for line in &old[..old.len() - tail] {
            say(styled(BAD, format!("- {}", without_passwords(line))));
        }
        for line in &new[..new.len() - tail] {
            say(styled(GOOD, format!("+ {}", without_passwords(line))));
        }
    }

    /// Makes the change: a file is whole, old or new, at every moment.
    fn make(&self) -> io::Result<()> {
        let Some(after) = &self.after else { return fs::remove_file(&self.path) };
        // What a link leads to, not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(after.as_bytes())?;
        if let Ok(metadata) = path.metadata() {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// A line of settings as it is shown: URLs without what stands before the host.
fn without_passwords(line: &str) -> String {
    let mut parts = line.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', '"', ' ', '?', '#']).unwrap_or(part.len());
        let host = part[..end].rfind('@').map_or(0, |at| at + 1);
        shown.push_str("://");
        shown.push_str(if host > 0 { "...@" } else { "" });
        shown.push_str(&part[host..]);
    }
    shown
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidData, "it is too long for settings");
    match path.metadata() {
        Ok(metadata) if metadata.len() > MAX_BYTES => Err(failed(path, &too_long())),
        Ok(_) => fs::read_to_string(path).map(Some).map_err(|error| failed(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::message(Kind::Failed, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (line, shown) in [
            ("index-url = https://u:secret@a.example/simple/", "index-url = https://...@a.example/simple/"),
            ("index = \"https://token@a.example/@b/\"", "index = \"https://...@a.example/@b/\""),
            ("https://a.example/ https://u:p@ss@b.example", "https://a.example/ https://...@b.example"),
            ("no URL: a@b", "no URL: a@b"),
        ] {
            assert_eq!(without_passwords(line), shown);
        }
    }
}
