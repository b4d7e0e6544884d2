//! Reads `multipart/form-data` (RFC 7578) from a stream, holding one chunk and one boundary in memory.
//!
//! The parser that comes with axum reads on while a part's head has no end, and as far ahead as the client sends;
//! here both are bounded.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};

use super::body::BodyError;

const MAX_BOUNDARY_BYTES: usize = 200;
const MAX_PART_HEAD_BYTES: usize = 16 * 1024;
const MAX_PREAMBLE_BYTES: usize = 4 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Why a form cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("the form ends before its last boundary: the upload was truncated")]
    Truncated,
    #[error("the form is malformed: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// A form that is being read.
pub(crate) struct Multipart<S> {
    stream: S,
    buffer: BytesMut,
    /// What ends a part: line break, two hyphens, boundary.
    delimiter: Vec<u8>,
    state: State,
}

/// The head of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The form field's name.
    pub(crate) name: String,
    /// The name of the file, where it is one.
    pub(crate) filename: Option<String>,
}

enum State {
    Preamble,
    InPart,
    AfterDelimiter,
    Finished,
}

/// The boundary out of a `Content-Type`; `None` where it is no form or has none that is usable.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let usable = !boundary.is_empty()
        && boundary.len() <= MAX_BOUNDARY_BYTES
        && boundary.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    usable.then_some(boundary)
}

impl<S: Stream<Item = Result<Bytes, BodyError>> + Unpin> Multipart<S> {
    /// The form in `stream`, with this boundary.
    pub(crate) fn new(stream: S, boundary: &str) -> Self {
        // The first boundary may stand at the very start, where no line break precedes it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { stream, buffer, delimiter: format!("\r\n--{boundary}").into_bytes(), state: State::Preamble }
    }

    /// The next part; what the last one still had is passed over. `None` at the end of the form.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Part>, MultipartError> {
        match self.state {
            State::Finished => return Ok(None),
            State::Preamble => self.skip_preamble().await?,
            State::InPart => while self.chunk().await?.is_some() {},
            State::AfterDelimiter => {}
        }
        self.fill(2).await?;
        if self.buffer.starts_with(b"--") {
            self.state = State::Finished;
            return Ok(None);
        }
        let head = self.part_head().await?;
        self.state = State::InPart;
        parse_head(&head).map(Some)
    }

    /// The next bytes of the part; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        if !matches!(self.state, State::InPart) {
            return Ok(None);
        }
        loop {
            match find(&self.buffer, &self.delimiter) {
                Some(0) => {
                    drop(self.buffer.split_to(self.delimiter.len()));
                    self.state = State::AfterDelimiter;
                    return Ok(None);
                }
                Some(index) => return Ok(Some(self.buffer.split_to(index).freeze())),
                None => {
                    // All but what may be the beginning of the delimiter.
                    let certain = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
                    if certain > 0 {
                        return Ok(Some(self.buffer.split_to(certain).freeze()));
                    }
                    self.read_more().await?;
                }
            }
        }
    }

    async fn skip_preamble(&mut self) -> Result<(), MultipartError> {
        loop {
            let found = find(&self.buffer, &self.delimiter);
            if let Some(index) = found.filter(|index| *index <= MAX_PREAMBLE_BYTES) {
                drop(self.buffer.split_to(index + self.delimiter.len()));
                return Ok(());
            }
            // Whether it stands too late must not depend on how much comes in at once.
            if self.buffer.len() >= MAX_PREAMBLE_BYTES + self.delimiter.len() {
                return Err(MultipartError::Malformed("no boundary at its start"));
            }
            self.read_more().await?;
        }
    }

    /// The lines between a boundary and an empty line.
    async fn part_head(&mut self) -> Result<Bytes, MultipartError> {
        loop {
            if let Some(index) = find(&self.buffer, END_OF_HEAD).filter(|index| *index <= MAX_PART_HEAD_BYTES)
            {
                let head = self.buffer.split_to(index).freeze();
                drop(self.buffer.split_to(END_OF_HEAD.len()));
                return Ok(head);
            }
            if self.buffer.len() >= MAX_PART_HEAD_BYTES + END_OF_HEAD.len() {
                return Err(MultipartError::Malformed("a part's head is longer than 16 KiB"));
            }
            self.read_more().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> Result<(), MultipartError> {
        while self.buffer.len() < length {
            self.read_more().await?;
        }
        Ok(())
    }

    async fn read_more(&mut self) -> Result<(), MultipartError> {
        let bytes = self.stream.next().await.ok_or(MultipartError::Truncated)??;
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }
}

/// Reads what follows a boundary: padding, then header lines, of which `Content-Disposition` counts (RFC 7578, 4.2).
fn parse_head(head: &[u8]) -> Result<Part, MultipartError> {
    let head =
        std::str::from_utf8(head).map_err(|_| MultipartError::Malformed("a part's head is not utf-8"))?;
    let mut lines = head.split("\r\n");
    if lines.next().is_none_or(|padding| !padding.trim_matches([' ', '\t']).is_empty()) {
        return Err(MultipartError::Malformed("a boundary is followed by text"));
    }
    let disposition = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))
        .and_then(|(_, value)| value.split_once(';'))
        .filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("form-data"));
    let Some((_, parameters)) = disposition else {
        return Err(MultipartError::Malformed("a part without content-disposition: form-data"));
    };
    let name =
        parameter(parameters, "name").ok_or(MultipartError::Malformed("a part without a field name"))?;
    Ok(Part { name, filename: parameter(parameters, "filename") })
}

