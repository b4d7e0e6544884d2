//! What an operator can set about the server. Every field has a default that fits a small machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MEBIBYTE: u64 = 1024 * 1024;

/// How the server listens and what it bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The address to listen on. Port 0 takes a free one, see [`Server::local_addr`](crate::Server::local_addr).
    pub listen: SocketAddr,
    /// Bounds of connections.
    pub connections: ConnectionLimits,
    /// Bounds of uploads.
    pub uploads: UploadLimits,
    /// Most bytes of pages kept in memory in the form they are sent.
    pub max_page_cache_bytes: u64,
    /// Most bytes of metadata, and of pages and core metadata as targets, kept in memory in the forms they are sent.
    pub max_metadata_cache_bytes: u64,
    /// Most bytes of deltas between versions of those (RFC 9842) kept in memory.
    pub max_delta_cache_bytes: u64,
    /// How long requests in flight may take to finish once the server is asked to stop.
    pub shutdown_grace_seconds: u64,
}

/// Bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Most connections at once; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Longest time for the head of a request, and for an idle connection to send the next one.
    pub head_seconds: u64,
    /// Longest time in which a connection may neither send nor take a single byte.
    pub stall_seconds: u64,
}

/// Bounds of uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadLimits {
    /// Largest distribution file, in bytes.
    pub max_file_bytes: u64,
    /// Most bytes of all other form fields together: descriptions can be long.
    pub max_field_bytes: u64,
    /// Most form fields.
    pub max_fields: usize,
    /// Most uploads received at once; further ones wait for a place at most [`UploadLimits::queue_seconds`].
    pub max_concurrent: usize,
    /// Longest wait for a place.
    pub queue_seconds: u64,
    /// Slowest rate at which a body may come in, measured over [`UploadLimits::rate_window_seconds`].
    pub min_bytes_per_second: u64,
    /// Over what time the rate is measured; also the longest pause of a body.
    pub rate_window_seconds: u64,
    /// Longest time in which a whole body has to come in.
    pub max_receive_seconds: u64,
    /// Longest wait of an accepted upload for its publication. After it the upload is answered with 503; it stays
    /// accepted, and may be sent again.
    pub publish_seconds: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            connections: ConnectionLimits::default(),
            uploads: UploadLimits::default(),
            max_page_cache_bytes: 256 * MEBIBYTE,
            max_metadata_cache_bytes: 64 * MEBIBYTE,
            max_delta_cache_bytes: 32 * MEBIBYTE,
            shutdown_grace_seconds: 30,
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { max_connections: 4096, head_seconds: 60, stall_seconds: 120 }
    }
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            max_file_bytes: 100 * MEBIBYTE,
            max_field_bytes: 4 * MEBIBYTE,
            max_fields: 4096,
            max_concurrent: 16,
            queue_seconds: 30,
            min_bytes_per_second: 4096,
            rate_window_seconds: 20,
            max_receive_seconds: 3600,
            publish_seconds: 60,
        }
    }
}

impl ServerConfig {
    /// How long shutting down may take.
    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }

    /// An upload that waits for its publication neither sends nor takes bytes: a stall is longer than that.
    pub(crate) fn stall(&self) -> Duration {
        const MARGIN_SECONDS: u64 = 30;
        let waiting = self.uploads.publish_seconds.max(self.uploads.queue_seconds);
        Duration::from_secs(self.connections.stall_seconds.max(waiting.saturating_add(MARGIN_SECONDS)))
    }
}

impl UploadLimits {
    /// Most bytes of a whole form: the file, the other fields, and what frames them.
    pub(crate) fn max_body_bytes(&self) -> u64 {
        const FRAMING_BYTES_PER_FIELD: u64 = 1024;
        let framing = FRAMING_BYTES_PER_FIELD.saturating_mul(self.max_fields as u64);
        self.max_file_bytes.saturating_add(self.max_field_bytes).saturating_add(framing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_unknown_is_an_error() {
        let config: ServerConfig =
            serde_json::from_str(r#"{"listen":"[::1]:80","uploads":{"max_file_bytes":5}}"#).unwrap();
        let uploads = UploadLimits { max_file_bytes: 5, ..UploadLimits::default() };
        let listen = "[::1]:80".parse().unwrap();
        assert_eq!(config, ServerConfig { listen, uploads, ..ServerConfig::default() });
        for unknown in [r#"{"lissten":"[::1]:80"}"#, r#"{"uploads":{"max_file_byte":5}}"#] {
            assert!(serde_json::from_str::<ServerConfig>(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn waiting_for_a_publication_is_no_stall() {
        let uploads = UploadLimits { publish_seconds: 600, ..UploadLimits::default() };
        let config = ServerConfig { uploads, ..ServerConfig::default() };
        assert!(config.stall() > Duration::from_secs(600));
    }
}
