//! What can go wrong between a repository and a user, attacks told apart from faults.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::bindings::ProjectPattern;
use crate::bound::Bound;
use crate::name::{RepositoryName, Sha256Digest, printable};
use crate::policy::PolicyTarget;

/// A refusal or a failure of this crate. Nothing unverified was trusted, stored as trusted, or handed on.
///
/// URLs and names that came from outside stand in messages escaped, so that they are safe on a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Metadata or a target did not verify.
    #[error(transparent)]
    Verification(#[from] sealdex_tuf::Error),
    /// A signed page cannot be read.
    #[error("the signed page of {project} cannot be used")]
    Page {
        /// The project asked for.
        project: String,
        /// What is wrong with the page.
        #[source]
        source: sealdex_simple::Error,
    },
    /// The page signed under a project's path is another project's.
    #[error("the page signed for {expected} is the page of {found}")]
    OtherProject {
        /// The project asked for.
        expected: String,
        /// The project the page names.
        found: String,
    },
    /// A page lists a file in a way that does not allow to verify it.
    #[error("{file} is listed on the signed page without {missing}, so it cannot be verified")]
    Unverifiable {
        /// The file's name.
        file: String,
        /// What the page does not say.
        missing: &'static str,
    },
    /// A page lists a file larger than the limit.
    #[error("{file} has {length} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The file's name.
        file: String,
        /// Bytes listed.
        length: u64,
        /// Bytes allowed.
        limit: u64,
        /// The setting that allows them; `None` where the caller chose the limit.
        bound: Option<Bound>,
    },
    /// More bytes came than the file has, or than the limit allows.
    #[error("{url} sent more than the {limit} bytes allowed")]
    EndlessData {
        /// What was fetched.
        url: String,
        /// Bytes allowed; reading stopped after one more.
        limit: u64,
        /// The setting that allows them; `None` where trusted metadata lists the length.
        bound: Option<Bound>,
    },
    /// Bytes came too slowly, or no more of them.
    #[error(
        "{url} sent {received} bytes within {:.1} s, fewer than {minimum_bytes_per_second} bytes a second",
        waited.as_secs_f32()
    )]
    SlowRetrieval {
        /// What was fetched.
        url: String,
        /// Bytes received within the time.
        received: u64,
        /// The time waited for them.
        waited: Duration,
        /// The lowest rate allowed.
        minimum_bytes_per_second: u64,
    },
    /// No connection could be made in time.
    #[error("{url} was not reached within {:.1} s", limit.as_secs_f32())]
    ConnectTime {
        /// What was to be fetched.
        url: String,
        /// The time allowed.
        limit: Duration,
    },
    /// The server took the request and did not begin to answer in time.
    #[error("{url} did not begin to answer within {:.1} s", limit.as_secs_f32())]
    NoAnswer {
        /// What was to be fetched.
        url: String,
        /// The time allowed.
        limit: Duration,
    },
    /// Bytes came fast enough, and yet not all of them in time.
    #[error("{url} was not at its end after {:.1} s and {received} bytes", limit.as_secs_f32())]
    TransferTime {
        /// What was fetched.
        url: String,
        /// Bytes received within the time.
        received: u64,
        /// The time allowed.
        limit: Duration,
        /// The setting that allows it.
        bound: Bound,
    },
    /// Each transfer was within its bounds, but all of one update together took too long.
    #[error("{update} was not complete after {:.1} s", limit.as_secs_f32())]
    UpdateTime {
        /// Which update.
        update: &'static str,
        /// The time allowed.
        limit: Duration,
    },
    /// The transfer ended before all announced bytes had come.
    #[error("{url} ended after {found} of {expected} bytes")]
    Truncated {
        /// What was fetched.
        url: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes received.
        found: u64,
    },
    /// The answer is packed in a way that was not asked for: what it unpacks to could not be bounded.
    #[error("{url} answered in the encoding {encoding}, which was not asked for")]
    Encoding {
        /// What was fetched.
        url: String,
        /// The encoding of the answer, escaped.
        encoding: String,
    },
    /// The answer is packed in a way that was asked for, but cannot be unpacked.
    #[error("{url} sent a packed answer that cannot be unpacked: {reason}")]
    Damaged {
        /// What was fetched.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects to {location}: {reason}")]
    Redirect {
        /// What was fetched.
        url: String,
        /// Where it redirects to, escaped.
        location: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// The server answered with an error.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// No server could be reached.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// What was to be fetched.
        url: String,
        /// What failed.
        reason: String,
    },
    /// A server was reached, but no secure connection could be made.
    #[error("{url} cannot be reached securely: {reason}")]
    Tls {
        /// What was to be fetched.
        url: String,
        /// What failed.
        reason: String,
    },
    /// The connection broke, or carried no HTTP.
    #[error("the transfer of {url} broke off: {reason}")]
    Transfer {
        /// What was fetched.
        url: String,
        /// What failed.
        reason: String,
    },
    /// No HTTP client could be made on this machine.
    #[error("no http client can be made: {reason}")]
    HttpClient {
        /// What failed.
        reason: String,
    },
    /// The file with certificate authorities cannot be used.
    #[error("{} has no certificate authorities to be used: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder of this client could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another process holds the trusted state for too long.
    #[error("{} is locked by another process for more than {:.1} s", path.display(), waited.as_secs_f32())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited for it.
        waited: Duration,
    },
    /// A folder of trusted state is a symbolic link, or no folder.
    #[error("{} is not a plain folder; trusted state is kept in no other", path.display())]
    NotADirectory {
        /// The folder.
        path: PathBuf,
    },
    /// Others can change what decides whom this user trusts.
    #[error("{} {reason}, so others could decide what is trusted here", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// How others can change it.
        reason: String,
    },
    /// What was recorded when the repository was added is missing or damaged.
    #[error("the trusted state of {repository} is damaged: {reason}")]
    DamagedTrust {
        /// The repository.
        repository: RepositoryName,
        /// What is wrong.
        reason: String,
    },
    /// No repository is trusted under this name.
    #[error("no repository named {name} is trusted (looked in {})", directory.display())]
    UnknownRepository {
        /// The name.
        name: RepositoryName,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A repository is trusted under this name already.
    #[error("a repository named {name} is trusted already")]
    AlreadyTrusted {
        /// The name.
        name: RepositoryName,
    },
    /// There is no repository to install from.
    #[error("no repository is trusted yet")]
    NoRepository,
    /// Several repositories could answer, and nothing is bound to any.
    #[error("several repositories are trusted, and nothing says which projects are whose: {}", listed(names))]
    AmbiguousRest {
        /// The repositories.
        names: Vec<RepositoryName>,
    },
    /// A project belongs to a repository that is not used now, or not trusted any more.
    #[error("{project} is bound to the repository {repository} (by {pattern}), and is taken from no other")]
    BoundElsewhere {
        /// The project.
        project: String,
        /// Whose it is.
        repository: RepositoryName,
        /// The binding.
        pattern: ProjectPattern,
    },
    /// A project is bound to no repository, and none is for such.
    #[error("{project} is bound to no repository, and none has all others (`*`)")]
    Unbound {
        /// The project.
        project: String,
    },
    /// Not a pattern for names of projects.
    #[error("invalid pattern {pattern}: {reason}")]
    InvalidPattern {
        /// The pattern, quoted.
        pattern: String,
        /// The rule it breaks.
        reason: String,
    },
    /// What is kept of the bindings of projects cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    DamagedBindings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Not a name for a repository.
    #[error("invalid repository name {name}: {reason}")]
    InvalidName {
        /// The name, quoted.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// Not a URL a repository can have.
    #[error("invalid repository url {url}: {reason}")]
    InvalidUrl {
        /// The URL, quoted.
        url: String,
        /// The rule it breaks.
        reason: String,
    },
    /// Not a SHA-256 digest.
    #[error("invalid fingerprint {text}: not 64 hexadecimal digits")]
    InvalidFingerprint {
        /// The text, quoted.
        text: String,
    },
    /// What every repository has is not at a URL that is to be trusted.
    #[error(
        "there is no repository at {url}: the server says that it has no {asked} (404, or what stands for it)"
    )]
    NotARepository {
        /// The URL given.
        url: String,
        /// The URL of the file asked for.
        asked: String,
    },
    /// None of the repository's root files has the fingerprint.
    #[error("none of the {tried} root files at {url} has the sha256 {expected}")]
    NoSuchRoot {
        /// The metadata URL.
        url: String,
        /// The fingerprint asked for.
        expected: Sha256Digest,
        /// Root versions looked at.
        tried: u64,
    },
    /// A value that a bound cannot have.
    #[error("{bound} cannot be {value}: it is from {least} to {most}")]
    BoundRange {
        /// The setting.
        bound: Bound,
        /// The value.
        value: u64,
        /// The least it can be.
        least: u64,
        /// The most it can be.
        most: u64,
    },
    /// Something that has not been kept, or is damaged, was asked for while working offline.
    #[error("no usable {file} is kept on this machine, and the network is not used")]
    Offline {
        /// The file.
        file: String,
    },
    /// A variable of the environment that is to name this machine's proxy, and does not. Its value may hold a password.
    #[error("the variable {variable} is no proxy's URL: {reason}")]
    InvalidProxy {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a host that the proxy can let through.
    #[error("invalid host {host}: {reason}")]
    InvalidHost {
        /// The host, quoted.
        host: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A policy cannot be read: it is not known what it forbids.
    #[error("the policy {path} cannot be used: {reason}")]
    Policy {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A policy forbids it, although it verifies.
    #[error("{what} is not allowed by policy: {reason} ({rule})")]
    Forbidden {
        /// What: a file, a project, an option. Escaped.
        what: String,
        /// The rule, and where it stands.
        rule: String,
        /// Why the rule forbids it.
        reason: String,
    },
    /// A policy that a repository signs is not to be had.
    #[error("nothing is installed without the signed policy {policy}")]
    SignedPolicy {
        /// The policy.
        policy: PolicyTarget,
        /// Why not.
        #[source]
        source: Arc<Error>,
    },
    /// A repository has no such policy.
    #[error("the repository {} has no target {} in snapshot {snapshot}", policy.repository(), policy.path())]
    NoSuchPolicy {
        /// The policy.
        policy: PolicyTarget,
        /// The version of the snapshot.
        snapshot: u64,
    },
    /// Whoever vouches for a project is not whom a policy pins for it.
    #[error("{project} is not signed for as policy demands: {reason} ({rule})")]
    Publisher {
        /// The project.
        project: String,
        /// The rule, and where it stands.
        rule: String,
        /// Who has signed, and who was to.
        reason: String,
    },
    /// No certificate could be made on this machine.
    #[error("no certificate can be made: {reason}")]
    Certificate {
        /// What failed.
        reason: String,
    },
    /// The proxy was to listen where others could reach it.
    #[error("{address} is not a loopback address")]
    NotLoopback {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// The proxy's address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The system has no place for this user's files.
    #[error("neither {variable} nor HOME names a folder")]
    NoHome {
        /// The variable that would have named the place.
        variable: &'static str,
    },
    /// A part of this program ended early.
    #[error("internal task ended early: {task}")]
    Task {
        /// Which.
        task: &'static str,
    },
}

/// What a refusal looks like (TUF specification 1.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attack {
    /// What verification stops.
    Verification(sealdex_tuf::Attack),
    /// Bytes so slow that the client never gets to verify them.
    SlowRetrieval,
}

impl fmt::Display for Attack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verification(attack) => attack.fmt(formatter),
            Self::SlowRetrieval => formatter.write_str("slow retrieval attack"),
        }
    }
}

