//! Goes through a tool's table in one mode.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use sealdex_testkit::hostile::Paths;
use sealdex_testkit::process::{Output, Process};
use sealdex_testkit::python::{self, Environment, FreshEnvironment};

use crate::project::INDEX;
use crate::row::{CELLS, Row, Step};
use crate::site::{Mode, Site, installed, omega};
use crate::support::{PATIENCE, unboxed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

pub(crate) struct Tool {
    pub(crate) program: PathBuf,
    /// The variable that names its index, if there is one: else its table's files do.
    pub(crate) index_variable: Option<&'static str>,
    /// How the line of its lock file begins that has the digest of those files, if there is one.
    pub(crate) digest_of_files: Option<&'static str>,
    /// Words before all others.
    pub(crate) always: &'static [&'static str],
    /// Whether it has to be given an environment.
    pub(crate) needs_environment: bool,
    pub(crate) rows: Vec<Row>,
}

impl Tool {
    /// Does all that the table says, and holds it to what it says.
    pub(crate) fn go_through(&self, mode: Mode) {
        let cells: Vec<_> = self.rows.iter().map(|row| row.cell).collect();
        assert_eq!(cells, CELLS, "a cell is missing, or not in its place");
        let site = Site::new(mode);
        let proxy = (mode == Mode::Index && !self.is_pip()).then(|| site.proxy(&[]));
        let mut failed = Vec::new();
        for row in &self.rows {
            let walk = Walk { tool: self, site: &site, row, proxy: proxy.as_ref() };
            // One that fails does not hide the others.
            if catch_unwind(AssertUnwindSafe(|| walk.go())).is_err() {
                failed.push(row.cell);
            }
        }
        assert_eq!(failed, [], "the reasons are above");
        // As an index sees it, without us: it wants JSON.
        if mode == Mode::Interposed {
            let pages = site.attacker.requests_for(&Paths::exactly("/simple/omega/"));
            let accepted: Vec<_> = pages.iter().filter_map(|page| page.header("accept")).collect();
            assert!(accepted.iter().any(|accept| accept.starts_with(JSON)), "{accepted:?}");
        }
        // Every file that the table installs came from us.
        let handed_out = site.handed_out();
        for file in ["alpha-1.0-py3-none-any.whl", "alpha-2.0-py3-none-any.whl", "delta-1.0.tar.gz"] {
            assert!(handed_out.iter().any(|own| own == file), "{file}: {handed_out:?}");
        }
    }

    fn is_pip(&self) -> bool {
        self.program == Environment::pip()
    }
}

/// One row, as it is done.
struct Walk<'a> {
    tool: &'a Tool,
    site: &'a Site,
    row: &'a Row,
    proxy: Option<&'a (Process, String)>,
}

