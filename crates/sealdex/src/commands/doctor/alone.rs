//! What a tool does without Sealdex, here and now: which indexes its settings name, and whether they are a verifying
//! proxy's.

use std::collections::BTreeSet;
use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use url::Url;

use super::tools::Tool;
use crate::commands::uv_settings;

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_HEAD_BYTES: u64 = 4096;

/// What is asked where settings name no index in its place.
const BUILT_IN: &str = "its built-in index";

/// What a tool does by itself.
#[derive(Debug, Serialize)]
pub(super) struct Alone {
    /// Whether each index is a verifying proxy's.
    pub(super) verified: bool,
    /// The indexes that it asks.
    pub(super) indexes: BTreeSet<String>,
    /// Those of them on this machine at which nobody listens.
    pub(super) silent: BTreeSet<String>,
}

/// Looks at the settings that hold in this folder.
pub(super) async fn look(tool: Tool, program: &Path, folder: &Path) -> Alone {
    let project = toml_file(&folder.join("pyproject.toml"));
    let mut indexes = match tool {
        Tool::Pip => from_pip(&said(program, &["config", "list"]).await),
        Tool::Uv => from_uv(folder),
        Tool::Poetry => sources(project.as_ref(), &["tool", "poetry", "source"]),
        Tool::Pdm => {
            let mut found = sources(project.as_ref(), &["tool", "pdm", "source"]);
            if found.is_empty() {
                found.extend(said(program, &["config", "pypi.url"]).await.lines().map(str::to_owned));
            }
            found
        }
        Tool::Pipenv => {
            let mut found = variables(&["PIPENV_PYPI_MIRROR"]);
            found.extend(sources(toml_file(&folder.join("Pipfile")).as_ref(), &["source"]));
            found
        }
    };
    if indexes.is_empty() {
        indexes.push(BUILT_IN.to_owned());
    }
    let indexes: BTreeSet<String> = indexes.iter().map(|index| without_password(index)).collect();
    let (mut verified, mut silent) = (true, BTreeSet::new());
    for index in &indexes {
        let listener = listener_at(index).await;
        verified &= listener == Listener::Proxy;
        if listener == Listener::Nobody {
            silent.insert(index.clone());
        }
    }
    Alone { verified, indexes, silent }
}

/// What the tool prints, when asked about its settings.
async fn said(program: &Path, words: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1").env("PDM_CHECK_UPDATE", "0");
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").kill_on_drop(true);
    match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => String::new(),
    }
}

/// Lines such as `global.index-url='https://index.example/simple/'`, of lists `'\nURL\nURL'`.
fn from_pip(settings: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut names_the_index = false;
    for line in settings.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let key = name.rsplit('.').next().unwrap_or_default();
        if ["index-url", "extra-index-url", "find-links"].contains(&key) {
            let value = value.trim_matches(['\'', '"']).replace("\\n", " ");
            found.extend(value.split_whitespace().map(str::to_owned));
            names_the_index |= key == "index-url";
        }
    }
    if !names_the_index {
        found.push(BUILT_IN.to_owned());
    }
    found
}

fn from_uv(folder: &Path) -> Vec<String> {
    let mut found = variables(&["UV_DEFAULT_INDEX", "UV_INDEX_URL"]);
    let mut names_the_index = !found.is_empty();
    found.extend(variables(&["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"]));
    // Such as `name=https://index.example/simple/`.
    found.iter_mut().for_each(|index| {
        if let Some((name, url)) = index.split_once('=')
            && !name.contains(':')
        {
            *index = url.to_owned();
        }
    });
    for settings in uv_settings::files(folder).iter().filter_map(|file| uv_settings::in_file(file)) {
        found.extend(sources(Some(&settings), &["index"]));
        for key in ["index-url", "extra-index-url", "find-links"] {
            match settings.get(key) {
                Some(toml::Value::String(url)) => found.push(url.clone()),
                Some(toml::Value::Array(urls)) => {
                    found.extend(urls.iter().filter_map(|url| url.as_str().map(str::to_owned)));
                }
                _ => {}
            }
        }
        let is_default =
            |index: &toml::Value| index.get("default").and_then(toml::Value::as_bool) == Some(true);
        let list = settings.get("index").and_then(toml::Value::as_array);
        names_the_index |=
            settings.contains_key("index-url") || list.is_some_and(|list| list.iter().any(is_default));
    }
    if !names_the_index {
        found.push(BUILT_IN.to_owned());
    }
    found
}

fn variables(names: &[&str]) -> Vec<String> {
    let values = names.iter().filter_map(|name| env::var(name).ok());
    values.flat_map(|value| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The `url` of each table in the list at this place.
fn sources(settings: Option<&toml::Table>, place: &[&str]) -> Vec<String> {
    let Some((last, tables)) = place.split_last() else { return Vec::new() };
    let table = tables.iter().try_fold(settings, |table, name| Some(table?.get(*name)?.as_table()));
    let list = table.flatten().and_then(|table| table.get(*last)?.as_array());
    let urls = list.into_iter().flatten().filter_map(|source| source.get("url")?.as_str());
    urls.map(str::to_owned).collect()
}

fn toml_file(path: &Path) -> Option<toml::Table> {
    const MAX_BYTES: u64 = 1 << 20;
    (path.metadata().ok()?.len() <= MAX_BYTES).then_some(())?;
    std::fs::read_to_string(path).ok()?.parse().ok()
}

fn without_password(index: &str) -> String {
    let Ok(mut url) = Url::parse(index) else { return index.to_owned() };
    if url.password().is_some() {
        let _ = url.set_password(Some("..."));
    }
    url.into()
}

/// Who answers at an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    /// A verifying proxy of this machine. It says what it is.
    Proxy,
    /// Nobody, at an address of this machine.
    Nobody,
    /// Somebody else.
    Other,
}

async fn listener_at(index: &str) -> Listener {
    let Ok(url) = Url::parse(index) else { return Listener::Other };
    let address = url.host_str().zip(url.port_or_known_default());
    let address: Option<SocketAddr> = address.and_then(|(host, port)| format!("{host}:{port}").parse().ok());
    let Some(address) = address.filter(|address| url.scheme() == "http" && address.ip().is_loopback()) else {
        return Listener::Other;
    };
    let Ok(Ok(mut stream)) = timeout(PATIENCE, TcpStream::connect(address)).await else {
        return Listener::Nobody;
    };
    let ask = async {
        let request = format!("HEAD /simple/ HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        stream.take(MAX_HEAD_BYTES).read_to_end(&mut head).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&head).to_ascii_lowercase())
    };
    let expected = format!("\r\nserver: {}", sealdex_client::PROXY_NAME);
    match timeout(PATIENCE, ask).await {
        Ok(Ok(head)) if head.contains(&expected) => Listener::Proxy,
        _ => Listener::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_says_of_its_indexes() {
        let text = ":env:.index-url='https://env.example/simple/'\nglobal.extra-index-url='\\nhttps://a.example/\\n\
                    https://b.example/'\nglobal.timeout='60'\ninstall.find-links='/wheels'\nnonsense";
        let expected = ["https://env.example/simple/", "https://a.example/", "https://b.example/", "/wheels"];
        assert_eq!(from_pip(text), expected);
        assert_eq!(from_pip("global.extra-index-url='https://a.example/'"), ["https://a.example/", BUILT_IN]);
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(
            without_password("https://me:secret@a.example/simple/"),
            "https://me:...@a.example/simple/"
        );
    }
}
