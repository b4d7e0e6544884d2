//! `sealdex config show`: each setting, its value and where it comes from.

use std::path::Path;

use sealdex_client::{Bound, ClientSettings};
use sealdex_repository::{DatabaseUrl, RepositoryDirectory, Settings};
use sealdex_server::ServerConfig;
use serde::Serialize;

use crate::cli::{ConfigArguments, ConfigCommand, ConfigShowArguments, Format, LimitArguments};
use crate::environment;
use crate::failure::{Failure, Kind};
use crate::limits;
use crate::output::{FAINT, result, say, styled, table};

#[derive(Serialize)]
struct Row {
    setting: String,
    value: String,
    source: &'static str,
}

pub(super) fn run(arguments: &ConfigArguments, format: Format) -> Result<(), Failure> {
    let ConfigCommand::Show(ConfigShowArguments { repository, limits }) = &arguments.command;
    let file = RepositoryDirectory::new(&repository.repository).settings_file();
    let mut rows = variables();
    rows.extend(client_limits(limits)?);
    match std::fs::read_to_string(&file) {
        Ok(text) => rows.extend(from_file(&text, &file)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::message(Kind::Failed, format!("{}: {error}", file.display()))),
    }
    result(format, &rows, || {
        let cells =
            rows.iter().map(|row| [row.setting.clone(), shortened(&row.value), styled(FAINT, row.source)]);
        say(table(["setting", "value", "from"], cells));
        say(styled(
            FAINT,
            "A flag overrides the environment, which overrides the file, which overrides the default.",
        ));
    })?;
    Ok(())
}

/// A value as a table can show it; JSON has it whole.
fn shortened(value: &str) -> String {
    const WIDTH: usize = 60;
    match value.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} ... (whole with --format json)", &value[..end]),
        None => value.to_owned(),
    }
}

/// The environment variables, set or not.
fn variables() -> Vec<Row> {
    let rows = environment::ALL.into_iter().map(|(name, sets)| match environment::text(name) {
        Some(_) if name.ends_with("PASSPHRASE") => (name, "(set, not shown)".to_owned(), "environment"),
        // It may hold a password.
        Some(value) if name == environment::DATABASE => {
            let shown = DatabaseUrl::parse(&value)
                .map_or_else(|_| "(not an address)".to_owned(), |url| url.to_string());
            (name, shown, "environment")
        }
        Some(value) => (name, value, "environment"),
        None => (name, format!("({sets})"), "not set"),
    });
    rows.map(|(name, value, source)| Row { setting: name.to_owned(), value, source }).collect()
}

/// The limits of the client.
fn client_limits(arguments: &LimitArguments) -> Result<Vec<Row>, Failure> {
    let mut settings = ClientSettings::new("");
    let sources = limits::apply(arguments, &mut settings)?;
    let row = |(bound, source): (Bound, limits::Source)| Row {
        setting: format!("client limits.{bound}"),
        value: bound.value(&settings).to_string(),
        source: source.name(),
    };
    Ok(sources.into_iter().map(row).collect())
}

/// The settings of a repository's file, filled up with the defaults.
fn from_file(text: &str, file: &Path) -> Result<Vec<Row>, Failure> {
    let settings = Settings::from_toml(text, file)?;
    let written: toml::Table = text.parse()?;
    let mut effective: toml::Table = settings.to_toml()?.parse()?;
    let server: ServerConfig = toml::Value::Table(settings.server).try_into()?;
    effective.insert("server".to_owned(), toml::Value::try_from(server)?);
    let mut rows = Vec::new();
    flatten("", &toml::Value::Table(effective), Some(&toml::Value::Table(written)), &mut rows);
    Ok(rows)
}

fn flatten(prefix: &str, value: &toml::Value, written: Option<&toml::Value>, rows: &mut Vec<Row>) {
    let toml::Value::Table(table) = value else {
        let source = if written.is_some() { "file" } else { "default" };
        rows.push(Row { setting: prefix.to_owned(), value: value.to_string(), source });
        return;
    };
    for (name, value) in table {
        let name_here = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        flatten(&name_here, value, written.and_then(|written| written.get(name)), rows);
    }
}
