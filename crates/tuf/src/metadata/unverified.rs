//! The signed envelope (TUF spec 4.2.1), before anybody has looked at the signatures.

use std::sync::Arc;

use super::{Fields, Metadata, read_signed};
use crate::error::{Error, Malformed};
use crate::json::Node;
use crate::key::KeyId;

/// A signature as it stands in an envelope: not checked, perhaps not even hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSignature {
    /// The key that is said to have made it.
    pub key_id: KeyId,
    /// SIGNATURE: hex text.
    pub signature: String,
}

/// Parsed metadata that nobody has verified. The only way to a [`crate::Verified`] is verification.
#[derive(Clone, Debug)]
pub struct Unverified<M> {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) canonical: Vec<u8>,
    pub(crate) signatures: Vec<MetadataSignature>,
    pub(crate) metadata: M,
}

impl<M: Metadata> Unverified<M> {
    /// Reads an envelope around metadata of type `M`.
    ///
    /// # Errors
    /// [`Error::Malformed`]: not strict JSON, a member missing or of the wrong type, another role's type, two
    /// signatures under one key id (4.2.1 forbids them).
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let value = Node::parse(bytes).map_err(|error| match error {
            Error::Malformed(error) => Malformed::new(format!("{} metadata", M::TYPE), error.reason).into(),
            error => error,
        })?;
        let mut envelope = Fields::of(M::TYPE, value)?;
        let signed = envelope.object("signed")?;
        let mut signatures: Vec<MetadataSignature> = Vec::new();
        for value in envelope.array("signatures")? {
            let mut fields = Fields::of("signature", value)?;
            let key_id = KeyId::parse(fields.string("keyid")?)?;
            if signatures.iter().any(|known| known.key_id == key_id) {
                return Err(envelope.malformed(format!("two signatures have the key id {key_id}")));
            }
            signatures.push(MetadataSignature { key_id, signature: fields.string("sig")?.into_owned() });
            if signatures.len() > MAX_SIGNATURES {
                return Err(envelope.malformed(format!("more than {MAX_SIGNATURES} signatures")));
            }
        }
        let canonical = signed.canonical();
        Ok(Self { bytes: bytes.into(), canonical, signatures, metadata: read_signed(signed)? })
    }

    /// The metadata, for tools that show or sign what is not trusted yet.
    #[must_use]
    pub fn unverified_metadata(&self) -> &M {
        &self.metadata
    }

    /// The signatures as they stand in the envelope.
    #[must_use]
    pub fn signatures(&self) -> &[MetadataSignature] {
        &self.signatures
    }

    /// The bytes as received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// No role has as many keys; each signature costs a verification.
const MAX_SIGNATURES: usize = 1024;
