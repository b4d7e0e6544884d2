//! `sealdex setup`: what it writes, what real pip and uv make of it, and that it goes away again.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use sealdex_testkit::process::{self, Output, Process};
use sealdex_testkit::python::{self, Environment, FreshEnvironment};

use support::{PATIENCE, Stage};

const SOCKET: &str = "config/systemd/user/sealdex-proxy.socket";
const SERVICE: &str = "config/systemd/user/sealdex-proxy.service";
const PIP: &str = "config/pip/pip.conf";
const UV: &str = "config/uv/uv.toml";

fn write(stage: &Stage, name: &str, text: &str) {
    fs::create_dir_all(stage.path(name).parent().unwrap()).unwrap();
    fs::write(stage.path(name), text).unwrap();
}

fn read(stage: &Stage, name: &str) -> String {
    fs::read_to_string(stage.path(name)).unwrap()
}

/// Each of the four files, if it is there.
fn all(stage: &Stage) -> Vec<Option<String>> {
    [SOCKET, SERVICE, PIP, UV].map(|name| fs::read_to_string(stage.path(name)).ok()).into()
}

fn free_address() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

/// An installer as its user starts it: with that user's settings, and nothing else.
fn by_itself(stage: &Stage, program: PathBuf, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(stage.path("")).env("HOME", stage.path("home"));
    command.env("XDG_CONFIG_HOME", stage.path("config")).env_remove("PIP_CONFIG_FILE");
    let command = python::isolate(&mut command).env_remove("PIP_CONFIG_FILE").env_remove("UV_NO_CONFIG");
    process::run(command, PATIENCE)
}

#[test]
fn pip_and_uv_are_led_to_the_proxy_and_back() {
    let (stage, _served) = Stage::with_trusted_wheels();
    fs::create_dir_all(stage.path("home")).unwrap();
    let pip_conf = "# mine\n[global]\nno-input = true\n[install]\nno-compile = true\n";
    write(&stage, PIP, pip_conf);
    let before = all(&stage);
    let listen = free_address();

    let output = stage.run(&["setup", "--listen", &listen, "--dry-run"]).expect_success();
    assert!(output.stdout.contains(&format!("+ index-url = http://{listen}/simple/")), "{}", output.report());
    assert_eq!(all(&stage), before);

    stage.run(&["setup", "--listen", &listen]).expect_success();
    assert!(read(&stage, SOCKET).contains(&format!("ListenStream={listen}\n")));
    assert!(read(&stage, SERVICE).contains("proxy --trust-dir"), "{}", read(&stage, SERVICE));
    let again = stage.run(&["setup", "--listen", &listen]).expect_success();
    assert!(again.stdout.contains("nothing is to change"), "{}", again.report());

    let proxy = Process::start(&mut stage.sealdex(&["proxy", "--listen", &listen]));
    proxy.wait_for_line("verifying", PATIENCE);
    for (name, program) in [("pip", Environment::pip()), ("uv", Environment::uv())] {
        let fresh = FreshEnvironment::create(&stage.path(name));
        let python = fresh.python();
        let python = python.to_str().unwrap();
        let words = match name {
            "pip" => vec!["--python", python, "install", "alpha"],
            _ => vec!["pip", "install", "--python", python, "alpha"],
        };
        by_itself(&stage, program, &words).expect_success();
        assert_eq!(fresh.evaluate("import alpha, beta; print(alpha.NAME)"), "alpha", "{name}");
    }

    // As `systemctl enable` does it.
    let wants = stage.path("config/systemd/user/sockets.target.wants");
    fs::create_dir(&wants).unwrap();
    symlink(stage.path(SOCKET), wants.join("sealdex-proxy.socket")).unwrap();
    stage.run(&["setup", "--undo"]).expect_success();
    assert_eq!(all(&stage), before);
    assert_eq!(fs::read_dir(&wants).unwrap().count(), 0);
}

