//! A reader of the HTML that pages are written as, and of no other: what it does not expect is a finding.

/// A tag with its attributes, or text between tags; references are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// `<!DOCTYPE html>`, `<name attribute="value">` or `</name>`: the name, with the slash of an end tag.
    Tag(String, Vec<(String, String)>),
    /// Text, not only of white space.
    Text(String),
}

/// Takes a document apart.
///
/// # Panics
/// Where a tag, an attribute or a reference is not of the plainest form.
pub fn tokens(document: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = document;
    while !rest.is_empty() {
        if let Some(tag) = rest.strip_prefix('<') {
            let (tag, after) = tag.split_once('>').expect("a tag ends");
            tokens.push(read_tag(tag));
            rest = after;
            continue;
        }
        let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if !text.trim_ascii().is_empty() {
            tokens.push(Token::Text(unescape(text)));
        }
        rest = after;
    }
    tokens
}

fn read_tag(tag: &str) -> Token {
    if tag == "!DOCTYPE html" {
        return Token::Tag(tag.to_owned(), Vec::new());
    }
    let (name, mut rest) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
    let letters = name.strip_prefix('/').unwrap_or(name);
    assert!(letters.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "tag <{tag}>");
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.trim_start_matches(' ').split_once("=\"").expect("an attribute has a value");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "attribute {name}");
        let (value, after) = after.split_once('"').expect("a value ends");
        attributes.push((name.to_owned(), unescape(value)));
        rest = after;
    }
    Token::Tag(name.to_owned(), attributes)
}

/// Resolves references. Nothing that has a meaning in HTML may stand without being one.
fn unescape(text: &str) -> String {
    assert!(!text.contains(['<', '>', '"', '\'', '`']), "not escaped: {text:?}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "a control character: {text:?}");
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').expect("a reference ends");
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => {
                let digits = number.strip_prefix("#x").expect("a reference by number");
                let number = u32::from_str_radix(digits, 16).expect("a number");
                char::from_u32(number).expect("a character")
            }
        };
        out.push(character);
        out.push_str(rest);
    }
    out
}
