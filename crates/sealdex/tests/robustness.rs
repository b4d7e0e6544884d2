//! Many installers at once, and processes that are killed: what is kept is right all the same.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::process::{self, Process};
use sealdex_testkit::python::Environment;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use support::{PATIENCE, Served, Stage};

const PROJECTS: usize = 12;
/// Of these, so many wheels are of some megabytes, which pass through the proxy in another way than small ones.
const LARGE: usize = 3;
const INSTALLERS: usize = 50;
const ROUNDS: u64 = 12;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn names() -> Vec<String> {
    (0..PROJECTS).map(|number| format!("part{number}")).collect()
}

/// A repository, a server in front of it that can be slow, and a user who trusts it.
struct Scene {
    stage: Stage,
    between: HostileServer,
    _served: Served,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::with_repository(&[]);
        let mut numbers = Numbers(1);
        let wheels: Vec<PathBuf> = (0..PROJECTS)
            .map(|number| {
                let mut builder = WheelBuilder::new(&format!("part{number}"), "1.0");
                let module = format!("part{number}.py");
                if number < LARGE {
                    let digits: String = (0..400_000).map(|_| format!("{:08x}", numbers.next())).collect();
                    builder = builder.module(&module, &format!("VERSION = '1.0'\nDATA = '{digits}'\n"));
                }
                stage.wheel(&builder.build())
            })
            .collect();
        stage.add(&wheels);
        let served = stage.serve();
        let between = HostileServer::start(Origin::server(&served.url));
        stage.trust("play", &format!("{}/", between.url().trim_end_matches('/')));
        between.clear_requests();
        Self { stage, between, _served: served }
    }

    fn proxy(&self) -> (Process, String) {
        let proxy = Process::start(&mut self.stage.sealdex(&["proxy", "--listen", "127.0.0.1:0"]));
        let line = proxy.wait_for_line("http://", PATIENCE);
        let index = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        (proxy, index)
    }

    fn cache(&self, arguments: &[&str]) -> Value {
        let arguments = [&["cache"], arguments, &["--format", "json"]].concat();
        let output = self.stage.run(&arguments).expect_success();
        serde_json::from_str(&output.stdout).unwrap()
    }
}

/// An installer without a cache of its own, which installs all into `folder`.
fn uv(index: &str, folder: &Path) -> Command {
    let mut uv = Command::new(Environment::uv());
    uv.args(["pip", "install", "--no-cache", "--no-config", "--default-index", index, "--python"]);
    uv.arg(Environment::python()).arg("--target").arg(folder).args(names());
    uv.env("UV_HTTP_TIMEOUT", "120");
    uv
}

fn pip(index: &str, folder: &Path) -> Command {
    let mut pip = Command::new(Environment::pip());
    pip.args(["install", "--no-cache-dir", "--timeout=120", "--index-url", index, "--target"]);
    pip.arg(folder).args(names()).env("PIP_CONFIG_FILE", "/dev/null");
    pip
}

#[track_caller]
fn assert_installed(folder: &Path) {
    for (number, name) in names().iter().enumerate() {
        let module = std::fs::read(folder.join(format!("{name}.py"))).unwrap();
        assert_eq!(module.len() > 3_000_000, number < LARGE, "{name}");
    }
}

/// Peak resident memory of a process so far.
fn peak_mib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
fn fifty_installers_at_once_are_served_by_one_proxy() {
    let scene = Scene::new();
    let (proxy, index) = scene.proxy();
    let start = Instant::now();
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..INSTALLERS)
            .map(|number| {
                let (folder, index) = (scene.stage.path(&format!("target{number}")), &index);
                scope.spawn(move || {
                    let mut command = if number % 10 == 0 { pip(index, &folder) } else { uv(index, &folder) };
                    (process::run(&mut command, PATIENCE), folder)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!(
        "{INSTALLERS} installers in {:.1} s, peak {} MiB",
        start.elapsed().as_secs_f64(),
        peak_mib(&proxy)
    );
    for (output, folder) in outputs {
        output.expect_success();
        assert_installed(&folder);
    }
    assert!(!proxy.log().contains("refused"), "{}", proxy.log());
    // Whoever and however many asked for it: each file came once.
    assert_eq!(scene.between.requests_for(&Paths::ending_with(".whl")).len(), PROJECTS);
    // Six hundred connections, in a build that is not optimised; `cargo xtask bench -- stream` measures one large file.
    // Freed memory is kept for a while: 160 MiB, where 64 are in use.
    assert!(peak_mib(&proxy) <= 256, "{} MiB", peak_mib(&proxy));
    assert_eq!(scene.cache(&["verify"])["removed"]["files"], 0);
}

#[test]
fn what_is_kept_is_right_whoever_was_killed() {
    let scene = Scene::new();
    // A large wheel takes half a second, so that many are killed while one comes.
    scene.between.set(Paths::ending_with(".whl"), Behaviour::Drip { bytes_per_second: 4 << 20 });
    let mut numbers = Numbers(2);
    let mut unfinished = 0;
    for round in 0..ROUNDS {
        scene.cache(&["clear"]);
        let (proxy, index) = scene.proxy();
        let mut installers: Vec<Process> = (0..3)
            .map(|number| {
                Process::start(&mut uv(&index, &scene.stage.path(&format!("killed{round}-{number}"))))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50 + numbers.next() % 1200));
        let victim = installers.remove(0);
        if round % 3 == 2 {
            victim.kill();
            // The others do not notice.
            for installer in installers {
                let (status, log) = installer.wait(PATIENCE);
                assert!(status.success(), "{log}");
            }
        } else {
            proxy.kill();
            drop((victim, installers));
        }
        unfinished += scene.cache(&["show"])["unfinished"]["files"].as_u64().unwrap();
        // All that has a name is what the name says, and the next one goes on from there.
        assert_eq!(scene.cache(&["verify"])["removed"]["files"], 0, "round {round}");
        if round % 4 == 3 {
            let (_proxy, index) = scene.proxy();
            let folder = scene.stage.path(&format!("after{round}"));
            process::run(&mut uv(&index, &folder), PATIENCE).expect_success();
            assert_installed(&folder);
        }
    }
    assert!(unfinished > 0, "none was killed while a file came");

    // What they left behind goes when it is old enough to be nobody's.
    let folder = scene.stage.path("cache/files/tmp");
    let old = std::time::SystemTime::now() - Duration::from_secs(2 * 3600);
    for entry in std::fs::read_dir(&folder).unwrap() {
        std::fs::File::options().append(true).open(entry.unwrap().path()).unwrap().set_modified(old).unwrap();
    }
    scene.cache(&["prune"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}
