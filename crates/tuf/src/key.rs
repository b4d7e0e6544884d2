//! Public keys and signature verification (TUF spec 4.2.2).

use std::borrow::{Borrow, Cow};
use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use spki::der::asn1::UintRef;
use spki::der::{Decode, Reader, SliceReader};
use spki::{Document, SubjectPublicKeyInfoRef};

use crate::digest::sha256;
use crate::error::{Error, Malformed};
use crate::json::{Object, Value};

/// The identifier of a key (4.2.1, KEYID).
///
/// Identifiers made here are the SHA-256 of the key's canonical form. Identifiers read are taken as they stand, as
/// TAP 12 has it: deployed repositories add fields to keys without renaming them. Nothing rests on an identifier being
/// that digest, because thresholds count distinct *keys* as well as distinct identifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Reads a key identifier.
    ///
    /// # Errors
    /// Empty, or longer than 256 bytes.
    pub fn parse(id: impl Into<String>) -> Result<Self, Error> {
        let id = id.into();
        if id.is_empty() || id.len() > 256 {
            return Err(Malformed::new("key id", "a key id has 1 to 256 bytes").into());
        }
        Ok(Self(id))
    }

    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.escape_debug())
    }
}

impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The version of TAP 21 that the schemes' names end with.
const ML_DSA_FORM: u8 = 1;

/// A signature scheme (4.2.2, SCHEME).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaSha2Nistp256,
    /// `ecdsa-sha2-nistp384`
    EcdsaSha2Nistp384,
    /// `rsassa-pss-sha256`, salt as long as the digest, keys of 2,048 to 8,192 bits
    RsassaPssSha256,
    /// `ml-dsa-44/1` (TAP 21)
    MlDsa44,
    /// `ml-dsa-65/1` (TAP 21)
    MlDsa65,
    /// `ml-dsa-87/1` (TAP 21)
    MlDsa87,
    /// A scheme this crate does not know. Such keys are kept and never verify anything.
    Unknown(String),
}

impl Scheme {
    /// The schemes this crate signs and verifies with.
    pub const KNOWN: [Self; 7] = [
        Self::Ed25519,
        Self::EcdsaSha2Nistp256,
        Self::EcdsaSha2Nistp384,
        Self::RsassaPssSha256,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The name in metadata.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaSha2Nistp256 => "ecdsa-sha2-nistp256",
            Self::EcdsaSha2Nistp384 => "ecdsa-sha2-nistp384",
            Self::RsassaPssSha256 => "rsassa-pss-sha256",
            Self::MlDsa44 => "ml-dsa-44/1",
            Self::MlDsa65 => "ml-dsa-65/1",
            Self::MlDsa87 => "ml-dsa-87/1",
            Self::Unknown(name) => name,
        }
    }

    /// The `keytype` written for keys of this scheme.
    fn keytype(&self) -> &str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaSha2Nistp256 | Self::EcdsaSha2Nistp384 => "ecdsa",
            Self::RsassaPssSha256 => "rsa",
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => "ml-dsa",
            Self::Unknown(name) => name,
        }
    }

    /// What a key of this scheme signs in place of `message`. ML-DSA has no hash of its own to be computed away from
    /// the key, so that TAP 21 has its keys sign `tuf`, the version of that form, and the SHA-512 of the message.
    pub(crate) fn signed_message<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => {
                let hash = digest::digest(&digest::SHA512, message);
                Cow::Owned([b"tuf", &[ML_DSA_FORM][..], hash.as_ref()].concat())
            }
            _ => Cow::Borrowed(message),
        }
    }

    fn from_names(keytype: &str, scheme: &str) -> Self {
        match (keytype, scheme) {
            ("ed25519", "ed25519") => Self::Ed25519,
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => Self::EcdsaSha2Nistp256,
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => Self::EcdsaSha2Nistp384,
            ("rsa", "rsassa-pss-sha256") => Self::RsassaPssSha256,
            ("ml-dsa", "ml-dsa-44/1") => Self::MlDsa44,
            ("ml-dsa", "ml-dsa-65/1") => Self::MlDsa65,
            ("ml-dsa", "ml-dsa-87/1") => Self::MlDsa87,
            _ => Self::Unknown(scheme.to_owned()),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name().escape_debug())
    }
}

