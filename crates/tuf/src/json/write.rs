//! Writing JSON: the canonical form and the plain one differ in how strings are escaped, and in nothing else.

use std::io::Write as _;

/// Something that can be written as JSON, with the members of its objects in canonical order.
pub(super) trait Document {
    fn write(&self, writer: &mut Writer);
}

/// JSON being written.
pub(super) struct Writer {
    out: Vec<u8>,
    write_string: fn(&mut Vec<u8>, &str),
}

impl Writer {
    /// Writes the canonical encoding: what signatures are made over (TUF spec 4.2.1).
    pub(super) fn canonical() -> Self {
        Self { out: Vec::new(), write_string: canonical_string }
    }

    /// Writes compact JSON: valid even where strings hold control characters, which the canonical form leaves raw.
    pub(super) fn json() -> Self {
        Self { out: Vec::new(), write_string: json_string }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    pub(super) fn bool(&mut self, truth: bool) {
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    pub(super) fn integer(&mut self, number: i128) {
        // Writing to memory cannot fail.
        let _infallible = write!(self.out, "{number}");
    }

    pub(super) fn string(&mut self, text: &str) {
        (self.write_string)(&mut self.out, text);
    }

    pub(super) fn array<D: Document>(&mut self, items: &[D]) {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            self.comma(index);
            item.write(self);
        }
        self.out.push(b']');
    }

    pub(super) fn object<'a, D: Document + 'a>(&mut self, members: impl Iterator<Item = (&'a str, &'a D)>) {
        self.out.push(b'{');
        for (index, (key, value)) in members.enumerate() {
            self.comma(index);
            self.string(key);
            self.out.push(b':');
            value.write(self);
        }
        self.out.push(b'}');
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
    }
}

fn canonical_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
