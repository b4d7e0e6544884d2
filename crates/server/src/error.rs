//! What keeps the server from serving at all. What is wrong with one request is a `Refusal`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server cannot start or go on, or nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on: in use, not this machine's, or a port that needs privileges.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A setting that no server can run with.
    #[error("invalid server setting {setting}: {reason}")]
    Setting {
        /// Its name as in the configuration.
        setting: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file could not be exported.
    #[error("cannot {action} {}", path.display())]
    Export {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] sealdex_repository::Error),
}
