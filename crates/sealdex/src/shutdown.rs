//! When to stop: Ctrl-C, or SIGTERM from a service manager.

/// Completes when the process is asked to stop.
pub(crate) async fn requested() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _interrupted = tokio::signal::ctrl_c().await;
}

/// The signals that a wrapper gets in place of the command it runs.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From now on, none of them ends this process.
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal and sends it to the process of this id.
    pub(crate) async fn forward_next(&mut self, process: Option<u32>) {
        use rustix::process::{Pid, Signal, kill_process};
        use std::io::IsTerminal as _;
        let (signal, from_keyboard) = tokio::select! {
            _ = self.interrupt.recv() => (Signal::INT, true),
            _ = self.quit.recv() => (Signal::QUIT, true),
            _ = self.terminate.recv() => (Signal::TERM, false),
            _ = self.hang_up.recv() => (Signal::HUP, false),
        };
        // A terminal sends what is typed to all processes in its foreground: twice would be once too often.
        let has_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let process = process.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(process) = process.filter(|_| !(from_keyboard && has_terminal)) {
            // It may have ended meanwhile.
            let _gone = kill_process(process, signal);
        }
    }
}

/// The signals that a wrapper gets in place of the command it runs: none, on this system.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn forward_next(&mut self, _process: Option<u32>) {
        // Ctrl-C reaches the command as well.
        let _interrupted = tokio::signal::ctrl_c().await;
    }
}