impl Error {
    /// The attack this looks like; `None` where it can only be a fault.
    #[must_use]
    pub fn attack(&self) -> Option<Attack> {
        use sealdex_tuf::Attack as Core;
        match self {
            Self::Verification(error) => error.attack().map(Attack::Verification),
            Self::OtherProject { .. } => Some(Attack::Verification(Core::MixAndMatch)),
            Self::EndlessData { .. } | Self::Encoding { .. } => Some(Attack::Verification(Core::EndlessData)),
            Self::SlowRetrieval { .. }
            | Self::NoAnswer { .. }
            | Self::TransferTime { .. }
            | Self::UpdateTime { .. } => Some(Attack::SlowRetrieval),
            Self::SignedPolicy { source, .. } => source.attack(),
            _ => None,
        }
    }

    /// The rule of a policy that forbids it, and where it stands, where it is one.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Publisher { rule, .. } | Self::Forbidden { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// The signed policy that is not to be had, where it is one.
    pub(crate) fn signed_policy(&self) -> Option<&PolicyTarget> {
        match self {
            Self::SignedPolicy { policy, .. } | Self::NoSuchPolicy { policy, .. } => Some(policy),
            _ => None,
        }
    }

    /// Whether the repository could not be asked at all: what working offline may stand in for. An attack never is.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::ConnectTime { .. }
            | Self::Tls { .. }
            | Self::Transfer { .. }
            | Self::Truncated { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// The setting to change if what was refused is wanted all the same; `None` where no setting would allow it.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        match self {
            Self::Verification(error) => verification_bound(error),
            Self::TooLarge { bound, .. } | Self::EndlessData { bound, .. } => *bound,
            Self::TransferTime { bound, .. } => Some(*bound),
            Self::SignedPolicy { source, .. } => source.bound(),
            Self::ConnectTime { .. } => Some(Bound::ConnectSeconds),
            Self::NoAnswer { .. } => Some(Bound::FirstByteSeconds),
            Self::SlowRetrieval { .. } => Some(Bound::MinBytesPerSecond),
            Self::UpdateTime { .. } => Some(Bound::UpdateSeconds),
            Self::Locked { .. } => Some(Bound::LockWaitSeconds),
            _ => None,
        }
    }

    /// What the user can do. Names the setting, where there is one to change.
    #[must_use]
    pub fn hint(&self) -> Cow<'static, str> {
        let hint = self.hint_without_bound();
        match self.bound() {
            Some(bound) => format!("{hint}; to allow more, change the limit {bound}").into(),
            None => hint.into(),
        }
    }

    fn hint_without_bound(&self) -> &'static str {
        match self {
            Self::Verification(error) => verification_hint(error),
            Self::Page { .. } | Self::OtherProject { .. } | Self::Unverifiable { .. } => {
                "the index published a page that cannot be used safely; tell its operator"
            }
            Self::TooLarge { .. } => "ask the index's operator whether files that large are expected",
            Self::EndlessData { .. } | Self::Encoding { .. } => {
                "nothing of it was installed; try another network or mirror, and tell the index's operator"
            }
            Self::SlowRetrieval { .. }
            | Self::NoAnswer { .. }
            | Self::TransferTime { .. }
            | Self::UpdateTime { .. } => {
                "try again, or another network or mirror; nothing of it was installed"
            }
            Self::Truncated { .. } | Self::Transfer { .. } | Self::Damaged { .. } => {
                "try again; nothing of it was installed"
            }
            Self::Redirect { .. } => "add the repository again with the url it has moved to",
            Self::Status { status: 400..=499, .. } => "check the url of the repository",
            Self::Status { .. } => "the server has a fault; try again later",
            Self::Unreachable { .. } | Self::ConnectTime { .. } => {
                "check the network and the url; is the server running?"
            }
            Self::Tls { .. } => {
                "check the url and this machine's clock; a certificate authority of your own is named with --ca-file"
            }
            Self::Authorities { .. } => "name a PEM file with the certificates of the authorities",
            Self::HttpClient { .. } => "check this machine's certificates and proxy settings",
            Self::Io { source, .. } => io_hint(source.kind()),
            Self::Locked { .. } => "wait for the other process, or end it, and try again",
            Self::NotADirectory { .. } => "replace it by a folder of your own, or name another place",
            Self::Exposed { .. } => {
                "look at what is in it; then make it yours alone (chown, chmod go-w), or remove it and add the \
                 repository again"
            }
            Self::DamagedTrust { .. } => {
                "remove the repository and add it again with its root or fingerprint"
            }
            Self::UnknownRepository { .. } => "see `sealdex trust list`, or add it with `sealdex trust add`",
            Self::AlreadyTrusted { .. } => "choose another name, or remove the repository first",
            Self::NoRepository => "add one: sealdex trust add NAME URL --root root.json",
            Self::AmbiguousRest { .. } => {
                "choose one with --from, or say it: sealdex trust bind NAME 'acme-*', and sealdex trust bind NAME '*' \
                 for the one that has all others"
            }
            Self::BoundElsewhere { .. } => {
                "use that repository as well (leave out --from; see sealdex trust list), or bind the project to another \
                 with sealdex trust bind"
            }
            Self::Unbound { .. } => {
                "say whose it is: sealdex trust bind NAME PROJECT, or sealdex trust bind NAME '*' for whoever has all \
                 that are bound to none"
            }
            Self::InvalidPattern { .. } => "give a project's name, a beginning such as 'acme-*', or '*'",
            Self::DamagedBindings { .. } => {
                "put it right, or remove it and bind the projects anew with sealdex trust bind"
            }
            Self::InvalidName { .. } => {
                "use letters, digits, '-', '_' and '.', beginning with a letter or digit"
            }
            Self::InvalidUrl { .. } => "give the url of the index, such as https://packages.example/",
            Self::InvalidFingerprint { .. } => "give the sha256 of a root.json as 64 hexadecimal digits",
            Self::NotARepository { .. } => {
                "give the url that has metadata/ and simple/ below it, as its operator tells it: that of the index, without \
                 simple/"
            }
            Self::NoSuchRoot { .. } => {
                "ask the index's operator for the fingerprint again, over another channel than this network"
            }
            Self::BoundRange { .. } => "see docs/limits.md for what it bounds",
            Self::Offline { .. } => "connect to the network once, or leave out the offline option",
            Self::InvalidProxy { .. } => {
                "write http://USER:PASSWORD@HOST:PORT, with %40, %2F and %23 for @, / and # in a password"
            }
            Self::InvalidHost { .. } => "name a host as in files.example, or files.example:8443",
            Self::Policy { .. } => "see docs/policy.md for what a policy can say",
            Self::Forbidden { .. } => "choose another version, or ask who wrote the rule",
            // What the cause is, is told with the cause.
            Self::SignedPolicy { source, .. } => source.hint_without_bound(),
            Self::NoSuchPolicy { .. } => {
                "nobody knows what it forbids, so nothing is installed; check the name, or have the repository's operator \
                 publish it"
            }
            Self::Publisher { .. } => {
                "`sealdex policy publisher` shows who signs now. If its developers have changed their keys, have the new \
                 ones from them over another channel, and pin these beside the old ones; if they have not, tell the \
                 index's operator"
            }
            Self::Certificate { .. } => "try again; if it happens again, report it",
            Self::NotLoopback { .. } => "listen on 127.0.0.1",
            Self::Listen { .. } => "choose another port, or port 0 for any free one",
            Self::NoHome { .. } => "set the variable HOME",
            Self::Task { .. } => "try again; if it happens again, report it",
        }
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn report(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            // Causes come from outside crates, which do not promise to escape what they quote.
            line.push_str(&printable(&error.to_string()));
            cause = error.source();
        }
        line
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}

