//! Signing metadata (TUF spec 4.2.1, 6.3).
//!
//! [`sign`] makes the file of new metadata, [`add_signature`] adds one to a file that others have signed.
//! [`KeyPair`] is a key in memory; a token or a service implements [`Signer`].

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm, RSA_PSS_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::error::{Error, Malformed};
use crate::json::{Object, Value};
use crate::key::{Key, KeyId, Scheme};
use crate::metadata::Metadata;

/// Something that signs with one key: a key in memory, on a token, or behind a service.
pub trait Signer: Send + Sync {
    /// The public half.
    fn key(&self) -> &Key;

    /// A signature over `message`, as raw bytes of the key's scheme, which may first give the message another form
    /// (ML-DSA, TAP 21).
    ///
    /// # Errors
    /// [`Error::Signing`]
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error>;
}

/// Signs `metadata` and gives the file's bytes: `{"signatures":[...],"signed":{...}}`, compact.
///
/// # Errors
/// [`Error::Signing`] from a signer.
pub fn sign<M: Metadata>(metadata: &M, signers: &[&dyn Signer]) -> Result<Vec<u8>, Error> {
    let signed = metadata.members();
    let message = signed.canonical();
    let mut signatures: Vec<(KeyId, Vec<u8>)> = Vec::new();
    for signer in signers {
        let id = signer.key().id();
        if signatures.iter().all(|(known, _)| *known != id) {
            signatures.push((id, signer.sign(&message)?));
        }
    }
    let signatures: Vec<Value> =
        signatures.iter().map(|(id, signature)| signature_value(id, signature)).collect();
    let signatures = Value::Array(signatures).to_json();
    let mut out = Vec::with_capacity(message.len() + signatures.len() + 32);
    out.extend_from_slice(b"{\"signatures\":");
    out.extend_from_slice(&signatures);
    out.extend_from_slice(b",\"signed\":");
    // The canonical form is JSON unless a string holds control characters.
    if message.iter().any(u8::is_ascii_control) {
        out.extend_from_slice(&signed.to_json());
    } else {
        out.extend_from_slice(&message);
    }
    out.push(b'}');
    Ok(out)
}