/// A public key as it stands in metadata (4.2.2, KEY), unknown fields included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    scheme: Scheme,
    material: Material,
    object: Object,
}

/// A key as one to be counted once: the same for every way to write the same key down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity<'a>(Option<&'a Scheme>, &'a [u8]);

/// What verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    /// Raw bytes that the scheme's verification takes.
    Known(Scheme, Vec<u8>),
    /// The text of a key that cannot verify: unknown scheme or undecodable.
    Opaque(String),
}

impl Key {
    /// An Ed25519 key from its 32 bytes.
    #[must_use]
    pub fn from_ed25519(public: &[u8; 32]) -> Self {
        Self::new(Scheme::Ed25519, hex::encode(public), public.to_vec())
    }

    /// A key of `scheme` from a DER SubjectPublicKeyInfo, as X.509 and PEM carry it.
    ///
    /// # Errors
    /// The bytes are no SubjectPublicKeyInfo, or the scheme is not one this crate knows.
    pub fn from_spki_der(scheme: Scheme, der: &[u8]) -> Result<Self, Error> {
        let material = spki_material(&scheme, der)?;
        if scheme == Scheme::Ed25519 {
            return Ok(Self::new(scheme, hex::encode(&material), material));
        }
        let pem = Document::try_from(der)
            .and_then(|document| document.to_pem("PUBLIC KEY", spki::der::pem::LineEnding::LF))
            .map_err(|error| Malformed::new("public key", error.to_string()))?;
        Ok(Self::new(scheme, pem, material))
    }

    fn new(scheme: Scheme, public: String, material: Vec<u8>) -> Self {
        let keyval: Object = [("public".to_owned(), public.into())].into_iter().collect();
        let object = [
            ("keytype".to_owned(), scheme.keytype().into()),
            ("scheme".to_owned(), scheme.name().into()),
            ("keyval".to_owned(), keyval.into()),
        ];
        Self {
            material: Material::Known(scheme.clone(), material),
            scheme,
            object: object.into_iter().collect(),
        }
    }

    /// Reads a KEY object. A key that cannot verify anything (unknown scheme, undecodable value) is read all the same:
    /// it must not make the rest of the metadata unreadable.
    ///
    /// # Errors
    /// [`Error::Malformed`] where `keytype`, `scheme` or `keyval.public` is missing or not text.
    pub fn from_value(value: Value) -> Result<Self, Error> {
        let Value::Object(object) = value else {
            return Err(Malformed::new("key", "not an object").into());
        };
        let text = |object: &Object, name: &str| match object.value(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(Malformed::new("key", format!("\"{name}\" is missing or not a string"))),
        };
        let scheme = Scheme::from_names(&text(&object, "keytype")?, &text(&object, "scheme")?);
        let Some(Value::Object(keyval)) = object.value("keyval") else {
            return Err(Malformed::new("key", "\"keyval\" is missing or not an object").into());
        };
        let public = text(keyval, "public")?;
        let material = public_material(&scheme, &public)
            .map_or(Material::Opaque(public), |bytes| Material::Known(scheme.clone(), bytes));
        Ok(Self { scheme, material, object })
    }

