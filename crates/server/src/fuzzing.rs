//! What the fuzz targets reach of this crate's inside (feature `fuzzing`, docs/fuzzing.md). Not for other use.

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};

use crate::upload::body::BodyError;
use crate::upload::form::FormFields;
use crate::upload::multipart::{self, Multipart};
use crate::upload::receive;

/// A part of a form, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The form field's name.
    pub name: String,
    /// The name of the file, where it is one.
    pub filename: Option<String>,
    /// Its content.
    pub content: Vec<u8>,
}

/// The boundary out of a `Content-Type`.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    multipart::boundary(content_type)
}

/// All parts of a form that comes in these chunks.
///
/// # Errors
/// Why the form cannot be read.
pub fn parts(boundary: &str, chunks: Vec<Bytes>) -> Result<Vec<Part>, String> {
    let read = async {
        let mut form = form(boundary, chunks);
        let mut parts = Vec::new();
        while let Some(part) = form.next_part().await? {
            let mut content = Vec::new();
            while let Some(bytes) = form.chunk().await? {
                content.extend_from_slice(&bytes);
            }
            parts.push(Part { name: part.name, filename: part.filename, content });
        }
        Ok(parts)
    };
    let read = read.now_or_never().ok_or("a form in memory made its reader wait")?;
    read.map_err(|error: multipart::MultipartError| error.to_string())
}

/// The fields of an upload form as the endpoint reads them, the file apart: name and value of those that matter.
///
/// # Errors
/// The reason of the refusal.
pub fn fields(
    boundary: &str,
    chunks: Vec<Bytes>,
    max_field_bytes: u64,
) -> Result<Vec<(&'static str, String)>, String> {
    const NAMES: [&str; 7] =
        [":action", "protocol_version", "name", "version", "filetype", "sha256_digest", "blake2_256_digest"];
    let read = async {
        let mut form = form(boundary, chunks);
        let (mut fields, mut field_bytes) = (FormFields::default(), 0);
        while let Some(part) = form.next_part().await.map_err(|error| error.to_string())? {
            if part.name != "content" {
                let received = receive::receive_field(
                    &mut fields,
                    &part.name,
                    &mut form,
                    &mut field_bytes,
                    max_field_bytes,
                );
                received.await.map_err(|refusal| refusal.reason().to_owned())?;
            }
        }
        fields.check().map_err(|refusal| refusal.reason().to_owned())?;
        Ok(NAMES.into_iter().filter_map(|name| Some((name, fields.slot(name)?.take()?))).collect())
    };
    read.now_or_never().ok_or("a form in memory made its reader wait")?
}

fn form(
    boundary: &str,
    chunks: Vec<Bytes>,
) -> Multipart<stream::Iter<impl Iterator<Item = Result<Bytes, BodyError>> + Unpin>> {
    Multipart::new(stream::iter(chunks.into_iter().map(Ok)), boundary)
}
