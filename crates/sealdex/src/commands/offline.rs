//! Offline keys: where they are looked for, and how they are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealdex_keys::{Passphrase, StoredAs, read_key, stored_as};
use sealdex_tuf::metadata::RoleKeys;
use sealdex_tuf::{KeyId, Signer};

use crate::environment;
use crate::failure::{Failure, Kind};
use crate::output::count;
use crate::passphrase::Source;

/// `DIR-offline-keys`, beside the repository and not in it: it is to be carried away.
pub(super) fn default_directory(repository: &Path) -> PathBuf {
    let absolute = std::path::absolute(repository).unwrap_or_else(|_| repository.to_owned());
    let name =
        absolute.file_name().map_or_else(|| "sealdex".into(), |name| name.to_string_lossy().into_owned());
    // `.` has no parent in its name.
    let named = if repository.file_name().is_some() { repository } else { &absolute };
    named.parent().map_or_else(PathBuf::new, Path::to_owned).join(format!("{name}-offline-keys"))
}

/// Where the passphrase of offline keys comes from.
pub(super) fn passphrase<'a>(what: &'a str, file: Option<&'a Path>) -> Source<'a> {
    Source { what, file, flag: "--offline-passphrase-file", variable: environment::OFFLINE_PASSPHRASE }
}

/// The key files of a role in a folder, as `init` names them, in order.
pub(super) fn key_files(folder: &Path, role: &str) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::message(Kind::Usage, format!("{}: {error}", folder.display()))
            .hint("name the folder with the offline keys: --offline-keys DIR")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let text = name.to_string_lossy();
        if text.strip_prefix(role).is_some_and(|rest| rest.starts_with('-')) && text.ends_with(".pem") {
            files.push(folder.join(&name));
        }
    }
    files.sort();
    Ok(files)
}

/// Opens as many keys as must sign for a role, and no more. A passphrase that opens one is tried on the next ones.
pub(super) fn signers(
    files: &[PathBuf],
    role: &str,
    keys: &RoleKeys,
    passphrase_file: Option<&Path>,
) -> Result<Vec<Arc<dyn Signer>>, Failure> {
    let mut known: Vec<Passphrase> = Vec::new();
    let mut found: Vec<(KeyId, Arc<dyn Signer>)> = Vec::new();
    let mut others = Vec::new();
    for file in files {
        if found.len() as u64 >= keys.threshold {
            break;
        }
        let pair = match stored_as(file)? {
            StoredAs::Plain => read_key(file, None)?,
            StoredAs::Encrypted => {
                match known.iter().find_map(|passphrase| read_key(file, Some(passphrase)).ok()) {
                    Some(pair) => pair,
                    None => {
                        let what = file.display().to_string();
                        let given = passphrase(&what, passphrase_file).existing()?;
                        let pair = read_key(file, Some(&given))?;
                        known.push(given);
                        pair
                    }
                }
            }
        };
        let id = pair.key().id();
        if !keys.key_ids.contains(&id) {
            others.push(file.display().to_string());
        } else if found.iter().all(|(known, _)| *known != id) {
            found.push((id, Arc::new(pair)));
        }
    }
    if (found.len() as u64) < keys.threshold {
        let mut message = format!(
            "{} must sign, and {} found",
            count(keys.threshold, &format!("{role} key"), &format!("{role} keys")),
            count(found.len(), "was", "were")
        );
        if !others.is_empty() {
            message.push_str(&format!("; this repository has others than {}", others.join(", ")));
        }
        return Err(Failure::message(Kind::Usage, message)
            .hint("nothing was changed; name the folder with the offline keys: --offline-keys DIR"));
    }
    Ok(found.into_iter().map(|(_, signer)| signer).collect())
}
