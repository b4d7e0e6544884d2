//! A box of text on standard error: as wide as the terminal allows, of plain characters where it knows no others.

use std::env;
use std::fmt;

use anstyle::Style;
use console::measure_text_width;

use super::{BAD, FAINT, HINT, WARNING, plain, styled};

/// Columns of a box. What is read in a log has no width.
const LEAST_WIDTH: usize = 40;
const USUAL_WIDTH: usize = 80;
const GREATEST_WIDTH: usize = 100;
/// No text of a row is longer, in characters.
const MAX_TEXT: usize = 600;

/// A box: a heading, rows, a last line.
#[derive(Debug)]
pub(crate) struct Boxed {
    style: Style,
    heading: String,
    rows: Vec<Row>,
    last: String,
    width: usize,
    lines: &'static Lines,
}

/// A label and what it is about.
#[derive(Debug)]
pub(crate) struct Row {
    label: String,
    text: String,
}

#[derive(Debug)]
struct Lines {
    corners: [&'static str; 4],
    across: &'static str,
    down: &'static str,
}

const DRAWN: Lines = Lines { corners: ["┌", "┐", "└", "┘"], across: "─", down: "│" };
const TYPED: Lines = Lines { corners: ["+", "+", "+", "+"], across: "-", down: "|" };

impl Row {
    pub(crate) fn new(label: &str, text: &str) -> Self {
        Self { label: plain(label), text: text.chars().take(MAX_TEXT).collect() }
    }
}

impl Boxed {
    /// Something is wrong.
    pub(crate) fn alarm(heading: &str, rows: Vec<Row>, last: &str) -> Self {
        Self::new(BAD, heading, rows, last)
    }

    /// Something is to be known.
    pub(crate) fn notice(heading: &str, rows: Vec<Row>, last: &str) -> Self {
        Self::new(WARNING, heading, rows, last)
    }

    fn new(style: Style, heading: &str, rows: Vec<Row>, last: &str) -> Self {
        let width = columns(|name| env::var(name).ok()).unwrap_or(USUAL_WIDTH);
        let lines = if knows_unicode(|name| env::var(name).ok()) { &DRAWN } else { &TYPED };
        let width = width.clamp(LEAST_WIDTH, GREATEST_WIDTH);
        Self { style, heading: heading.to_owned(), rows, last: last.to_owned(), width, lines }
    }

    /// Text from outside as this box can show it.
    fn shown(&self, text: &str) -> String {
        let text = plain(text);
        if self.lines.across == DRAWN.across { text } else { text.replace(|c: char| !c.is_ascii(), "?") }
    }

    fn edge(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        [left, right]: [&str; 2],
        heading: &str,
    ) -> fmt::Result {
        let rest = self.width.saturating_sub(measure_text_width(heading) + 4);
        let (across, style) = (self.lines.across, self.style);
        write!(formatter, "{style}{left}{across}{heading}{}{right}{style:#}", across.repeat(rest + 1))
    }

    fn line(&self, formatter: &mut fmt::Formatter<'_>, label: &str, width: usize, text: &str) -> fmt::Result {
        let down = styled(self.style, self.lines.down);
        let fill = |text: &str, width: usize| " ".repeat(width.saturating_sub(measure_text_width(text)));
        let room = self.room(width);
        let (after_label, after_text) = (fill(label, width), fill(text, room));
        let label = if label.is_empty() { String::new() } else { styled(HINT, label) };
        writeln!(formatter, "{down} {label}{after_label}{text}{after_text} {down}")
    }

