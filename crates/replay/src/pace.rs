//! How fast uploads come: in the stream's own rhythm at a rate, or as fast as they are taken.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Arguments;
use crate::server::Server;
use crate::upload::Connection;
use crate::verifier::Verifier;
use crate::wheels::{Wheel, Wheels};

/// Files of a second that are made ready for going flat out: more than can be taken.
const MOST_A_SECOND: usize = 4000;

/// Until the client looks again, going flat out.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Files a second, in the mean.
    Rate(f64),
    FlatOut,
}

/// What was measured.
pub(crate) struct Measured {
    /// From when each upload was due until it was answered: published.
    pub(crate) answered: Vec<Duration>,
    /// From when it was due until a client had verified it: each one, or a part when it goes flat out.
    pub(crate) verified: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

/// An upload that was answered.
struct Done {
    wheel: Arc<Wheel>,
    due: Instant,
    answered: Instant,
}

impl Pace {
    /// Uploads for as long as the arguments say.
    pub(crate) async fn replay(
        self,
        arguments: &Arguments,
        server: &Server,
        verifier: &Verifier,
        wheels: &mut Wheels<'_>,
    ) -> anyhow::Result<Measured> {
        let (done, mut uploaded) = mpsc::unbounded_channel();
        let seconds = arguments.seconds;
        let uploading = async {
            let outcome = match self {
                Self::Rate(rate) => paced(rate, seconds, server, wheels, &done).await,
                Self::FlatOut => flat_out(seconds, arguments.connections, server, wheels, &done).await,
            };
            drop(done);
            outcome
        };
        let verifying = async {
            let (mut answered, mut verified) = (Vec::new(), Vec::new());
            let mut batch: Vec<Done> = Vec::new();
            while uploaded.recv_many(&mut batch, usize::MAX).await > 0 {
                answered.extend(batch.iter().map(|done| done.answered - done.due));
                // Going flat out, a client that looked at all, or all the time, would be what is measured.
                let wanted = if self == Self::FlatOut { 1 } else { batch.len() };
                let looked_at = &batch[batch.len() - wanted..];
                verifier.verify(&looked_at.iter().map(|done| &*done.wheel).collect::<Vec<_>>()).await?;
                let now = Instant::now();
                verified.extend(looked_at.iter().map(|done| now - done.due));
                batch.clear();
                if self == Self::FlatOut {
                    sleep_until(now + BETWEEN_LOOKS).await;
                }
            }
            anyhow::Ok((answered, verified))
        };
        let (elapsed, (answered, verified)) = tokio::try_join!(uploading, verifying)?;
        Ok(Measured { answered, verified, elapsed })
    }
}

/// In the stream's rhythm, faster or slower so that the last one is due at the end; none waits for another.
async fn paced(
    rate: f64,
    seconds: u64,
    server: &Server,
    wheels: &mut Wheels<'_>,
    done: &mpsc::UnboundedSender<Done>,
) -> anyhow::Result<Duration> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number, and positive"
    )]
    let count = (rate * seconds as f64).ceil() as usize;
    let wheels = wheels.take(count)?;
    let (first, last) = wheels.first().zip(wheels.last()).context("there is nothing to upload")?;
    let (begin, length) = (first.at, (last.at - first.at).max(f64::MIN_POSITIVE));
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let faster = length / seconds as f64;
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let (start, mut uploads) = (Instant::now(), JoinSet::new());
    for wheel in wheels {
        let due = start + Duration::from_secs_f64((wheel.at - begin) / faster);
        sleep_until(due).await;
        let connection = match idle.lock().await.pop() {
            Some(connection) => connection,
            None => Connection::open(server).await?,
        };
        uploads.spawn(upload(connection, Arc::new(wheel), due, done.clone(), Arc::clone(&idle)));
    }
    while let Some(upload) = uploads.join_next().await {
        upload??;
    }
    Ok(start.elapsed())
}

async fn upload(
    mut connection: Connection,
    wheel: Arc<Wheel>,
    due: Instant,
    done: mpsc::UnboundedSender<Done>,
    idle: Arc<Mutex<Vec<Connection>>>,
) -> anyhow::Result<()> {
    connection.upload(&wheel).await?;
    done.send(Done { wheel, due, answered: Instant::now() }).ok().context("nobody counts")?;
    idle.lock().await.push(connection);
    Ok(())
}

/// On every connection the next one as soon as the one before is answered.
async fn flat_out(
    seconds: u64,
    connections: usize,
    server: &Server,
    wheels: &mut Wheels<'_>,
    done: &mpsc::UnboundedSender<Done>,
) -> anyhow::Result<Duration> {
    let mut ready = wheels.take(usize::try_from(seconds)?.saturating_mul(MOST_A_SECOND))?;
    ready.reverse();
    let ready = Arc::new(std::sync::Mutex::new(ready));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(server).await?);
    }
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut workers = JoinSet::new();
    for mut connection in open {
        let (ready, done) = (Arc::clone(&ready), done.clone());
        workers.spawn(async move {
            while Instant::now() < end {
                let next = ready.lock().map_err(|_| anyhow::anyhow!("another worker failed"))?.pop();
                let wheel = Arc::new(next.context("all wheels are uploaded before the time is over")?);
                let due = Instant::now();
                connection.upload(&wheel).await?;
                done.send(Done { wheel, due, answered: Instant::now() }).ok().context("nobody counts")?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(start.elapsed())
}

impl FromStr for Pace {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "flat-out" {
            return Ok(Self::FlatOut);
        }
        let form = || format!("{text} is not like 7.4/min, 20/s or flat-out");
        let (number, unit) = text.split_once('/').with_context(form)?;
        let seconds = match unit {
            "s" => 1.0,
            "min" => 60.0,
            _ => anyhow::bail!(form()),
        };
        let rate = number.parse::<f64>().with_context(form)? / seconds;
        anyhow::ensure!(rate > 0.0 && rate <= 1000.0, "{text} is not between 0 and 1,000 a second");
        Ok(Self::Rate(rate))
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) if *rate < 2.0 => write!(formatter, "{:.1} a minute", rate * 60.0),
            Self::Rate(rate) => write!(formatter, "{rate:.0} a second"),
            Self::FlatOut => formatter.write_str("flat out"),
        }
    }
}