    /// The KEY object, unknown fields included.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.object.clone().into()
    }

    /// The identifier the specification asks for: SHA-256 of the canonical form (4.2.1).
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(hex::encode(sha256(&self.to_value().canonical())))
    }

    /// The signature scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The member `name` that an application added to the key, such as a label.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.object.value(name)
    }

    /// The same key with an application's member; this changes [`Key::id`].
    #[must_use]
    pub fn with_extension(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !matches!(name, "keytype" | "scheme" | "keyval") {
            self.object.insert(name, value);
        }
        self
    }

    /// What makes two keys the same key, however they are written.
    pub(crate) fn identity(&self) -> Identity<'_> {
        match &self.material {
            // Points are written compressed (02 or 03, x), uncompressed (04, x, y) or hybrid (06 or 07, x, y). Keys that
            // share x are each other's negative: whoever holds one holds both.
            Material::Known(scheme @ (Scheme::EcdsaSha2Nistp256 | Scheme::EcdsaSha2Nistp384), point) => {
                let length = if *scheme == Scheme::EcdsaSha2Nistp256 { 32 } else { 48 };
                Identity(Some(scheme), point.get(1..=length).unwrap_or(point))
            }
            // Keys that share the modulus are one key whatever their exponents: whoever factors it holds all of them.
            Material::Known(scheme @ Scheme::RsassaPssSha256, public) => {
                Identity(Some(scheme), rsa_modulus(public).unwrap_or(public))
            }
            Material::Known(scheme, public) => Identity(Some(scheme), public),
            Material::Opaque(text) => Identity(None, text.as_bytes()),
        }
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Material::Known(scheme, public) = &self.material else {
            return false;
        };
        let algorithm: &dyn VerificationAlgorithm = match scheme {
            Scheme::Ed25519 => &signature::ED25519,
            Scheme::EcdsaSha2Nistp256 => &signature::ECDSA_P256_SHA256_ASN1,
            Scheme::EcdsaSha2Nistp384 => &signature::ECDSA_P384_SHA384_ASN1,
            Scheme::RsassaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
            Scheme::MlDsa44 => &signature::ML_DSA_44,
            Scheme::MlDsa65 => &signature::ML_DSA_65,
            Scheme::MlDsa87 => &signature::ML_DSA_87,
            Scheme::Unknown(_) => return false,
        };
        let message = scheme.signed_message(message);
        UnparsedPublicKey::new(algorithm, public).verify(&message, signature).is_ok()
    }
}

/// The bytes to verify with, from the text in `keyval.public`; `None` when it cannot be decoded.
fn public_material(scheme: &Scheme, public: &str) -> Option<Vec<u8>> {
    match scheme {
        Scheme::Ed25519 => hex::decode(public).ok().filter(|bytes| bytes.len() == 32),
        Scheme::Unknown(_) => None,
        _ => {
            let (_, document) = Document::from_pem(&wrapped(public)?).ok()?;
            spki_material(scheme, document.as_bytes()).ok()
        }
    }
}

/// The public key in a PEM text, in lines of 64 characters. RFC 7468 has generators write it so and lets parsers
/// disregard white space and what stands around it; 4.2.2 says no more than "PEM format".
fn wrapped(pem: &str) -> Option<String> {
    const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
    const END: &str = "-----END PUBLIC KEY-----";
    let (_, rest) = pem.split_once(BEGIN)?;
    let (base64, _) = rest.split_once(END)?;
    let mut out = format!("{BEGIN}\n");
    for (index, c) in base64.chars().filter(|c| !c.is_ascii_whitespace()).enumerate() {
        if index > 0 && index % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    Some(out + "\n" + END + "\n")
}

/// The subject public key of a SubjectPublicKeyInfo: a point, 32 bytes, a PKCS#1 RSAPublicKey, or FIPS 204's encoding.
fn spki_material(scheme: &Scheme, der: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = |reason: String| Error::from(Malformed::new("public key", reason));
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|error| malformed(error.to_string()))?;
    let algorithm = info.algorithm.oid.to_string();
    let curve = info.algorithm.parameters_oid().map(|oid| oid.to_string()).unwrap_or_default();
    let fits = match scheme {
        Scheme::Ed25519 => algorithm == "1.3.101.112",
        Scheme::EcdsaSha2Nistp256 => algorithm == "1.2.840.10045.2.1" && curve == "1.2.840.10045.3.1.7",
        Scheme::EcdsaSha2Nistp384 => algorithm == "1.2.840.10045.2.1" && curve == "1.3.132.0.34",
        Scheme::RsassaPssSha256 => algorithm == "1.2.840.113549.1.1.1",
        Scheme::MlDsa44 => algorithm == "2.16.840.1.101.3.4.3.17",
        Scheme::MlDsa65 => algorithm == "2.16.840.1.101.3.4.3.18",
        Scheme::MlDsa87 => algorithm == "2.16.840.1.101.3.4.3.19",
        Scheme::Unknown(_) => false,
    };
    if !fits {
        return Err(malformed(format!("algorithm {algorithm} does not fit the scheme {scheme}")));
    }
    let bytes = info.subject_public_key.as_bytes();
    let bytes = bytes.ok_or_else(|| malformed("the key has unused bits".to_owned()))?;
    if !is_bare(scheme, bytes) {
        return Err(malformed(format!("the key does not have the form of the scheme {scheme}")));
    }
    Ok(bytes.to_vec())
}

