//! The repository engine: layouts, transaction log, snapshot process, storage.