/// Adds a signature to metadata that others have signed, as key holders do one after another. A signature of the same
/// key is replaced; everything else stays, unknown members included.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Signing`].
pub fn add_signature(bytes: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, Error> {
    let malformed = |reason: &str| Error::from(Malformed::new("metadata", reason));
    let Value::Object(mut envelope) = Value::parse(bytes)? else {
        return Err(malformed("not an object"));
    };
    let Some(signed) = envelope.value("signed").filter(|signed| matches!(signed, Value::Object(_))) else {
        return Err(malformed("\"signed\" is missing or not an object"));
    };
    let signature = signer.sign(&signed.canonical())?;
    let Some(Value::Array(mut signatures)) = envelope.remove("signatures") else {
        return Err(malformed("\"signatures\" is missing or not an array"));
    };
    let id = signer.key().id();
    signatures
        .retain(|own| !matches!(own, Value::Object(own) if own.value("keyid") == Some(&id.as_str().into())));
    signatures.push(signature_value(&id, &signature));
    envelope.insert("signatures", signatures);
    Ok(Value::Object(envelope).to_json())
}

fn signature_value(id: &KeyId, signature: &[u8]) -> Value {
    let entry = [("keyid".to_owned(), id.as_str().into()), ("sig".to_owned(), hex::encode(signature).into())];
    Value::Object(entry.into_iter().collect::<Object>())
}

/// A private key in memory. Its PKCS#8 form is zeroised when dropped; nothing of it is ever printed.
pub struct KeyPair {
    key: Key,
    pkcs8: Zeroizing<Vec<u8>>,
    private: Private,
}

enum Private {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    MlDsa(PqdsaKeyPair),
}

impl KeyPair {
    /// A new key of `scheme`; RSA keys have 3,072 bits.
    ///
    /// # Errors
    /// [`Error::Signing`] when the scheme is unknown or no key could be made.
    pub fn generate(scheme: &Scheme) -> Result<Self, Error> {
        let failed = |_| Error::Signing(format!("no {scheme} key could be generated"));
        let pkcs8 = match scheme {
            Scheme::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            Scheme::EcdsaSha2Nistp256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Scheme::EcdsaSha2Nistp384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Scheme::RsassaPssSha256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
                let pair = PqdsaKeyPair::generate(ml_dsa(scheme)).map_err(failed)?;
                pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
            }
            Scheme::Unknown(_) => return Err(Error::Signing(format!("the scheme {scheme} is not known"))),
        };
        Self::from_pkcs8(scheme, &Zeroizing::new(pkcs8))
    }

    /// A key from its PKCS#8 DER form.
    ///
    /// # Errors
    /// [`Error::Signing`] when the bytes are not a private key of `scheme`.
    pub fn from_pkcs8(scheme: &Scheme, pkcs8: &[u8]) -> Result<Self, Error> {
        let rejected = |error: aws_lc_rs::error::KeyRejected| {
            Error::Signing(format!("not a {scheme} private key: {error}"))
        };
        let failed = |_| Error::Signing("the public key could not be encoded".to_owned());
        let (key, private) = match scheme {
            Scheme::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(rejected)?;
                let public: &[u8; 32] = pair
                    .public_key()
                    .as_ref()
                    .try_into()
                    .map_err(|_| Error::Signing("odd key length".to_owned()))?;
                (Key::from_ed25519(public), Private::Ed25519(pair))
            }
            Scheme::EcdsaSha2Nistp256 | Scheme::EcdsaSha2Nistp384 => {
                let algorithm = if *scheme == Scheme::EcdsaSha2Nistp256 {
                    &ECDSA_P256_SHA256_ASN1_SIGNING
                } else {
                    &ECDSA_P384_SHA384_ASN1_SIGNING
                };
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(rejected)?;
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                (Key::from_spki_der(scheme.clone(), spki.as_ref())?, Private::Ecdsa(pair))
            }
            Scheme::RsassaPssSha256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(rejected)?;
                if pair.public_modulus_len() < 256 {
                    return Err(Error::Signing(
                        "RSA keys must have at least 2,048 bits (TUF spec 4.2.2)".to_owned(),
                    ));
                }
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                (Key::from_spki_der(scheme.clone(), spki.as_ref())?, Private::Rsa(pair))
            }
            Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
                let pair = PqdsaKeyPair::from_pkcs8(ml_dsa(scheme), pkcs8).map_err(rejected)?;
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                (Key::from_spki_der(scheme.clone(), spki.as_ref())?, Private::MlDsa(pair))
            }
            Scheme::Unknown(_) => return Err(Error::Signing(format!("the scheme {scheme} is not known"))),
        };
        Ok(Self { key, pkcs8: Zeroizing::new(pkcs8.to_vec()), private })
    }

    /// The private key in PKCS#8 DER, to be stored encrypted. Handle with care.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl Signer for KeyPair {
    fn key(&self) -> &Key {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Signing("the key did not sign".to_owned());
        let message = &*self.key.scheme().signed_message(message);
        Ok(match &self.private {
            Private::Ed25519(pair) => pair.try_sign(message).map_err(failed)?.as_ref().to_vec(),
            Private::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()
            }
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                signature
            }
            Private::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }
}

/// The parameter set of an ML-DSA scheme.
fn ml_dsa(scheme: &Scheme) -> &'static PqdsaSigningAlgorithm {
    match scheme {
        Scheme::MlDsa44 => &ML_DSA_44_SIGNING,
        Scheme::MlDsa65 => &ML_DSA_65_SIGNING,
        _ => &ML_DSA_87_SIGNING,
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyPair").field("id", &self.key.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_signs_what_it_verifies() {
        for scheme in Scheme::KNOWN {
            let pair = KeyPair::generate(&scheme).unwrap();
            let signature = pair.sign(b"message").unwrap();
            assert!(pair.key().verifies(b"message", &signature), "{scheme}");
            assert!(!pair.key().verifies(b"massage", &signature), "{scheme}");
            let again = KeyPair::from_pkcs8(&scheme, pair.pkcs8()).unwrap();
            assert_eq!(again.key(), pair.key());
            let read = Key::from_value(Value::parse(&pair.key().to_value().to_json()).unwrap()).unwrap();
            assert_eq!(read, *pair.key());
            assert!(read.verifies(b"message", &signature), "{scheme}");
        }
    }

    #[test]
    fn a_key_pair_prints_no_secret() {
        let pair = KeyPair::generate(&Scheme::Ed25519).unwrap();
        assert!(!format!("{pair:?}").contains(&hex::encode(&pair.pkcs8()[16..24])));
    }
}
