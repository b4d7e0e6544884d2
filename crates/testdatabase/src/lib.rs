//! A throwaway PostgreSQL for tests and benchmarks: made in a temporary folder, on a free port of the loopback interface,
//! gone when it is dropped or when the process that started it ends.
//!
//! Tests of single stores share one server, whose address is in [`VARIABLE`], and have a schema each. Tests that stop and
//! start a server have one of their own.

#![forbid(unsafe_code)]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The variable with the address of the server that tests share. Where it is not set, tests run over SQLite.
pub const VARIABLE: &str = "SEALDEX_TEST_DATABASE";

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian and its descendants put each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whether what was committed must survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronise {
    /// As in production.
    Yes,
    /// Tests stop processes, not machines.
    No,
}

/// A running server. Dropping it stops it and removes everything.
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    synchronise: Synchronise,
    process: Option<Child>,
}

impl PostgresServer {
    /// Makes a new database cluster in the folder for temporary files, and starts it.
    ///
    /// # Errors
    /// A sentence for people: PostgreSQL is not installed, or does not start.
    pub fn start(synchronise: Synchronise) -> Result<Self, String> {
        Self::start_in(&std::env::temp_dir(), synchronise)
    }

    /// The same below `parent`, on whose file system it then is.
    ///
    /// # Errors
    /// As [`PostgresServer::start`].
    pub fn start_in(parent: &Path, synchronise: Synchronise) -> Result<Self, String> {
        let binaries = binaries().ok_or(
            "PostgreSQL is not installed: `apt-get install postgresql` on Debian, or put its bin folder first on PATH",
        )?;
        let folder = parent.join(format!("sealdex-postgresql-{}", unique()));
        fs::create_dir(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let mut this = Self { binaries, folder, port: free_port()?, synchronise, process: None };
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            run(Command::new("chown").arg("postgres:").arg(&this.folder))?;
        }
        let mut make = this.command("initdb");
        make.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--username=postgres", "--auth=trust"]);
        run(make.arg("--pgdata").arg(this.data()))?;
        this.resume()?;
        Ok(this)
    }

    /// Its address, with the database that every server has.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again after [`PostgresServer::stop`], on the same port.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn resume(&mut self) -> Result<(), String> {
        let synchronise = match self.synchronise {
            Synchronise::Yes => "fsync=on",
            Synchronise::No => "fsync=off",
        };
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=256MB",
            "log_min_messages=fatal",
            synchronise,
        ] {
            command.args(["-c", setting]);
        }
        let log = self.folder.join("log");
        let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        self.process = Some(command.spawn().map_err(|error| format!("cannot start postgres: {error}"))?);
        let deadline = Instant::now() + PATIENCE;
        while self.query("SELECT 1").is_err() {
            if Instant::now() > deadline || !self.is_running() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("PostgreSQL does not start:\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops it at once: sessions end, and who connects is refused. What was committed stays.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--mode=fast", "--silent", "--pgdata"]).arg(self.data());
        if run(&mut stop).is_err() {
            let _ = process.kill();
        }
        let _ = process.wait();
    }

    /// Runs a statement and gives what it answers, a line for each row.
    ///
    /// # Errors
    /// What the server says.
    pub fn query(&self, statement: &str) -> Result<String, String> {
        query(&self.binaries, &self.url(), statement)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    /// A program of PostgreSQL; a server ends with the thread that started it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        if program == "postgres" {
            command.arg("--pdeathsig=INT");
        }
        command.arg(self.binaries.join(program)).current_dir(&self.folder);
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The address of a new schema in the server that tests share; `None` where tests are to run over SQLite.
///
/// # Errors
/// A sentence for people.
pub fn schema() -> Result<Option<String>, String> {
    let Ok(server) = std::env::var(VARIABLE) else { return Ok(None) };
    let binaries = binaries().ok_or("PostgreSQL is not installed")?;
    schema_in(&binaries, &server).map(Some)
}

impl PostgresServer {
    /// The address of a new schema.
    ///
    /// # Errors
    /// What the server says.
    pub fn schema(&self) -> Result<String, String> {
        schema_in(&self.binaries, &self.url())
    }
}

fn schema_in(binaries: &Path, server: &str) -> Result<String, String> {
    let name = format!("test_{}", unique());
    query(binaries, server, &format!("CREATE SCHEMA {name}"))?;
    Ok(format!("{server}?options[search_path]={name}"))
}

/// What is in a schema, as the statements that make it anew.
///
/// # Errors
/// A sentence for people.
pub fn dump(schema: &str) -> Result<String, String> {
    let binaries = binaries().ok_or("PostgreSQL is not installed")?;
    let (server, name) = parts(schema)?;
    let mut dump = Command::new(binaries.join("pg_dump"));
    let output = run(dump.args(["--dbname", server, "--schema", name]))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Puts back what was dumped.
///
/// # Errors
/// A sentence for people.
pub fn restore(schema: &str, dumped: &str) -> Result<(), String> {
    let binaries = binaries().ok_or("PostgreSQL is not installed")?;
    let (server, name) = parts(schema)?;
    query(&binaries, server, &format!("DROP SCHEMA {name} CASCADE"))?;
    let file = std::env::temp_dir().join(format!("sealdex-dump-{}", unique()));
    fs::write(&file, dumped).map_err(|error| error.to_string())?;
    let mut psql = Command::new(binaries.join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", server, "--file"]).arg(&file);
    let restored = run(&mut psql).map(drop);
    let _ = fs::remove_file(&file);
    restored
}

/// The server and the name of a schema made here.
fn parts(schema: &str) -> Result<(&str, &str), String> {
    schema.split_once("?options[search_path]=").ok_or_else(|| format!("{schema} is no schema made here"))
}

fn query(binaries: &Path, server: &str, statement: &str) -> Result<String, String> {
    let mut psql = Command::new(binaries.join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", server]);
    let output = run(psql.args(["--command", statement]))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The programs: of the newest version installed, else those on PATH.
fn binaries() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let numbers = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let newest = numbers.max().map(|version| Path::new(VERSIONS).join(version.to_string()).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.into_iter().chain(std::env::split_paths(&path)).find(complete)
}

/// Whether the programs are there.
#[must_use]
pub fn is_installed() -> bool {
    binaries().is_some()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// A part of a name that no other process has.
fn unique() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("{}_{}_{nanos}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn run(command: &mut Command) -> Result<Output, String> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().map_err(|error| format!("cannot start {program}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{program} failed ({}): {said}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_was_committed_and_leaves_nothing() {
        let mut server = PostgresServer::start(Synchronise::No).unwrap();
        let folder = server.folder.clone();
        server.query("CREATE TABLE kept (number BIGINT)").unwrap();
        server.query("INSERT INTO kept VALUES (7)").unwrap();
        server.stop();
        assert!(server.query("SELECT 1").is_err());
        server.resume().unwrap();
        assert_eq!(server.query("SELECT number FROM kept").unwrap(), "7");
        assert_ne!(server.schema().unwrap(), server.schema().unwrap());
        drop(server);
        assert!(!folder.exists());
    }
}
