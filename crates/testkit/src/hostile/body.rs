//! Sends bodies in every wrong way, never more than a limit.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::behaviour::Framing;

const BLOCK: [u8; 16 * 1024] = [b' '; 16 * 1024];
/// A slow body is sent in at most this many pieces a second.
const MAX_PIECES_PER_SECOND: u32 = 10;

/// Writes body bytes to a connection, counts them, and stops at a limit.
pub(super) struct BodyWriter<'a> {
    pub(super) stream: &'a mut TcpStream,
    pub(super) left: u64,
    pub(super) sent: &'a AtomicU64,
}

impl BodyWriter<'_> {
    /// Sends `bytes`, or as much of them as the limit leaves.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        for block in bytes.chunks(BLOCK.len()) {
            self.stream.write_all(block).await?;
            self.left -= block.len() as u64;
            self.sent.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sends `start` and then spaces until the limit is reached.
    pub(super) async fn send_endlessly(&mut self, start: &[u8], framing: Framing) -> io::Result<()> {
        let mut next = if start.is_empty() { &BLOCK[..] } else { start };
        while self.left > 0 {
            if framing == Framing::Chunked {
                self.stream.write_all(format!("{:x}\r\n", next.len()).as_bytes()).await?;
            }
            self.send(next).await?;
            if framing == Framing::Chunked {
                self.stream.write_all(b"\r\n").await?;
            }
            next = &BLOCK;
        }
        Ok(())
    }

    /// Sends `bytes` evenly at this rate.
    pub(super) async fn drip(&mut self, bytes: &[u8], bytes_per_second: u32) -> io::Result<()> {
        let bytes_per_second = bytes_per_second.max(1);
        let pieces_per_second = bytes_per_second.min(MAX_PIECES_PER_SECOND);
        let piece = (bytes_per_second / pieces_per_second).max(1) as usize;
        for piece in bytes.chunks(piece) {
            self.send(piece).await?;
            self.stream.flush().await?;
            sleep(Duration::from_secs(1) / pieces_per_second).await;
        }
        Ok(())
    }
}