#[test]
fn another_index_stays_unless_it_is_replaced_by_force() {
    let (stage, _served) = Stage::with_trusted_wheels();
    write(&stage, PIP, "[global]\nindex-url = https://index.example/simple/\n");
    write(&stage, UV, "index-url = \"https://index.example/simple/\"\nlink-mode = \"copy\"\n");
    let before = all(&stage);
    let output = stage.run(&["setup"]).expect_failure();
    assert!(output.stderr.contains("sets index-url to https://index.example/simple/"), "{}", output.report());
    assert_eq!(all(&stage), before);

    stage.run(&["setup", "--force"]).expect_success();
    for name in [PIP, UV] {
        let text = read(&stage, name);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().any(|line| line.contains("127.0.0.1:3141")), "{text}");
        assert!(!lines.iter().any(|line| line.contains("index.example")), "{text}");
    }
    stage.run(&["setup", "--undo"]).expect_success();
    assert_eq!(all(&stage), before);

    // Units that somebody else wrote are no more ours to change or remove.
    write(&stage, SERVICE, "[Service]\nExecStart=/bin/true\n");
    stage.run(&["setup", "--undo"]).expect_success();
    assert!(fs::exists(stage.path(SERVICE)).unwrap());
}

#[test]
fn lines_for_ci_hold_the_fingerprint_and_write_nothing() {
    let (stage, served) = Stage::with_trusted_wheels();
    let listed = stage.run(&["trust", "list", "--format", "json"]).expect_success();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let fingerprint = listed[0]["initial_root_sha256"].as_str().unwrap();
    let trust = format!("sealdex trust add play {} --fingerprint {fingerprint}\n", served.url);
    for (service, expected) in [
        ("github", "    echo \"PIP_INDEX_URL=http://127.0.0.1:3141/simple/\" >> \"$GITHUB_ENV\"\n"),
        ("gitlab", "  - export UV_DEFAULT_INDEX=http://127.0.0.1:3141/simple/\n"),
        ("generic", "\nexport PIP_TRUSTED_HOST=127.0.0.1\n"),
    ] {
        let output = stage.run(&["setup", "--ci", service]).expect_success();
        assert!(output.stdout.contains(&trust) && output.stdout.contains(expected), "{}", output.report());
    }
    assert_eq!(all(&stage), vec![None; 4]);
    std::fs::write(stage.path("policy.toml"), "no-sdists = true").unwrap();
    let mut ci = stage.sealdex(&["setup", "--ci", "generic"]);
    let output = process::run(ci.env("SEALDEX_POLICY", stage.path("policy.toml")), PATIENCE).expect_success();
    assert!(output.stderr.contains("policies in force here are not in these lines"), "{}", output.report());
}

/// Does what systemd does: listens, and starts the service with the socket when it is first asked.
const ACTIVATE: &str = "
import os, select, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
print('listening', flush=True)
select.select([listener], [], [])
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid() + int(sys.argv[2])))
os.execv(sys.argv[3], sys.argv[3:])
";

fn activated(stage: &Stage, port: &str, wrong_by: &str, listen: &str) -> Process {
    let sealdex = stage.sealdex(&["proxy", "--listen", listen, "--exit-when-idle", "1"]);
    let mut command = Command::new(Environment::python());
    command.args(["-c", ACTIVATE, port, wrong_by]).arg(sealdex.get_program()).args(sealdex.get_args());
    command.envs(sealdex.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let process = Process::start(&mut command);
    process.wait_for_line("listening", PATIENCE);
    process
}

#[test]
fn a_socket_is_taken_over_and_left_when_nobody_asks() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let address = free_address();
    let port = address.rsplit(':').next().unwrap();
    // `--listen` counts nothing beside a socket.
    let service = activated(&stage, port, "0", "127.0.0.1:1");
    let fresh = FreshEnvironment::create(&stage.path("venv"));
    let mut install = fresh.install();
    install.args(["--index-url", &format!("http://{address}/simple/"), "alpha"]);
    python::run(&mut install, PATIENCE).expect_success();
    let start = Instant::now();
    let (status, log) = service.wait(PATIENCE);
    assert!(status.success(), "{log}");
    // Connections that are kept alive end first.
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_socket_for_another_process_is_not_taken() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let address = free_address();
    let service = activated(&stage, address.rsplit(':').next().unwrap(), "1", "127.0.0.1:0");
    let _asked = std::net::TcpStream::connect(&address).unwrap();
    let line = service.wait_for_line("verifying", PATIENCE);
    assert!(!line.contains(&address), "{line}");
}