    /// Columns for text beside labels of this width.
    fn room(&self, labels: usize) -> usize {
        self.width.saturating_sub(labels + 4).max(1)
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [top_left, top_right, bottom_left, bottom_right] = self.lines.corners;
        let heading = shortened(&self.shown(&self.heading), self.width.saturating_sub(6));
        self.edge(formatter, [top_left, top_right], &format!(" {heading} "))?;
        writeln!(formatter)?;
        // Labels that would leave no room for the text have a line of their own.
        let longest = self.rows.iter().map(|row| measure_text_width(&row.label)).max().unwrap_or(0) + 2;
        let beside = if longest <= 14 { longest } else { 0 };
        for row in &self.rows {
            let mut label = self.shown(&row.label);
            if beside == 0 && !label.is_empty() {
                for piece in wrapped(&label, self.room(0)) {
                    self.line(formatter, &piece, measure_text_width(&piece), "")?;
                }
                label.clear();
            }
            for piece in wrapped(&self.shown(&row.text), self.room(beside)) {
                self.line(formatter, &label, beside, &piece)?;
                label.clear();
            }
        }
        for piece in wrapped(&self.last, self.room(0)) {
            self.line(formatter, "", 0, &styled(FAINT, piece))?;
        }
        self.edge(formatter, [bottom_left, bottom_right], "")
    }
}

/// The columns that `COLUMNS` says (POSIX, XBD 8.3), or that the terminal has.
fn columns(variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let said = variable("COLUMNS").and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
    said.or_else(of_the_terminal)
}

/// A terminal may know its columns and not its rows.
#[cfg(unix)]
fn of_the_terminal() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn of_the_terminal() -> Option<usize> {
    console::Term::stderr().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Whether what is written is taken for UTF-8: as the C library decides, from the first of these that is set.
fn knows_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|own| !own.is_empty()));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8")
}

fn shortened(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if measure_text_width(&short) + 4 > width {
            break;
        }
        short.push(character);
    }
    short + "..."
}

/// Text in lines of this width: broken at spaces, and within words that are longer.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let needed = measure_text_width(word) + usize::from(!line.is_empty());
        if measure_text_width(&line) + needed <= width {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            if measure_text_width(&line) + measure_text_width(character.encode_utf8(&mut [0; 4])) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: usize, lines: &'static Lines) -> Boxed {
        let rows = vec![
            Row::new(
                "what",
                &format!("beta\u{1b}[2J.whl has sha256 {} and\r\nnot \u{202e}ü", "0f".repeat(32)),
            ),
            Row::new("to do", "tell its operator"),
        ];
        let (heading, last) =
            ("sealdex refused \u{7}beta.whl".to_owned(), "nothing was handed out".to_owned());
        Boxed { style: Style::new(), heading, rows, last, width, lines }
    }

    fn text(boxed: &Boxed) -> String {
        anstream::adapter::strip_str(&boxed.to_string()).to_string()
    }

    #[test]
    fn every_line_is_as_wide_as_the_box() {
        for width in [40, 57, 80, 100] {
            for lines in [&DRAWN, &TYPED] {
                let text = text(&sample(width, lines));
                for line in text.lines() {
                    assert_eq!(measure_text_width(line), width, "{text}");
                }
            }
        }
        let long = Row::new("a-file-with-a-long-name-1.0-py3-none-any.whl", &"word ".repeat(50));
        let boxed = Boxed { rows: vec![long], ..sample(60, &DRAWN) };
        for line in text(&boxed).lines() {
            assert_eq!(measure_text_width(line), 60, "{}", text(&boxed));
        }
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_it_is() {
        let drawn = text(&sample(80, &DRAWN));
        assert!(drawn.contains("beta\\u{1b}[2J.whl") && drawn.contains("\\r\\nnot \\u{202e}ü"), "{drawn}");
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        let typed = text(&sample(80, &TYPED));
        assert!(typed.is_ascii() && typed.contains("not \\u{202e}?"), "{typed}");
    }

    #[test]
    fn columns_are_those_that_are_said() {
        let of = |text: &str| columns(|name| (name == "COLUMNS").then(|| text.to_owned()));
        assert_eq!((of("40"), of("132")), (Some(40), Some(132)));
        let terminal = columns(|_| None);
        assert_eq!([of("0"), of("-1"), of("wide"), of("")], [terminal; 4]);
    }

    #[test]
    fn a_locale_says_whether_it_is_utf_8() {
        let table: [(&[(&str, &str)], bool); 6] = [
            (&[], false),
            (&[("LANG", "en_US.UTF-8")], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "de_DE.UTF-8"), ("LC_ALL", "")], true),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
        ];
        for (variables, expected) in table {
            let variable = |name: &str| {
                variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(knows_unicode(variable), expected || cfg!(windows), "{variables:?}");
        }
    }
}
