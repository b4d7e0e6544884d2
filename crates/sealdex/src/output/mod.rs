//! What people and scripts see: tables, sentences, JSON, colours, progress.
//!
//! Results go to standard output; everything said along the way goes to standard error.

pub(crate) mod boxed;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use console::{Alignment, measure_text_width, pad_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
pub(crate) use sealdex_client::printable as plain;
use serde::Serialize;

use crate::cli::Format;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// `text` in `style`; colours are dropped where the stream is no terminal or NO_COLOR is set.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes one line to standard output. A reader that went away is no fault of ours.
pub(crate) fn say(line: impl Display) {
    let _gone = writeln!(anstream::stdout(), "{}", harmless(&line.to_string()));
}

/// Writes one line to standard error.
pub(crate) fn tell(line: impl Display) {
    let _gone = writeln!(anstream::stderr(), "{}", harmless(&line.to_string()));
}

/// What is written, whatever is in it: of what a terminal takes for commands, colours alone are left. That names and
/// paths bring no colours either is for [`plain`], before they are styled.
fn harmless(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(is_command) {
        let (before, from) = rest.split_at(place);
        written.push_str(before);
        let colour = colour(from);
        let mut after = from.chars();
        match (colour, after.next()) {
            ("", Some(command)) => {
                written.extend(command.escape_unicode());
                rest = after.as_str();
            }
            (colour, _) => {
                written.push_str(colour);
                rest = from.get(colour.len()..).unwrap_or_default();
            }
        }
    }
    written + rest
}

/// Whether a terminal would do something with it but show it: move its cursor, or turn the order of letters around.
fn is_command(character: char) -> bool {
    let turns_around = matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2028}'..='\u{2029}' | '\u{2066}'..='\u{2069}');
    turns_around || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// The colour that the text begins with, if it is one of ours.
fn colour(text: &str) -> &str {
    let code = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')).map(|(code, _)| code);
    match code {
        Some(code @ ("0" | "1" | "2" | "31" | "32" | "33" | "36")) => {
            text.get(..code.len() + 3).unwrap_or_default()
        }
        _ => "",
    }
}

/// Writes a result: `value` as JSON for scripts, or what `human` says for people.
pub(crate) fn result<T: Serialize>(format: Format, value: &T, human: impl FnOnce()) -> anyhow::Result<()> {
    match format {
        Format::Human => human(),
        // JSON escapes in its own way.
        Format::Json => {
            let _gone = writeln!(io::stdout(), "{}", serde_json::to_string_pretty(value)?);
        }
    }
    Ok(())
}

/// A table without borders, each column as wide as its widest cell.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![heads.map(|head| styled(FAINT, head))];
    lines.extend(rows);
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = measure_text_width(cell).max(*width);
        }
    }
    let lines = lines.iter().map(|line| {
        let cells = line.iter().zip(widths).map(|(cell, width)| pad_str(cell, width, Alignment::Left, None));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A progress bar on standard error; draws nothing where that is no terminal.
pub(crate) fn progress(label: &str, length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(
        "{prefix:12.cyan.bold} [{bar:30}] {pos}/{len} {per_sec} {eta} {wide_msg}",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(label.to_owned());
    bar
}

/// A progress bar that counts bytes, for what is read from end to end; `None`: nobody knows how much there is.
pub(crate) fn progress_of_bytes(label: &str, length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = match length {
        Some(_) => {
            "{prefix:12.cyan.bold} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left {wide_msg}"
        }
        None => "{prefix:12.cyan.bold} {spinner} {bytes} {bytes_per_sec} {elapsed} {wide_msg}",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(label.to_owned());
    bar
}

/// A spinner on standard error; draws nothing where that is no terminal.
pub(crate) fn spinner(label: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // Without it an empty bar is drawn.
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message(label.into());
    if io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

/// `1.2 s`, `45 ms`
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        long if long >= 10.0 => format!("{long:.0} s"),
        medium if medium >= 1.0 => format!("{medium:.1} s"),
        short => format!("{:.0} ms", short * 1000.0),
    }
}

/// `1.2 MB`, `345 KB`, `12 bytes`
pub(crate) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let number = count as f64;
    match count {
        1 => "1 byte".to_owned(),
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.1} GB", number / 1e9),
    }
}

/// `1 file`, `2 files`
pub(crate) fn count(number: impl TryInto<usize>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(usize::MAX);
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_colours_reaches_the_terminal() {
        let red = styled(BAD, "error:");
        for (text, expected) in [
            (red.as_str(), red.as_str()),
            ("a\u{1b}[2Jb\u{1b}]0;x\u{7}", "a\\u{1b}[2Jb\\u{1b}]0;x\\u{7}"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("ü\u{202e}gnp\r\u{9b}", "ü\\u{202e}gnp\\u{d}\\u{9b}"),
            ("two\nlines\tand more", "two\nlines\tand more"),
        ] {
            assert_eq!(harmless(text), expected);
        }
        assert_eq!(plain("\u{1b}[31mred"), "\\u{1b}[31mred");
    }
}
