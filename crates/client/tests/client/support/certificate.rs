//! Certificates for tests (RFC 5280): an authority, and what it issues. Ed25519 alone (RFC 8410).

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::Scheme;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::sign::{KeyPair, Signer};

/// An authority that somebody may trust.
pub(crate) struct Authority {
    key: KeyPair,
    name: String,
    /// Its own certificate.
    pub(crate) certificate: Vec<u8>,
}

/// What a server proves itself with.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8.
    pub(crate) key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = new_key();
        let year = SignedDuration::from_hours(24 * 365);
        // basicConstraints: cA.
        let is_authority = extension(&[0x55, 0x1d, 0x13], &sequence(&[value(BOOLEAN, &[0xff])]));
        let certificate = certificate(&key, name, name, &key, [-year, year], &is_authority);
        Self { key, name: name.to_owned(), certificate }
    }

    /// Issues a certificate for this host, valid between these times from now.
    pub(crate) fn issue(&self, host: &str, valid: [SignedDuration; 2]) -> Identity {
        let key = new_key();
        let name = match host.parse::<std::net::Ipv4Addr>() {
            Ok(address) => value(0x87, &address.octets()),
            Err(_) => value(0x82, host.as_bytes()),
        };
        // subjectAltName.
        let names = extension(&[0x55, 0x1d, 0x11], &sequence(&[name]));
        let certificate = certificate(&self.key, &self.name, host, &key, valid, &names);
        Identity { certificate, key: key.pkcs8().to_vec() }
    }

    /// Its certificate as users have it.
    pub(crate) fn pem(&self) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

fn new_key() -> KeyPair {
    KeyPair::generate(&Scheme::Ed25519).unwrap()
}

fn certificate(
    issuer_key: &KeyPair,
    issuer: &str,
    subject: &str,
    key: &KeyPair,
    valid: [SignedDuration; 2],
    extension: &[u8],
) -> Vec<u8> {
    let algorithm = sequence(&[value(OBJECT_IDENTIFIER, &[0x2b, 0x65, 0x70])]);
    let public: serde_json::Value = serde_json::from_slice(&key.key().to_value().to_json()).unwrap();
    let public = hex::decode(public["keyval"]["public"].as_str().unwrap()).unwrap();
    let serial = HashAlgorithm::Sha256.hex_digest(&public)[..8].to_owned();
    let time = |from_now| {
        let at: Timestamp = Timestamp::now() + from_now;
        value(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    };
    let [from, to] = valid.map(time);
    let signed = sequence(&[
        value(0xa0, &value(INTEGER, &[2])),
        value(INTEGER, &[&[1], serial.as_bytes()].concat()),
        algorithm.clone(),
        name(issuer),
        sequence(&[from, to]),
        name(subject),
        sequence(&[algorithm.clone(), bits(&public)]),
        value(0xa3, &sequence(&[extension.to_vec()])),
    ]);
    let signature = issuer_key.sign(&signed).unwrap();
    sequence(&[signed, algorithm, bits(&signature)])
}

fn name(common: &str) -> Vec<u8> {
    let common_name = value(OBJECT_IDENTIFIER, &[0x55, 0x04, 0x03]);
    let part = sequence(&[common_name, value(UTF8_STRING, common.as_bytes())]);
    sequence(&[value(SET, &part)])
}

fn extension(id: &[u8], content: &[u8]) -> Vec<u8> {
    sequence(&[value(OBJECT_IDENTIFIER, id), value(BOOLEAN, &[0xff]), value(OCTET_STRING, content)])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// A value in DER (X.690, 10.1).
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(content.len()).unwrap() {
        short @ 0..0x80 => vec![short.to_be_bytes()[1]],
        medium @ 0x80..0x100 => vec![0x81, medium.to_be_bytes()[1]],
        long => [&[0x82], &long.to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], content].concat()
}
