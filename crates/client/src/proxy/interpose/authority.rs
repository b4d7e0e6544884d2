//! A certificate authority for one run: its key lives in this process alone and is gone with it.
//!
//! A proxy that answers for `https` hosts needs certificates for them. They are made here for each host when it is
//! first asked for, and signed by an authority that only the processes of one run are told to trust. What a killed run
//! leaves on the disk is the authority's certificate, without its key: nobody can sign with it any more.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::random_bytes;
use crate::error::Error;

/// How long everything signed here is good for. A longer run would have to begin again.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// The clocks of containers and hosts differ a little.
const BEFORE: Duration = Duration::from_secs(5 * 60);
/// Hosts whose certificates are kept; who asks for more hosts than that has them made again.
const MAX_HOSTS: usize = 256;

/// The authority of one run.
pub(super) struct RunAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// One key for all hosts: they are all this process.
    host_key: KeyPair,
    life: Life,
    provider: Arc<CryptoProvider>,
    hosts: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

/// From when to when certificates are good, in seconds since 1970.
#[derive(Clone, Copy)]
struct Life {
    start: Duration,
    end: Duration,
}

impl RunAuthority {
    /// Makes keys and the authority's certificate; a few milliseconds.
    pub(super) fn new(now: Timestamp) -> Result<Self, Error> {
        let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        let life = Life { start: now.saturating_sub(BEFORE), end: now.saturating_add(LIFE - BEFORE) };
        let mut params = life.params(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "sealdex, for one run alone");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self {
            issuer,
            host_key: KeyPair::generate().map_err(failed)?,
            life,
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            hosts: Mutex::default(),
        })
    }

    /// The authority's certificate.
    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// What a server needs to be `host` (a name or an IP address) towards the processes of this run.
    pub(super) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, Error> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get(host) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(self.make(host)?);
        if hosts.len() >= MAX_HOSTS {
            hosts.clear();
        }
        hosts.insert(host.to_owned(), Arc::clone(&made));
        Ok(made)
    }

    fn make(&self, host: &str) -> Result<ServerConfig, Error> {
        let mut params = self.life.params(vec![host.to_owned()])?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.host_key, &self.issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.host_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(failed)?;
        // HTTP/2 has no reason phrases, with which refusals are explained.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Life {
    fn params(self, names: Vec<String>) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::new(names).map_err(failed)?;
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + self.start;
        params.not_after = epoch + self.end;
        // Unlike all others of this issuer, although the key is the same.
        params.serial_number = Some(SerialNumber::from_slice(&random_bytes::<16>()?));
        params.distinguished_name = rcgen::DistinguishedName::new();
        Ok(params)
    }
}

/// A certificate as tools read it from a file (RFC 7468).
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let encoded = STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn failed(error: impl fmt::Display) -> Error {
    Error::Certificate { reason: error.to_string() }
}

impl fmt::Debug for RunAuthority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunAuthority").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[derive(Debug)]
    struct At(u64);

    impl rustls::time_provider::TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
        }
    }

    /// Whether a client that trusts `trusted` alone, at that time, speaks with `server` as `name`.
    fn speaks(trusted: &RunAuthority, server: Arc<ServerConfig>, name: &str, at: i64) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.issuer.der().clone()).unwrap();
        let provider = Arc::clone(&trusted.provider);
        let client = ClientConfig::builder_with_details(provider, Arc::new(At(u64::try_from(at).unwrap())))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(server).unwrap();
        for _ in 0..4 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            if server.process_new_packets().is_err() {
                return false;
            }
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            if client.process_new_packets().is_err() {
                return false;
            }
        }
        !client.is_handshaking() && !server.is_handshaking()
    }

    #[test]
    fn a_host_is_itself_for_this_run_and_for_a_day() {
        let own = RunAuthority::new(Timestamp::from_second(NOW).unwrap()).unwrap();
        let other = RunAuthority::new(Timestamp::from_second(NOW).unwrap()).unwrap();
        for host in ["index.example", "127.0.0.1", "::1"] {
            assert!(speaks(&own, own.server(host).unwrap(), host, NOW), "{host}");
        }
        let server = || own.server("index.example").unwrap();
        assert!(!speaks(&own, server(), "other.example", NOW));
        assert!(!speaks(&other, server(), "index.example", NOW));
        assert!(speaks(&own, server(), "index.example", NOW + 23 * 3600));
        assert!(!speaks(&own, server(), "index.example", NOW + 24 * 3600));
        assert!(!speaks(&own, server(), "index.example", NOW - 3600));
    }

    #[test]
    fn no_more_hosts_are_kept_than_that() {
        let own = RunAuthority::new(Timestamp::from_second(NOW).unwrap()).unwrap();
        for number in 0..=MAX_HOSTS {
            own.server(&format!("host{number}.example")).unwrap();
        }
        assert!(own.hosts.lock().unwrap().len() <= MAX_HOSTS);
    }
}
