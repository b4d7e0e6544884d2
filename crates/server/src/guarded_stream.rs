//! A connection that must not stall: it ends when for a while not a single byte could be read or written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream with a bound on the time without progress in either direction.
///
/// This bounds what hyper does not: a client that sends half of a protocol's preface, and one that asks for a file and
/// stops reading it.
pub(crate) struct GuardedStream<S> {
    stream: S,
    patience: Duration,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> GuardedStream<S> {
    /// Guards `stream`, whose time begins now.
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, progress: Instant::now(), timer: Box::pin(sleep(patience)) }
    }

    /// Passes on what the stream said, unless it has been silent for too long.
    ///
    /// Progress is only noted down; the timer is set again when it fires, not for each byte.
    fn guard<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.progress = Instant::now();
            return polled;
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let deadline = self.progress + self.patience;
            if Instant::now() >= deadline {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the connection made no progress",
                )));
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.guard(context, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.guard(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.guard(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        // Flushing a socket does nothing; it is no progress.
        if polled.is_ready() { polled } else { self.guard(context, polled) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.guard(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_silent_reader_ends() {
        let (_other, stream) = duplex(16);
        let start = Instant::now();
        let error = GuardedStream::new(stream, PATIENCE).read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_ends() {
        let (mut other, stream) = duplex(16);
        let mut stream = GuardedStream::new(stream, PATIENCE);
        let writing = async { stream.write_all(&[0; 64]).await };
        let reading = async {
            other.read_exact(&mut [0; 32]).await.unwrap();
            sleep(Duration::from_secs(60)).await;
        };
        let (written, ()) = tokio::join!(writing, reading);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_in_either_direction_counts() {
        let (mut other, stream) = duplex(16);
        let mut stream = GuardedStream::new(stream, PATIENCE);
        let sending = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(9)).await;
                other.write_u8(1).await.unwrap();
            }
            other
        };
        let receiving = async {
            for _ in 0..5 {
                stream.read_u8().await.unwrap();
            }
        };
        tokio::join!(sending, receiving);
    }
}
