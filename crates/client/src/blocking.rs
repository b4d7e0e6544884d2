//! Work that blocks.

/// Up to here it takes longer to hand bytes to another thread than to read or write them, and hash them, in this one.
const FEW_BYTES: u64 = 128 << 10;

/// Does work on so many bytes of a file: on few at once, on many in a thread that may block. `None` when that has failed.
pub(crate) async fn beside<T: Send + 'static>(
    bytes: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if bytes <= FEW_BYTES {
        return Some(work());
    }
    tokio::task::spawn_blocking(work).await.ok()
}
