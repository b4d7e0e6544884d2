//! The listening socket that a service manager hands over (sd_listen_fds(3)).

use std::env;
use std::net::TcpListener;

use listenfd::ListenFd;

use crate::failure::{Failure, Kind};

/// The socket that was handed to this process, if one was. To be called before there are threads, since the variables that
/// tell of it are taken away: what this process starts is not to take it for its own.
pub(crate) fn socket() -> Result<Option<TcpListener>, Failure> {
    let own = std::process::id().to_string();
    if env::var("LISTEN_PID").is_ok_and(|process| process == own) {
        let count = env::var("LISTEN_FDS").unwrap_or_default();
        let unusable =
            |reason: String| Failure::message(Kind::Usage, format!("the socket handed over: {reason}"));
        if count != "1" {
            return Err(unusable(format!("one is needed, and there are {count}")));
        }
        return ListenFd::from_env().take_tcp_listener(0).map_err(|error| unusable(error.to_string()));
    }
    // For another process, or for nobody.
    Ok(None)
}
