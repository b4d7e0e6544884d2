//! Key files against securesystemslib, the key store of python-tuf.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_keys::{Passphrase, Protection, read_key, write_key};
use sealdex_testkit::python::{self, Environment};
use sealdex_tuf::json::Value;
use sealdex_tuf::{Key, KeyPair, Scheme, Signer};

const PASSPHRASE: &str = "correct horse battery staple";

/// Runs Python with python-tuf's libraries; gives what it printed.
fn python(script: &str, arguments: &[&Path]) -> String {
    let mut command = Command::new(Environment::tuf());
    command.arg("-c").arg(script).args(arguments);
    python::run(&mut command, Duration::from_secs(60)).expect_success().stdout
}

#[test]
fn securesystemslib_opens_our_keys_and_we_verify_its_signatures() {
    let directory = tempfile::tempdir().unwrap();
    for (number, scheme) in Scheme::KNOWN.into_iter().enumerate() {
        let pair = KeyPair::generate(&scheme).unwrap();
        let path = directory.path().join(format!("{number}.pem"));
        write_key(&path, &pair, Protection::Passphrase(&Passphrase::new(PASSPHRASE.to_owned()))).unwrap();
        let printed = python(
            &format!(
                "import sys\n\
                 from cryptography.hazmat.primitives.serialization import load_pem_private_key\n\
                 from securesystemslib.signer import CryptoSigner, SSlibKey\n\
                 private = load_pem_private_key(open(sys.argv[1], 'rb').read(), b'{PASSPHRASE}')\n\
                 key = SSlibKey.from_crypto(private.public_key(), scheme='{scheme}')\n\
                 print(key.keyid, CryptoSigner(private, key).sign(b'message').signature)\n"
            ),
            &[&path],
        );
        let (key_id, signature) = printed.trim().split_once(' ').unwrap();
        let signature: Vec<u8> = (0..signature.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap())
            .collect();
        assert!(pair.key().verifies(b"message", &signature), "{scheme}");
        assert_eq!(pair.key().id().as_str(), key_id, "{scheme}: both sides name the key alike");
    }
}

#[test]
fn we_open_keys_that_securesystemslib_made() {
    let directory = tempfile::tempdir().unwrap();
    for (scheme, generate) in [
        (Scheme::Ed25519, "generate_ed25519()"),
        (Scheme::EcdsaSha2Nistp256, "generate_ecdsa()"),
        (Scheme::RsassaPssSha256, "generate_rsa()"),
        (Scheme::MlDsa44, "generate_mldsa(scheme='ml-dsa-44/1')"),
        (Scheme::MlDsa65, "generate_mldsa(scheme='ml-dsa-65/1')"),
        (Scheme::MlDsa87, "generate_mldsa(scheme='ml-dsa-87/1')"),
    ] {
        let path = directory.path().join("key.pem");
        let printed = python(
            &format!(
                "import sys, json\n\
                 from cryptography.hazmat.primitives import serialization as how\n\
                 from securesystemslib.signer import CryptoSigner\n\
                 signer = CryptoSigner.{generate}\n\
                 lock = how.BestAvailableEncryption(b'{PASSPHRASE}')\n\
                 pem = signer._private_key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, lock)\n\
                 open(sys.argv[1], 'wb').write(pem)\n\
                 print(json.dumps(signer.public_key.to_dict()))\n"
            ),
            &[&path],
        );
        let pair = read_key(&path, Some(&Passphrase::new(PASSPHRASE.to_owned()))).unwrap();
        let theirs = Key::from_value(Value::parse(printed.trim().as_bytes()).unwrap()).unwrap();
        assert!(theirs.verifies(b"message", &pair.sign(b"message").unwrap()), "{scheme}");
    }
}