/// Whether these bytes are a key of `scheme` in its bare form. The cryptographic library would also take a
/// SubjectPublicKeyInfo in its place, by which one key could be written as two.
fn is_bare(scheme: &Scheme, public: &[u8]) -> bool {
    match scheme {
        Scheme::Ed25519 => public.len() == 32,
        Scheme::EcdsaSha2Nistp256 => matches!(public.len(), 33 | 65),
        Scheme::EcdsaSha2Nistp384 => matches!(public.len(), 49 | 97),
        Scheme::RsassaPssSha256 => rsa_modulus(public).is_some(),
        Scheme::MlDsa44 => public.len() == 1312,
        Scheme::MlDsa65 => public.len() == 1952,
        Scheme::MlDsa87 => public.len() == 2592,
        Scheme::Unknown(_) => false,
    }
}

/// The modulus of a PKCS#1 RSAPublicKey.
fn rsa_modulus(public: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(public).ok()?;
    let modulus = reader
        .sequence(|fields| {
            let modulus = UintRef::decode(fields)?;
            UintRef::decode(fields)?;
            Ok::<_, spki::der::Error>(modulus)
        })
        .ok()?;
    reader.finish().ok()?;
    Some(modulus.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 8032, test 2.
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    fn key(json: &str) -> Result<Key, Error> {
        Key::from_value(Value::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn ed25519_test_vector() {
        let key =
            key(&format!(r#"{{"keytype":"ed25519","scheme":"ed25519","keyval":{{"public":"{PUBLIC}"}}}}"#))
                .unwrap();
        let signature = hex::decode(SIGNATURE).unwrap();
        assert!(key.verifies(&[0x72], &signature));
        assert!(!key.verifies(&[0x73], &signature));
        assert!(!key.verifies(&[0x72], &signature[..63]));
        assert!(!key.verifies(&[0x72], b""));
    }

    #[test]
    fn key_ids_cover_unknown_fields() {
        let plain =
            key(&format!(r#"{{"keytype":"ed25519","scheme":"ed25519","keyval":{{"public":"{PUBLIC}"}}}}"#))
                .unwrap();
        let with = key(&format!(
            r#"{{"keytype":"ed25519","scheme":"ed25519","keyval":{{"public":"{PUBLIC}"}},"x":1}}"#
        ))
        .unwrap();
        assert_ne!(plain.id(), with.id());
        assert_eq!(plain.identity(), with.identity());
        let parsed: [u8; 32] = hex::decode(PUBLIC).unwrap().try_into().unwrap();
        assert_eq!(Key::from_ed25519(&parsed), plain);
    }

    #[test]
    fn one_modulus_is_one_key() {
        let pair = crate::sign::KeyPair::generate(&Scheme::RsassaPssSha256).unwrap();
        let key = crate::sign::Signer::key(&pair);
        let Material::Known(_, public) = &key.material else { panic!("a known key") };
        let mut other = public.clone();
        // The exponent stands last: 65,537.
        *other.last_mut().unwrap() = 3;
        let other = Key::new(Scheme::RsassaPssSha256, String::new(), other);
        assert_ne!(other.material, key.material);
        assert_eq!(other.identity(), key.identity());
        assert!(rsa_modulus(&public[1..]).is_none());
        assert!(rsa_modulus(&[public.as_slice(), &[0]].concat()).is_none());
    }

    /// Another version of TAP 21's form, another parameter set: "do not try multiple interpretations".
    #[test]
    fn ml_dsa_keys_go_by_their_own_scheme_alone() {
        let pair = crate::sign::KeyPair::generate(&Scheme::MlDsa44).unwrap();
        let key = crate::sign::Signer::key(&pair);
        let signature = crate::sign::Signer::sign(&pair, b"message").unwrap();
        let Value::Object(object) = key.to_value() else { panic!("an object") };
        for scheme in
            ["ml-dsa-44/1", "ml-dsa-44/2", "ml-dsa-44/01", "ml-dsa-44", "ml-dsa-65/1", "ML-DSA-44/1"]
        {
            let mut object = object.clone();
            object.insert("scheme", scheme);
            let read = Key::from_value(object.into()).unwrap();
            assert_eq!(read.verifies(b"message", &signature), scheme == "ml-dsa-44/1", "{scheme}");
        }
        assert!(!key.verifies(b"message", &signature[1..]));
        assert!(!key.verifies(&Scheme::MlDsa44.signed_message(b"message"), &signature));
    }

    #[test]
    fn a_key_is_the_same_however_its_pem_is_laid_out() {
        let pem = "-----BEGIN PUBLIC KEY-----\n\
                   MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n\
                   6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n\
                   -----END PUBLIC KEY-----\n";
        let read = |text: &str| {
            let json = Value::String(text.to_owned()).to_json();
            key(&format!(
                r#"{{"keytype":"ecdsa","scheme":"ecdsa-sha2-nistp256","keyval":{{"public":{}}}}}"#,
                String::from_utf8(json).unwrap()
            ))
            .unwrap()
        };
        let known = |key: &Key| matches!(key.material, Material::Known(..));
        let plain = read(pem);
        assert!(known(&plain));
        let one_line = pem.replace('\n', "").replace("-----M", "-----\nM").replace("==-", "==\n-");
        let (crlf, note) = (pem.replace('\n', "\r\n"), format!("note\n{pem}note"));
        for text in [pem.trim_end(), &one_line, &crlf, &note, &format!("{pem}{pem}")] {
            assert_eq!(read(text).identity(), plain.identity(), "{text}");
        }
        for text in
            ["", &pem[..60], &pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"), &pem.replace("MFkw", "MF\u{e9}kw")]
        {
            assert!(!known(&read(text)), "{text}");
        }
    }

    #[test]
    fn keys_that_cannot_verify_are_kept() {
        for json in [
            r#"{"keytype":"ml-dsa","scheme":"ml-dsa-65/2","keyval":{"public":"z"}}"#,
            r#"{"keytype":"x","scheme":"y","keyval":{"public":"z"}}"#,
            r#"{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}}"#,
            r#"{"keytype":"rsa","scheme":"rsassa-pss-sha256","keyval":{"public":"not pem"}}"#,
        ] {
            let key = key(json).unwrap();
            assert!(!key.verifies(b"", b""));
        }
        assert!(key(r#"{"keytype":"ed25519","scheme":"ed25519","keyval":{}}"#).is_err());
        assert!(key(r#"{"keytype":"ed25519","keyval":{"public":""}}"#).is_err());
    }
}
