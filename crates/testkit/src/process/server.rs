//! A process that serves until its test ends, and the `sealdex` binary to start one from.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::run::{has_exited, kill_group, show, wait_until_exited};

/// A command that runs the `sealdex` binary of this build: `SEALDEX_BIN` where it is set (`cargo xtask test` sets it),
/// else the one Cargo built for the running test.
///
/// # Panics
/// When the binary has not been built.
pub fn sealdex() -> Command {
    let candidates = [
        env::var_os("SEALDEX_BIN").map(PathBuf::from),
        env::var_os("CARGO_BIN_EXE_sealdex").map(PathBuf::from),
        // A test binary lies in target/<profile>/deps, the binaries one folder up.
        env::current_exe().ok().and_then(|path| Some(path.parent()?.parent()?.join("sealdex"))),
    ];
    let binary = candidates.into_iter().flatten().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the sealdex binary has not been built; run `cargo xtask test`, which builds it first")
    });
    Command::new(binary)
}

/// A running child process. Dropping it kills it (SIGKILL) with its whole process group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    command: String,
    log: Arc<Log>,
    reaped: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` without input, in a process group of its own; everything it writes to either stream is kept,
    /// line by line.
    ///
    /// # Panics
    /// When the command cannot be started.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let shown = show(command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let log = Arc::new(Log::default());
        Log::follow(&log, child.stdout.take().expect("standard output is piped"));
        Log::follow(&log, child.stderr.take().expect("standard error is piped"));
        Self { child, command: shown, log, reaped: None }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Every line so far, of both streams.
    pub fn log(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Waits for a line that contains `text`, on either stream, and returns the first such line.
    ///
    /// # Panics
    /// When the process ends, or `time_limit` passes, without one; with the log.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str, time_limit: Duration) -> String {
        let deadline = Instant::now() + time_limit;
        loop {
            // Looked at before the log, so that a last line written just before the end is still found.
            let ended = has_exited(&self.child) && self.log.is_complete();
            let line = self.log.find(text, Duration::from_millis(20));
            if let Some(line) = line {
                return line;
            }
            assert!(!ended, "{} ended before it wrote {text:?}\n{}", self.command, self.log());
            assert!(
                Instant::now() < deadline,
                "{} did not write {text:?} within {time_limit:?}\n{}",
                self.command,
                self.log()
            );
        }
    }

    /// Waits until `path` holds a whole line, such as the port a server writes down, and returns it without its end.
    ///
    /// # Panics
    /// When the process ends, or `time_limit` passes, before; with the log.
    #[track_caller]
    pub fn wait_for_file(&self, path: &Path, time_limit: Duration) -> String {
        let deadline = Instant::now() + time_limit;
        loop {
            let ended = has_exited(&self.child);
            if let Ok(content) = fs::read_to_string(path)
                && let Some((line, _)) = content.split_once('\n')
            {
                return line.to_owned();
            }
            assert!(!ended, "{} ended before it wrote {}\n{}", self.command, path.display(), self.log());
            assert!(
                Instant::now() < deadline,
                "{} did not write {} within {time_limit:?}\n{}",
                self.command,
                path.display(),
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the process is still running.
    pub fn is_running(&self) -> bool {
        !has_exited(&self.child)
    }

    /// Asks the process to end (SIGTERM), as a service manager does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Interrupts the process (SIGINT), as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Waits for the process to end by itself and returns its exit status and log; what is left of its group is
    /// killed.
    ///
    /// # Panics
    /// When it is still running after `time_limit`; with the log.
    #[track_caller]
    pub fn wait(mut self, time_limit: Duration) -> (ExitStatus, String) {
        let in_time = wait_until_exited(&self.child, time_limit);
        assert!(in_time, "{} still runs after {time_limit:?}\n{}", self.command, self.log());
        let status = self.end();
        self.log.wait_until_complete(Duration::from_secs(2));
        (status, self.log())
    }

    /// Kills the process and its group (SIGKILL) and returns the log.
    pub fn kill(mut self) -> String {
        self.end();
        self.log.wait_until_complete(Duration::from_secs(2));
        self.log()
    }

    fn signal(&self, signal: Signal) {
        // The child is reaped in `end` alone, so the number is still its own; it may have ended, which is no error.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills what runs and reaps the child, once.
    fn end(&mut self) -> ExitStatus {
        if let Some(status) = self.reaped {
            return status;
        }
        kill_group(&self.child);
        let status = self.child.wait().expect("a started child can be waited for");
        self.reaped = Some(status);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The lines of both streams, in the order in which they were read.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    open_streams: usize,
}

impl Log {
    fn follow(log: &Arc<Self>, stream: impl Read + Send + 'static) {
        log.lock().open_streams += 1;
        let log = Arc::clone(log);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                log.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                log.changed.notify_all();
            }
            log.lock().open_streams -= 1;
            log.changed.notify_all();
        });
    }

    fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn is_complete(&self) -> bool {
        self.lock().open_streams == 0
    }

    /// The first line with `text` in it; waits for one at most `patience`.
    fn find(&self, text: &str, patience: Duration) -> Option<String> {
        let missing = |state: &mut LogState| {
            state.open_streams > 0 && !state.lines.iter().any(|line| line.contains(text))
        };
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, missing)
            .unwrap_or_else(PoisonError::into_inner);
        state.lines.iter().find(|line| line.contains(text)).cloned()
    }

    fn wait_until_complete(&self, patience: Duration) {
        let open = |state: &mut LogState| state.open_streams > 0;
        drop(self.changed.wait_timeout_while(self.lock(), patience, open));
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(&mut command)
    }

    #[test]
    fn a_line_is_found_while_the_process_goes_on() {
        let process = shell("echo starting; echo listening on 127.0.0.1:1 >&2; sleep 60");
        assert_eq!(process.wait_for_line("listening", LIMIT), "listening on 127.0.0.1:1");
        assert!(process.is_running());
        assert!(process.kill().contains("starting"));
    }

    #[test]
    #[should_panic(expected = "ended before it wrote \"listening\"")]
    fn a_process_that_ends_early_is_reported_with_its_log() {
        shell("echo broken configuration; exit 1").wait_for_line("listening", LIMIT);
    }

    #[test]
    fn a_file_is_read_once_it_holds_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("port");
        let process = shell(&format!("printf 80 > {0}; sleep 0.1; echo 80 >> {0}; sleep 60", port.display()));
        assert_eq!(process.wait_for_file(&port, LIMIT), "8080");
    }

    #[test]
    fn termination_lets_the_process_end_by_itself() {
        let process = shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        process.wait_for_line("ready", LIMIT);
        process.terminate();
        let (status, log) = process.wait(LIMIT);
        assert_eq!(status.code(), Some(7));
        assert!(log.contains("bye"), "{log}");
    }

    #[test]
    fn dropping_kills_grandchildren_too() {
        let folder = tempfile::tempdir().unwrap();
        let survivor = folder.path().join("survivor");
        let process = shell(&format!("(sleep 1; touch {}) & echo ready; wait", survivor.display()));
        process.wait_for_line("ready", LIMIT);
        drop(process);
        thread::sleep(Duration::from_millis(1200));
        assert!(!survivor.exists(), "a grandchild outlived its process");
    }
}
