//! The body of an upload as it comes in: bounded in length, rate and time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::config::UploadLimits;

/// Most bytes of a refused body that are still read, so that the client gets to see the refusal.
const MAX_DRAINED_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_DRAIN_TIME: Duration = Duration::from_secs(60);
/// The same for a body that was too slow already.
const MAX_SLOW_DRAIN_TIME: Duration = Duration::from_secs(2);

/// Why no more of a body comes in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the request is longer than {limit} bytes")]
    TooLong { limit: u64 },
    #[error("the upload is too slow: {found} bytes came in {seconds} seconds, at least {expected} must")]
    TooSlow { found: u64, expected: u64, seconds: u64 },
    #[error("the upload took longer than {seconds} seconds")]
    TookTooLong { seconds: u64 },
    #[error("the connection broke before the whole request had come in")]
    Broken,
}

/// The body of an upload.
///
/// Dropped before its end, it goes on to be read for a while, into nothing: a client that is still sending would
/// otherwise see its connection reset instead of the refusal.
pub(crate) struct UploadBody {
    stream: Option<BodyDataStream>,
    limits: UploadLimits,
    received: u64,
    pace: Pace,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
    leftover: Leftover,
    drain_time: Duration,
}

/// What happens to the part of a body that nobody read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// Read into nothing, bounded.
    Drained,
    /// Left unread: the client waits for leave to send it (`Expect: 100-continue`).
    Untouched,
}

impl UploadBody {
    /// The body of a request, which may begin to come in now.
    pub(crate) fn new(body: Body, limits: UploadLimits, leftover: Leftover) -> Self {
        let now = Instant::now();
        let longest = Duration::from_secs(limits.max_receive_seconds);
        Self {
            stream: Some(body.into_data_stream()),
            limits,
            received: 0,
            pace: Pace { bytes: 0, waited: Duration::ZERO, waiting_since: None },
            deadline: now + longest,
            timer: Box::pin(sleep(Duration::ZERO)),
            leftover,
            drain_time: MAX_DRAIN_TIME,
        }
    }

    fn window(&self) -> Duration {
        Duration::from_secs(self.limits.rate_window_seconds.max(1))
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        let now = Instant::now();
        let polled = stream.poll_next_unpin(context);
        // Whoever waited for leave to send has got it by now.
        this.leftover = Leftover::Drained;
        if polled.is_ready() {
            this.pace.stop_waiting(now);
        } else {
            this.pace.start_waiting(now);
        }
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            this.received = this.received.saturating_add(bytes.len() as u64);
            this.pace.bytes = this.pace.bytes.saturating_add(bytes.len() as u64);
        }
        let window = this.window();
        if now >= this.deadline {
            let seconds = this.limits.max_receive_seconds;
            this.drain_time = MAX_SLOW_DRAIN_TIME;
            return Poll::Ready(Some(Err(BodyError::TookTooLong { seconds })));
        }
        if this.pace.waited(now) >= window {
            let seconds = window.as_secs();
            let expected = this.limits.min_bytes_per_second.saturating_mul(seconds);
            let found = this.pace.bytes;
            if found < expected && !matches!(polled, Poll::Ready(None)) {
                this.drain_time = MAX_SLOW_DRAIN_TIME;
                return Poll::Ready(Some(Err(BodyError::TooSlow { found, expected, seconds })));
            }
            this.pace = Pace { bytes: 0, waited: Duration::ZERO, waiting_since: None };
        }
        if polled.is_pending() {
            this.pace.start_waiting(now);
            let wake = (now + (window - this.pace.waited(now))).min(this.deadline);
            this.timer.as_mut().reset(wake);
            if this.timer.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        match ready!(polled) {
            Some(Ok(bytes)) => {
                let limit = this.limits.max_body_bytes();
                if this.received > limit {
                    return Poll::Ready(Some(Err(BodyError::TooLong { limit })));
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Err(_)) => {
                this.stream = None;
                Poll::Ready(Some(Err(BodyError::Broken)))
            }
            None => {
                this.stream = None;
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        if let (Some(stream), Leftover::Drained, Ok(runtime)) =
            (self.stream.take(), self.leftover, Handle::try_current())
        {
            runtime.spawn(drain(stream, self.drain_time));
        }
    }
}

async fn drain(mut stream: BodyDataStream, drain_time: Duration) {
    let mut drained: u64 = 0;
    let everything = async {
        while let Some(Ok(bytes)) = stream.next().await {
            drained = drained.saturating_add(bytes.len() as u64);
            if drained > MAX_DRAINED_BYTES {
                break;
            }
        }
    };
    // What the client does with its time is its own matter; the bound is for ours.
    let _ = timeout(drain_time, everything).await;
}

/// How fast bytes come, by the time spent waiting for them: the time we take ourselves does not count.
struct Pace {
    bytes: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl Pace {
    fn start_waiting(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    fn stop_waiting(&mut self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now - since;
        }
    }

    fn waited(&self, now: Instant) -> Duration {
        self.waited + self.waiting_since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn limits() -> UploadLimits {
        UploadLimits {
            max_file_bytes: 1000,
            max_field_bytes: 24,
            max_fields: 0,
            min_bytes_per_second: 10,
            rate_window_seconds: 5,
            max_receive_seconds: 60,
            ..UploadLimits::default()
        }
    }

    /// A body of chunks, each after a pause in seconds.
    fn paced(chunks: Vec<(u64, usize)>) -> UploadBody {
        let stream = stream::iter(chunks).then(|(seconds, length)| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; length]))
        });
        UploadBody::new(Body::from_stream(stream), limits(), Leftover::Drained)
    }

    async fn read(mut body: UploadBody) -> Result<usize, BodyError> {
        let mut length = 0;
        while let Some(bytes) = body.next().await {
            length += bytes?.len();
        }
        Ok(length)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_a_fair_pace_comes_in() {
        assert_eq!(read(paced(vec![(1, 20); 50])).await.unwrap(), 1000);
        assert_eq!(read(paced(vec![(4, 1), (0, 1000), (4, 1)])).await.unwrap(), 1002);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded() {
        assert!(matches!(read(paced(vec![(0, 1025)])).await, Err(BodyError::TooLong { limit: 1024 })));
        assert!(matches!(read(paced(vec![(1, 1); 100])).await, Err(BodyError::TooSlow { .. })));
        assert!(matches!(read(paced(vec![(0, 100), (99, 100)])).await, Err(BodyError::TooSlow { .. })));
        assert!(matches!(read(paced(vec![(1, 12); 80])).await, Err(BodyError::TookTooLong { seconds: 60 })));
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_time_does_not_count() {
        let mut body = paced(vec![(1, 12); 5]);
        let mut length = 0;
        while let Some(bytes) = body.next().await {
            length += bytes.unwrap().len();
            sleep(Duration::from_secs(7)).await;
        }
        assert_eq!(length, 60);
    }
}
