//! The lines in pip.conf and uv.toml that make the proxy the index.

use std::net::SocketAddr;

use super::block;

/// Why our lines cannot be put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherIndex {
    pub(super) key: String,
    pub(super) value: String,
}

/// How long pip waits for the proxy, which says nothing until a file is verified.
pub(super) const PIP_TIMEOUT: u32 = 600;

/// What pip is to be told, and the keys of it that nobody else may have set.
fn for_pip(proxy: SocketAddr) -> [(&'static str, String); 3] {
    [
        ("index-url", format!("http://{proxy}/simple/")),
        ("trusted-host", proxy.ip().to_string()),
        ("timeout", PIP_TIMEOUT.to_string()),
    ]
}

/// Keys of pip that name further sources.
const OTHER_SOURCES: [&str; 2] = ["extra-index-url", "find-links"];

/// pip.conf with the proxy as index. `replace`: lines that say something else become remarks.
pub(super) fn pip(text: &str, proxy: SocketAddr, replace: bool) -> Result<String, OtherIndex> {
    let text = &block::remove(text);
    let ours = for_pip(proxy);
    let mut section = String::new();
    let mut header = None;
    let mut replaced = Vec::new();
    let mut continues = false;
    for (number, line) in text.lines().enumerate() {
        // A value goes on in lines that are indented.
        if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            replaced.extend(continues.then_some(number));
            continue;
        }
        continues = false;
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.clone_into(&mut section);
            if section == "global" && header.is_none() {
                header = Some(number);
            }
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let (key, value) = (key.trim().replace('_', "-"), value.trim());
        let is_ours = section == "global" && ours.iter().any(|(own, _)| *own == key);
        // A section for one command counts more than the global one.
        let is_source = key == "index-url" || OTHER_SOURCES.contains(&key.as_str());
        if is_ours || is_source {
            if is_source && !replace && value != ours[0].1 {
                return Err(OtherIndex { key, value: value.to_owned() });
            }
            replaced.push(number);
            continues = true;
        }
    }
    let mut lines: Vec<String> = ours.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let before = match header {
        Some(number) => number + 1,
        None => {
            lines.insert(0, "[global]".to_owned());
            text.lines().count()
        }
    };
    Ok(block::insert(text, before, &lines, &replaced))
}

/// Keys of uv that name sources.
const UV_SOURCES: [&str; 4] = ["index-url", "extra-index-url", "find-links", "index"];

/// uv.toml with the proxy as index. Keys of the file itself come before its tables, so ours come first of all. What
/// stands in a table, or in several lines, is not taken apart here.
pub(super) fn uv(text: &str, proxy: SocketAddr, replace: bool) -> Result<String, OtherIndex> {
    let text = &block::remove(text);
    let index = format!("http://{proxy}/simple/");
    let settings: toml::Table = text
        .parse()
        .map_err(|_| OtherIndex { key: "this".to_owned(), value: "what is not TOML".to_owned() })?;
    let mut replaced = Vec::new();
    for key in UV_SOURCES {
        let Some(value) = settings.get(key) else { continue };
        let line =
            text.lines().position(|line| line.split('=').next().is_some_and(|name| name.trim() == key));
        let fits_a_line =
            |line: usize| text.lines().nth(line).is_some_and(|line| line.parse::<toml::Table>().is_ok());
        match line {
            Some(line) if fits_a_line(line) && (replace || value.as_str() == Some(&index)) => {
                replaced.push(line);
            }
            _ => return Err(OtherIndex { key: key.to_owned(), value: value.to_string() }),
        }
    }
    let pips = settings.get("pip").and_then(toml::Value::as_table);
    if let Some((key, value)) = pips.and_then(|pip| UV_SOURCES.iter().find_map(|key| pip.get_key_value(*key)))
    {
        return Err(OtherIndex { key: format!("pip.{key}"), value: value.to_string() });
    }
    Ok(block::insert(text, 0, &[format!("index-url = \"{index}\"")], &replaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3141);
    const INDEX: &str = "http://127.0.0.1:3141/simple/";

    #[test]
    fn pips_settings_stay_and_lead_to_the_proxy() {
        let none = pip("", PROXY, false).unwrap();
        assert!(
            none.contains(&format!("[global]\nindex-url = {INDEX}\ntrusted-host = 127.0.0.1\n")),
            "{none}"
        );
        // Twice is once.
        assert_eq!(pip(&none, PROXY, false).unwrap(), none);

        let text = "# mine\n[install]\nno-compile = true\n[global]\nproxy = http://p:1\ntimeout = 5\n";
        let written = pip(text, PROXY, false).unwrap();
        assert!(written.contains("[global]\n# sealdex setup: begin"), "{written}");
        assert!(written.contains("\n# before sealdex setup: timeout = 5\n"), "{written}");
        assert_eq!(block::remove(&written), text);
    }

    #[test]
    fn another_index_is_replaced_only_when_that_is_asked_for() {
        for (text, key) in [
            ("[global]\nindex-url = https://a.example/simple/\n", "index-url"),
            ("[global]\nindex_url: https://a.example/simple/\n", "index-url"),
            ("[install]\nindex-url = https://a.example/simple/\n", "index-url"),
            (
                "[global]\nextra-index-url =\n    https://a.example/\n    https://b.example/\n",
                "extra-index-url",
            ),
        ] {
            assert_eq!(pip(text, PROXY, false).unwrap_err().key, key);
            let written = pip(text, PROXY, true).unwrap();
            assert!(
                !written.lines().any(|line| !line.starts_with('#') && line.contains(".example")),
                "{written}"
            );
            assert_eq!(block::remove(&written), text);
        }
    }

    #[test]
    fn uvs_settings_stay_and_lead_to_the_proxy() {
        let text = "link-mode = \"copy\"\n[pip]\nstrict = true\n";
        let written = uv(text, PROXY, false).unwrap();
        let table: toml::Table = written.parse().unwrap();
        assert_eq!(table["index-url"].as_str(), Some(INDEX));
        assert_eq!(table["link-mode"].as_str(), Some("copy"));
        assert_eq!(uv(&written, PROXY, false).unwrap(), written);
        assert_eq!(block::remove(&written), text);

        let other = "index-url = \"https://a.example/simple/\"\n";
        assert_eq!(uv(other, PROXY, false).unwrap_err().key, "index-url");
        let written = uv(other, PROXY, true).unwrap();
        assert_eq!(written.parse::<toml::Table>().unwrap()["index-url"].as_str(), Some(INDEX));
        assert_eq!(block::remove(&written), other);
        // A table of several lines is left to its owner, forced or not.
        for table in ["[[index]]\nurl = \"https://a.example/simple/\"\n", "[pip]\nindex-url = \"x\"\n"] {
            assert!(uv(table, PROXY, true).unwrap_err().key.contains("index"));
        }
    }
}