impl Walk<'_> {
    fn go(&self) {
        let folder = self.folder("sealed");
        self.prepare(&folder);
        let offline = match self.site.mode {
            Mode::Index if self.proxy.is_some() => Some(self.site.proxy(&["--offline"])),
            _ => None,
        };
        let mut is_offline = false;
        for (place, step) in self.row.steps.iter().enumerate() {
            let proxy = if is_offline { offline.as_ref() } else { self.proxy };
            let index = match (self.site.mode, proxy) {
                (Mode::Index, Some((_, index))) => index.as_str(),
                _ => INDEX,
            };
            match step {
                Step::Write(name, text) => self.write("sealed", name, text, index),
                Step::Run(words) => {
                    self.sealed(words, index, is_offline).expect_success();
                }
                Step::Keep(words, name) => {
                    let output = self.sealed(words, index, is_offline).expect_success();
                    self.write("sealed", name, &output.stdout, index);
                }
                Step::Refused(words) => {
                    let output = self.sealed(words, index, is_offline).expect_failure();
                    let text = format!(
                        "{}{}",
                        output.text(),
                        self.proxy.map_or_else(String::new, |(proxy, _)| proxy.log())
                    );
                    let expected = if self.proxy.is_some() { "refused:" } else { "sealdex refused" };
                    for part in [expected, "wrong software attack", "omega"] {
                        assert!(unboxed(&text).contains(part), "{}: {part}\n{text}", self.row.cell);
                    }
                    assert_eq!(omega(&folder), "", "{}", output.report());
                    // That it is an attack need not be shown in both modes.
                    if self.site.mode == Mode::Interposed {
                        self.without_us(place, Some(words));
                        assert_eq!(omega(&self.folder("bare")), "evil", "the attack is none");
                    }
                }
                Step::SameWithoutUs(name) => {
                    self.without_us(place, None);
                    let (own, other) = (self.read("sealed", name), self.read("bare", name));
                    if self.site.mode == Mode::Interposed {
                        assert_eq!(own, other, "{}", self.row.cell);
                    } else {
                        let (own, other) =
                            (self.but_for_the_index(&own, index), self.but_for_the_index(&other, index));
                        assert_eq!(own, other, "{}", self.row.cell);
                    }
                    assert!(own.contains("alpha"), "{own}");
                }
                Step::Has(name, text) => {
                    let (file, text) = (self.read("sealed", name), self.site.filled(text, index));
                    assert!(file.contains(&text), "{}: {text}\n{file}", self.row.cell);
                }
                Step::Afresh => {
                    std::fs::remove_dir_all(folder.join(".venv")).unwrap();
                    self.prepare(&folder);
                }
                Step::Offline => {
                    is_offline = true;
                    self.site.attacker.clear_requests();
                }
            }
        }
        if is_offline {
            assert_eq!(self.site.attacker.requests(), [], "asked, for all that it is offline");
        }
        if !self.row.installed.is_empty() {
            let expected: Vec<_> = self
                .row
                .installed
                .iter()
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect();
            assert_eq!(installed(&folder), expected, "{}", self.row.cell);
        }
    }

    /// In index mode, the lock names the index that was asked, or has the digest of a file that does.
    fn but_for_the_index(&self, lock: &str, index: &str) -> String {
        let is_digest = |line: &str| self.tool.digest_of_files.is_some_and(|start| line.starts_with(start));
        let lines = lock.lines().filter(|line| !is_digest(line));
        lines.collect::<Vec<_>>().join("\n").replace(base(index), base(&self.site.plain_index()))
    }

    fn folder(&self, whose: &str) -> PathBuf {
        self.site.path(&self.name(whose))
    }

    fn name(&self, whose: &str) -> String {
        format!("{whose}/{}", self.row.cell)
    }

    fn prepare(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        if self.tool.needs_environment {
            FreshEnvironment::create(&folder.join(".venv"));
        }
    }

    fn write(&self, whose: &str, name: &str, text: &str, index: &str) {
        self.site.project.write(&self.name(whose), name, &self.site.filled(text, index));
    }

    fn read(&self, whose: &str, name: &str) -> String {
        self.site.project.read(&self.name(whose), name)
    }

    /// The tool, through us.
    fn sealed(&self, words: &[&'static str], index: &str, offline: bool) -> Output {
        let folder = self.name("sealed");
        let (tool, project) = (self.tool, &self.site.project);
        let words = self.words(words, index);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let options: &[&str] = if offline { &["--offline"] } else { &[] };
        let command = match (self.site.mode, self.proxy) {
            (Mode::Interposed, _) => project.sealed_command(&folder, options, &tool.program, &words),
            (Mode::Index, None) => {
                let python = Environment::python();
                let own = [&["pip"], options, &["--python", python.to_str().unwrap(), "--"]].concat();
                project.sealdex_command(&folder, &[&own, &words[..]].concat())
            }
            (Mode::Index, Some(_)) => {
                let mut command = Command::new(&tool.program);
                project.settle(command.args(&words), &folder);
                command
            }
        };
        self.run(command, index)
    }

    /// The steps before `place` once more without us, but for what is refused; then these words.
    fn without_us(&self, place: usize, last: Option<&'static [&'static str]>) {
        self.prepare(&self.folder("bare"));
        let index = self.site.plain_index();
        let run = |words: &[&'static str]| {
            let words = self.words(words, &index);
            let mut command = Command::new(&self.tool.program);
            self.site.project.settle(command.args(&words), &self.name("bare"));
            self.run(command, &index).expect_success().stdout
        };
        for step in &self.row.steps[..place] {
            match step {
                Step::Write(name, text) => self.write("bare", name, text, &index),
                Step::Run(words) => drop(run(words)),
                Step::Keep(words, name) => self.write("bare", name, &run(words), &index),
                _ => {}
            }
        }
        if let Some(words) = last {
            run(words);
        }
    }

    fn words(&self, words: &[&'static str], index: &str) -> Vec<String> {
        let words = self.tool.always.iter().chain(words);
        words.map(|word| self.site.filled(word, index)).collect()
    }

    /// A tool as users have it: with its caches.
    fn run(&self, mut command: Command, index: &str) -> Output {
        command.env_remove("PIP_NO_CACHE_DIR").env_remove("UV_NO_CACHE");
        if let Some(name) = self.tool.index_variable {
            command.env(name, index);
        }
        if self.site.mode == Mode::Index {
            // Whoever asks another host than this machine is told that there is none.
            command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        }
        python::run(&mut command, PATIENCE)
    }
}

/// Where an index is, without its last folder.
fn base(index: &str) -> &str {
    index.trim_end_matches('/').trim_end_matches("simple")
}