fn verification_bound(error: &sealdex_tuf::Error) -> Option<Bound> {
    use sealdex_tuf::Error as Core;
    match error {
        Core::TooLong { file, .. } => Some(match file.as_str() {
            "root.json" => Bound::MaxRootBytes,
            "timestamp.json" => Bound::MaxTimestampBytes,
            "snapshot.json" => Bound::MaxSnapshotBytes,
            _ => Bound::MaxTargetsBytes,
        }),
        Core::TooManyDelegations { .. } => Some(Bound::MaxDelegations),
        Core::TooManyRoots { .. } => Some(Bound::MaxRootVersions),
        _ => None,
    }
}

fn listed(names: &[RepositoryName]) -> String {
    names.iter().map(RepositoryName::as_str).collect::<Vec<_>>().join(", ")
}

fn io_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space there and try again; what was trusted before is unharmed"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: make it writable or name another place; what was verified before can be used \
             with --offline"
        }
        io::ErrorKind::PermissionDenied => {
            "you may not do that there: change the permissions or name another place; what was verified before can be \
             used with --offline"
        }
        _ => "check the folder's permissions and free space",
    }
}

fn verification_hint(error: &sealdex_tuf::Error) -> &'static str {
    use sealdex_tuf::Error as Core;
    match error {
        Core::Expired { .. } => {
            "check this machine's clock; if it is right, the index is stale or somebody holds back its updates"
        }
        Core::Rollback { .. } | Core::RemovedFromSnapshot { .. } => {
            "nothing of it was installed; the server offers an older state than it did before: tell its operator"
        }
        Core::Threshold { .. } => {
            "nothing of it was installed; the server's metadata is signed by others than those you trust: ask its operator \
             over another channel"
        }
        Core::WrongHash { .. } | Core::WrongLength { .. } => {
            "nothing of it was installed; the server sent another file than the one signed for: tell its operator"
        }
        Core::Missing { .. } => {
            "check the url of the repository; if it is right, its operator must publish again"
        }
        _ => "nothing of it was installed; tell the index's operator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_each_cause_once() {
        let source = std::io::Error::other("disk\x1b[2J full");
        let error = Error::io("write", "/state/root.json", source);
        assert_eq!(error.to_string(), "cannot write /state/root.json");
        assert_eq!(error.report(), "cannot write /state/root.json: disk\\u{1b}[2J full");
        // As tempfile has it. It is escaped once, where it is shown.
        let source = std::io::Error::other("No space left on device (os error 28) at path \"/state/.tmp-1\"");
        let text =
            "cannot write /state/root.json: No space left on device (os error 28) at path \"/state/.tmp-1\"";
        assert_eq!(Error::io("write", "/state/root.json", source).report(), text);
        let error = Error::from(sealdex_tuf::Error::Missing { file: "timestamp.json".to_owned() });
        assert_eq!(error.report(), error.to_string());
    }
}
