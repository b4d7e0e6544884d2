//! Runs one command to its end, or to its time limit.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long the readers of a finished command's output may take to see its end.
const DRAIN_TIME: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ended by itself.
    Exited(ExitStatus),
    /// It was killed, with its process group, after this time.
    TimedOut(Duration),
}

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to standard output; bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// What it wrote to standard error; bytes that are not UTF-8 replaced.
    pub stderr: String,
    /// The command as it was run, for failure messages.
    pub command: String,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Output {
    /// Whether the command ended by itself with exit code 0.
    pub fn succeeded(&self) -> bool {
        matches!(self.ending, Ending::Exited(status) if status.success())
    }

    /// The exit code; none when a signal or the time limit ended it.
    pub fn code(&self) -> Option<i32> {
        match self.ending {
            Ending::Exited(status) => status.code(),
            Ending::TimedOut(_) => None,
        }
    }

    /// Both streams, standard output first: what a user would have seen, but for the order of lines.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The output itself, once it is known that the command succeeded.
    ///
    /// # Panics
    /// When it did not, with the command and everything it wrote.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.succeeded(), "expected success\n{}", self.report());
        self
    }

    /// The output itself, once it is known that the command ended by itself with another exit code than 0.
    ///
    /// # Panics
    /// When it succeeded, was killed or ran out of time, with the command and everything it wrote.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!(self.code().is_some_and(|code| code != 0), "expected a failure\n{}", self.report());
        self
    }

    /// The command, how it ended, and everything it wrote.
    pub fn report(&self) -> String {
        let Self { ending, stdout, stderr, command, elapsed } = self;
        format!(
            "command: {command}\nending: {ending:?} after {elapsed:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// Runs `command` without input in a process group of its own. When it ends, or after `time_limit`, every process
/// left in that group is killed.
///
/// # Panics
/// When the command cannot be started.
pub fn run(command: &mut Command, time_limit: Duration) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let shown = show(command);
    let start = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
    let stdout = Capture::start(child.stdout.take().expect("standard output is piped"));
    let stderr = Capture::start(child.stderr.take().expect("standard error is piped"));

    let in_time = wait_until_exited(&child, time_limit);
    let elapsed = start.elapsed();
    // The group goes before its leader is reaped: until then, no other group can have taken its number.
    kill_group(&child);
    let status = child.wait().expect("a started child can be waited for");
    let ending = if in_time { Ending::Exited(status) } else { Ending::TimedOut(time_limit) };
    Output { ending, stdout: stdout.finish(), stderr: stderr.finish(), command: shown, elapsed }
}

/// The command as a shell would be given it, environment left out.
pub(super) fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Waits until the child has ended, without reaping it. Whether it did within `time_limit`.
pub(super) fn wait_until_exited(child: &Child, time_limit: Duration) -> bool {
    let deadline = Instant::now() + time_limit;
    loop {
        if has_exited(child) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

pub(super) fn has_exited(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(Some(_)) | Err(_))
}

/// Kills every process of the child's group. The child must not have been reaped.
pub(super) fn kill_group(child: &Child) {
    // No such group is left when all of it has ended: that is what was wanted.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

/// Reads a stream on a thread of its own.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Capture {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader }
    }

    /// What was read. A process that left the group may keep the stream open for ever: it is not waited for.
    fn finish(self) -> String {
        let deadline = Instant::now() + DRAIN_TIME;
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_exit_code_are_captured() {
        let output = run(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(10));
        assert_eq!(
            (output.code(), output.stdout.as_str(), output.stderr.as_str()),
            (Some(3), "out\n", "err\n")
        );
        output.expect_failure();
    }

    #[test]
    fn the_time_limit_kills_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let survivor = folder.path().join("survivor");
        let script = format!("(sleep 1; touch {}) & sleep 60", survivor.display());
        let output = run(&mut shell(&script), Duration::from_millis(200));
        assert!(matches!(output.ending, Ending::TimedOut(_)), "{}", output.report());
        assert!(output.elapsed < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(1200));
        assert!(!survivor.exists(), "a grandchild outlived the time limit");
    }

    #[test]
    fn children_left_behind_end_with_the_command() {
        let start = Instant::now();
        run(&mut shell("sleep 60 & echo started"), Duration::from_secs(10)).expect_success();
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
