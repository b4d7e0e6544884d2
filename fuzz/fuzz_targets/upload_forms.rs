//! Upload forms: `multipart/form-data` by our own reader.
//!
//! Input: one byte that selects; then a boundary and a form, or [`Written`], from which a form is made. Asserted:
//! - a form reads the same in chunks of any length;
//! - what is read equals what a reader finds that has the whole form before it and splits it at the boundaries;
//! - a form made of parts gives these parts, and no beginning of it is taken for the whole;
//! - the fields of an upload are those of the form, no two of one name differ, and they are bounded.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::{bounded, first_line};
use sealdex_server::fuzzing::{self, Part};

const MAX_FIELD_BYTES: u64 = 2000;

fuzz_target!(|data: &[u8]| {
    let Some((what, rest)) = data.split_first() else { return };
    match what % 3 {
        0 => {
            if let Some((boundary, form)) = first_line(rest) {
                check_form(boundary, form, usize::from(what / 3) + 1);
            }
        }
        1 => {
            if let Ok(written) = Written::arbitrary(&mut Unstructured::new(rest)) {
                written.check();
            }
        }
        _ => {
            if let Ok(content_type) = std::str::from_utf8(rest)
                && let Some(boundary) = fuzzing::boundary(content_type)
            {
                assert!((1..=200).contains(&boundary.len()));
                assert!(boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{boundary:?}");
                assert!(content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"));
            }
        }
    }
});

fn read(boundary: &str, form: &[u8], chunk_bytes: usize) -> Result<Vec<Part>, String> {
    let chunks = form.chunks(chunk_bytes).map(Bytes::copy_from_slice).collect();
    // The parts are collected here; beside them one chunk and one head are held.
    bounded(4 * form.len() + (1 << 20), || fuzzing::parts(boundary, chunks))
}

fn check_form(boundary: &str, form: &[u8], chunk_bytes: usize) {
    let whole = read(boundary, form, usize::MAX);
    let pieces = read(boundary, form, chunk_bytes);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        // Where two things are wrong, which one is met first depends on the chunks.
        (Err(_), Err(_)) => {}
        _ => panic!("{whole:?} in one piece, {pieces:?} in chunks of {chunk_bytes}"),
    }
    let Ok(parts) = whole else { return };
    let contents: Vec<&[u8]> = parts.iter().map(|part| &part.content[..]).collect();
    assert_eq!(contents, split(boundary.as_bytes(), form));
    check_fields(boundary, form, &parts);
}

/// The contents of the parts of a form that is well-formed.
fn split<'a>(boundary: &[u8], form: &'a [u8]) -> Vec<&'a [u8]> {
    let line = [b"\r\n--", boundary].concat();
    let mut rest = match form.strip_prefix(&line[2..]) {
        Some(rest) => rest,
        None => &form[position(form, &line).expect("a form has a boundary") + line.len()..],
    };
    let mut contents = Vec::new();
    while !rest.starts_with(b"--") {
        let content = &rest[position(rest, b"\r\n\r\n").expect("a head ends") + 4..];
        // The empty line may be the line break before the next boundary.
        let end = position(content, &line).expect("a part ends");
        contents.push(&content[..end]);
        rest = &content[end + line.len()..];
    }
    contents
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn check_fields(boundary: &str, form: &[u8], parts: &[Part]) {
    let chunks = vec![Bytes::copy_from_slice(form)];
    let Ok(fields) = fuzzing::fields(boundary, chunks, MAX_FIELD_BYTES) else { return };
    for (name, value) in fields {
        let said: Vec<_> = parts.iter().filter(|part| part.name == name).collect();
        assert!(!said.is_empty() && said.iter().all(|part| part.content == value.as_bytes()), "{name}");
    }
    let beside = parts.iter().filter(|part| part.name != "content");
    assert!(beside.map(|part| part.content.len() as u64).sum::<u64>() <= MAX_FIELD_BYTES);
}

/// A form as a client writes it.
#[derive(Arbitrary, Debug)]
struct Written<'a> {
    boundary: &'a str,
    parts: Vec<(u8, &'a str, Option<&'a str>, &'a [u8])>,
    chunk_bytes: u8,
    cut: u16,
}

impl Written<'_> {
    fn check(&self) {
        const NAMES: [&str; 8] =
            [":action", "name", "version", "filetype", "sha256_digest", "content", "protocol_version", ""];
        let boundary = format!("b{}", self.boundary.replace(|c: char| !c.is_ascii_graphic(), ""));
        let mut form = Vec::new();
        let mut expected = Vec::new();
        for (known, name, filename, content) in &self.parts {
            let name = match NAMES[usize::from(*known) % NAMES.len()] {
                "" => text(name),
                known => known.to_owned(),
            };
            // A client chooses a boundary that does not occur.
            if position(content, boundary.as_bytes()).is_some() || name.len() > 5000 {
                return;
            }
            let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name={}", quoted(&name));
            let filename = filename.map(text);
            if let Some(filename) = &filename {
                head.push_str(&format!("; filename={}", quoted(filename)));
            }
            if head.len() > 8000 || head[2 + boundary.len()..].contains(&boundary) {
                return;
            }
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(b"\r\n\r\n");
            form.extend_from_slice(content);
            form.extend_from_slice(b"\r\n");
            expected.push(Part { name, filename, content: content.to_vec() });
        }
        form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let chunk_bytes = usize::from(self.chunk_bytes) + 1;
        assert_eq!(read(&boundary, &form, chunk_bytes).as_ref(), Ok(&expected));
        check_fields(&boundary, &form, &expected);
        let names: BTreeMap<_, _> = expected.iter().map(|part| (&part.name, &part.content)).collect();
        if let Ok(fields) = fuzzing::fields(&boundary, vec![form.clone().into()], MAX_FIELD_BYTES) {
            assert!(fields.iter().all(|(name, _)| names.contains_key(&(*name).to_owned())));
        }
        // Without its last line it is no form, wherever it is cut.
        let end = form.len() - 4;
        let cut = usize::from(self.cut) % end;
        assert!(read(&boundary, &form[..cut], chunk_bytes).is_err(), "cut off at {cut} of {}", form.len());
    }
}

/// Without the line breaks that cannot stand in a header.
fn text(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