/// The value of one of `name=value; name="value"`.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start_matches([' ', '\t']);
        let (value, remaining) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, remaining) = after.split_at_checked(end)?;
                (value.trim_end_matches([' ', '\t']).to_owned(), remaining)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = remaining;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(index + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// Where `pattern`, which begins with a carriage return, first stands.
fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(offset) = bytes.get(start..)?.iter().position(|byte| *byte == b'\r') {
        let index = start + offset;
        if bytes.get(index..)?.starts_with(pattern) {
            return Some(index);
        }
        start = index + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const FORM: &str = "preamble\r\n--XY\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n\
        --XY  \r\ncontent-type: text/plain\r\ncontent-disposition: form-data; filename=\"a\\\"b;c.whl\"; name=content\r\n\
        \r\n\r\n--X\r\r\n\r\n--XY\r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n--XY--\r\nepilogue";

    /// The form's parts, when it comes in chunks of this length.
    async fn read(form: &[u8], chunk_bytes: usize) -> Result<Vec<(Part, Vec<u8>)>, MultipartError> {
        let chunks: Vec<_> =
            form.chunks(chunk_bytes).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut multipart = Multipart::new(stream::iter(chunks), "XY");
        let mut parts = Vec::new();
        while let Some(part) = multipart.next_part().await? {
            let mut content = Vec::new();
            while let Some(bytes) = multipart.chunk().await? {
                content.extend_from_slice(&bytes);
            }
            parts.push((part, content));
        }
        Ok(parts)
    }

    fn part(name: &str, filename: Option<&str>) -> Part {
        Part { name: name.into(), filename: filename.map(str::to_owned) }
    }

    #[tokio::test]
    async fn reads_a_form_in_chunks_of_any_length() {
        for chunk_bytes in 1..FORM.len() {
            let parts = read(FORM.as_bytes(), chunk_bytes).await.unwrap();
            assert_eq!(
                parts,
                [
                    (part(":action", None), b"file_upload".to_vec()),
                    (part("content", Some("a\"b;c.whl")), b"\r\n--X\r\r\n".to_vec()),
                    (part("empty", None), Vec::new()),
                ],
                "chunks of {chunk_bytes}"
            );
        }
    }

    #[tokio::test]
    async fn parts_may_be_passed_over() {
        let mut multipart = Multipart::new(stream::iter([Ok(Bytes::from_static(FORM.as_bytes()))]), "XY");
        let mut names = Vec::new();
        while let Some(part) = multipart.next_part().await.unwrap() {
            names.push(part.name);
        }
        assert_eq!(names, [":action", "content", "empty"]);
        assert_eq!(multipart.next_part().await.unwrap(), None);
    }

    #[tokio::test]
    async fn every_truncation_is_noticed() {
        let end = FORM.len() - "\r\nepilogue".len();
        for length in 0..end {
            let result = read(&FORM.as_bytes()[..length], 7).await;
            assert!(matches!(result, Err(MultipartError::Truncated)), "{length}: {result:?}");
        }
    }

    #[tokio::test]
    async fn endless_heads_are_cut_off() {
        let no_boundary = "a".repeat(1_000_000);
        let no_end = format!("--XY\r\nContent-Disposition: {}", "a".repeat(1_000_000));
        for form in [no_boundary, no_end] {
            assert!(matches!(read(form.as_bytes(), 100).await, Err(MultipartError::Malformed(_))));
        }
    }

    #[tokio::test]
    async fn limits_do_not_depend_on_the_chunks() {
        // The line break that is put before the first line counts as preamble.
        let preamble = |length: usize| {
            let head = "Content-Disposition: form-data; name=a";
            format!("{}\r\n--XY\r\n{head}\r\n\r\n\r\n--XY--", "p".repeat(length - 2))
        };
        let head = |length: usize| {
            let line = "\r\nContent-Disposition: form-data; name=";
            format!("--XY{line}{}\r\n\r\n\r\n--XY--", "n".repeat(length - line.len()))
        };
        for chunk_bytes in [1, 7, 4096, usize::MAX] {
            for (form, fits) in [
                (preamble(MAX_PREAMBLE_BYTES), true),
                (preamble(MAX_PREAMBLE_BYTES + 1), false),
                (head(MAX_PART_HEAD_BYTES), true),
                (head(MAX_PART_HEAD_BYTES + 1), false),
            ] {
                let result = read(form.as_bytes(), chunk_bytes).await;
                assert_eq!(result.is_ok(), fits, "{} bytes in chunks of {chunk_bytes}", form.len());
            }
        }
    }

    #[tokio::test]
    async fn malformed_heads_are_refused() {
        for head in
            ["x", "X: y", "Content-Disposition: form-data", "Content-Disposition: form-data; filename=a"]
        {
            let form = format!("--XY\r\n{head}\r\n\r\n\r\n--XY--");
            let result = read(form.as_bytes(), 100).await;
            assert!(matches!(result, Err(MultipartError::Malformed(_))), "{head}: {result:?}");
        }
        assert!(matches!(read(b"--XYZ\r\n\r\n\r\n", 100).await, Err(MultipartError::Malformed(_))));
    }

    #[test]
    fn boundaries() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data;charset=utf-8;boundary=\"a b\"", Some("a b")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=abc", None),
            ("application/json; boundary=abc", None),
            ("multipart/form-data; boundary=\"abc", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
    }
}
