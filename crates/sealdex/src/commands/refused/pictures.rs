//! The pictures in `docs/images` show what is said today: a text that changes wants new ones (`cargo xtask screenshots`).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan as _};
use sealdex_client::{Error, Policies, Policy, Refusal, RepositoryName};
use sealdex_simple::{FileName, IndexFile, IndexPage, ProjectName};

use super::{Since, boxed};
use crate::commands::doctor;

const AGAIN: &str = "draw it again: `cargo xtask screenshots`";

fn docs(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(path)
}

/// The lines of a picture: the texts of one height, from left to right, are one line.
fn lines(name: &str) -> Vec<String> {
    let picture = fs::read_to_string(docs(&format!("images/{name}.svg"))).unwrap();
    let mut lines: Vec<(&str, String)> = Vec::new();
    // What stands before the terminal's own text is the window's title.
    for element in picture.split("<text ").skip(1).filter(|text| text.contains("clip-path=")) {
        let (attributes, rest) = element.split_once('>').unwrap();
        let height = attributes.split_once(" y=\"").unwrap().1.split_once('"').unwrap().0;
        let text = rest.split_once("</text>").unwrap().0;
        let text = text.replace("&#160;", " ").replace("&#x27;", "'").replace("&quot;", "\"");
        let text = text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&");
        match lines.last_mut().filter(|(own, _)| *own == height) {
            Some((_, line)) => line.push_str(&text),
            None => lines.push((height, text)),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What a text says, however it is broken into lines and framed.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"│┌┐└┘─|+-".contains(*c)).collect()
}

/// The box that a picture ends with.
fn box_of(lines: &[String]) -> String {
    let begin = lines.iter().position(|line| line.starts_with('┌')).expect(AGAIN);
    squeezed(&lines[begin..].concat())
}

/// The box of this refusal when it is told now.
fn told(error: &Error, project: &str, file: Option<&str>) -> (Refusal, String) {
    let project = ProjectName::parse(project).unwrap();
    let mut refusal = Refusal::of(Timestamp::now(), Some(&project), file.map(str::to_owned), error);
    refusal.repository = Some(RepositoryName::parse("company").unwrap());
    let since = Since { begun: Timestamp::UNIX_EPOCH, histories: HashMap::new() };
    let text = boxed(&refusal, &since).to_string();
    (refusal, squeezed(&anstream::adapter::strip_str(&text).to_string()))
}

#[test]
fn a_changed_wheel_is_refused_in_these_words() {
    const FILE: &str = "acme_tables-2.1.3-py3-none-any.whl";
    for tool in ["pip", "uv", "poetry", "pdm", "pipenv"] {
        let lines = lines(&format!("refusal-{tool}"));
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        // The box has them unbroken.
        let mut digests = words.iter().rev().map(|word| word.trim_end_matches(','));
        let mut digest =
            || digests.find(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()));
        let (expected, found) = (digest().expect(AGAIN).to_owned(), digest().expect(AGAIN).to_owned());
        let (file, algorithm) = (FILE.to_owned(), "sha256".to_owned());
        let error = sealdex_tuf::Error::WrongHash { file, algorithm, expected, found }.into();
        let (refusal, text) = told(&error, "acme-tables", Some(FILE));
        assert_eq!(box_of(&lines), text, "{tool}: {AGAIN}");
        // pdm shows no reason.
        if tool != "pdm" {
            let whole = squeezed(&lines.concat());
            let said =
                squeezed(&format!("refused by sealdex: {}: {}", refusal.attack.unwrap(), refusal.message));
            assert!(whole.contains(&said), "{tool}: {AGAIN}\n{said}\n{whole}");
        }
    }
}

#[test]
fn a_young_release_is_refused_in_these_words() {
    let lines = lines("refusal-cooldown");
    let shown = lines.join("\n");
    let (_, uploaded) = shown.rsplit_once("uploaded on ").expect(AGAIN);
    let uploaded: Vec<&str> = uploaded.split_whitespace().take(2).collect();
    let uploaded: Timestamp = format!("{}Z", uploaded.join("T")).parse().unwrap();

    let rules = "minimum-release-age = \"7d\"\n";
    let policy = Policy::parse("/home/you/.config/sealdex/policy.toml", rules).unwrap();
    let mut page = IndexPage::new(ProjectName::parse("acme-report").unwrap());
    let name = "acme_report-1.4.0-py3-none-any.whl";
    let mut file = IndexFile::new(FileName::parse(name).unwrap(), name.to_owned());
    file.upload_time = Some(uploaded.to_string());
    page.files.push(file);
    let error = Policies::new(vec![policy]).check_page(&page, uploaded + 1.hour()).unwrap_err();
    let (_, text) = told(&error, "acme-report", None);
    assert_eq!(box_of(&lines), text, "{AGAIN}");
}

#[test]
fn the_doctor_says_these_words() {
    let lines = lines("doctor");
    let heads: Vec<&str> = lines[1].split("  ").map(str::trim).filter(|head| !head.is_empty()).collect();
    assert_eq!(heads, doctor::HEADS, "{AGAIN}");
    assert_eq!(lines.last().unwrap().trim(), doctor::ADVICE, "{AGAIN}");
}

#[test]
fn each_picture_is_drawn_and_shown() {
    let script = docs("../xtask/screenshots/main.py");
    let script = fs::read_to_string(script).unwrap();
    let mut drawn: Vec<String> = script
        .lines()
        .filter_map(|line| line.strip_prefix("    \"")?.split_once("\": (").map(|(name, _)| name))
        .map(|name| if name == "doctor" { "doctor.svg".to_owned() } else { format!("refusal-{name}.svg") })
        .collect();
    let images = fs::read_dir(docs("images")).unwrap();
    let mut images: Vec<String> =
        images.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    drawn.sort();
    images.sort();
    assert_eq!(images, drawn);

    let pages = fs::read_dir(docs("")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let text: String = pages.map(|page| fs::read_to_string(page).unwrap()).collect();
    let mut named: Vec<&str> =
        text.split("(images/").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, images);
}
