//! The units with which systemd starts the proxy when it is first asked.

use std::net::SocketAddr;
use std::path::Path;

use sealdex_client::RepositoryName;

/// The first line of each; a file without it is not ours to change.
pub(super) const HEADER: &str = "# Written by `sealdex setup`; `sealdex setup --undo` removes it.";

pub(super) const SOCKET: &str = "sealdex-proxy.socket";
pub(super) const SERVICE: &str = "sealdex-proxy.service";
/// The link to the socket that `systemctl enable` makes.
pub(super) const ENABLED: &str = "sockets.target.wants/sealdex-proxy.socket";

/// Long enough for a project with many files, short enough to cost nothing.
const IDLE_SECONDS: u32 = 600;

pub(super) fn socket(proxy: SocketAddr) -> String {
    format!(
        "{HEADER}\n[Unit]\nDescription=Verifying proxy for Python packages, its socket\n\n\
         [Socket]\nListenStream={proxy}\n\n[Install]\nWantedBy=sockets.target\n"
    )
}

/// `from`: the one repository that is used alone; else all that are trusted when it starts. `trust_directory`: where it
/// is not the user's own.
pub(super) fn service(
    binary: &Path,
    from: Option<&RepositoryName>,
    trust_directory: Option<&Path>,
) -> String {
    let from = from.map(|name| format!(" --from {name}")).unwrap_or_default();
    let trust = trust_directory.map(|folder| format!(" --trust-dir {}", quoted(folder))).unwrap_or_default();
    format!(
        "{HEADER}\n[Unit]\nDescription=Verifying proxy for Python packages\nRequires={SOCKET}\n\n\
         [Service]\nExecStart={} proxy{from}{trust} --exit-when-idle {IDLE_SECONDS}\n\
         NoNewPrivileges=yes\nLockPersonality=yes\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n",
        quoted(binary)
    )
}

/// As systemd.service(5) wants a word of a command line.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            '"' | '\\' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(quoted(Path::new("/a b/100%/$x\"y")), "\"/a b/100%%/$$x\\\"y\"");
    }
}
