//! Every bound that a user can set: one list, for settings files, flags, error messages and documentation.

use std::fmt;
use std::time::Duration;

use crate::client::ClientSettings;
use crate::error::Error;

/// A bound of [`ClientSettings`] that a user can set by its name. `docs/limits.md` says of each what it bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Bound {
    /// Bytes of one root metadata file.
    MaxRootBytes,
    /// Bytes of the timestamp.
    MaxTimestampBytes,
    /// Bytes of the snapshot.
    MaxSnapshotBytes,
    /// Bytes of one targets role's metadata.
    MaxTargetsBytes,
    /// New root versions in one refresh.
    MaxRootVersions,
    /// Delegated roles visited in search of one target.
    MaxDelegations,
    /// Bytes of one index page.
    MaxPageBytes,
    /// Bytes of one file.
    MaxFileBytes,
    /// Bytes of the core metadata beside a file.
    MaxCoreMetadataBytes,
    /// Bytes that the cache of verified files may hold.
    MaxCacheBytes,
    /// Seconds until a connection stands.
    ConnectSeconds,
    /// Seconds from a request to the head of its answer.
    FirstByteSeconds,
    /// The lowest average rate of a transfer, in bytes a second.
    MinBytesPerSecond,
    /// Seconds over which that average is taken.
    RateWindowSeconds,
    /// Seconds for one transfer of metadata or of a page.
    MetadataTransferSeconds,
    /// Seconds for one transfer of a file.
    FileTransferSeconds,
    /// Seconds for all metadata of one refresh, or of one lookup.
    UpdateSeconds,
    /// Seconds to wait for another process that refreshes the same repository.
    LockWaitSeconds,
}

const MAX_BYTES: u64 = 1 << 40;
const MAX_COUNT: u64 = 1_000_000;
const MAX_SECONDS: u64 = 365 * 24 * 3600;

impl Bound {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::MaxRootBytes,
        Self::MaxTimestampBytes,
        Self::MaxSnapshotBytes,
        Self::MaxTargetsBytes,
        Self::MaxRootVersions,
        Self::MaxDelegations,
        Self::MaxPageBytes,
        Self::MaxFileBytes,
        Self::MaxCoreMetadataBytes,
        Self::MaxCacheBytes,
        Self::ConnectSeconds,
        Self::FirstByteSeconds,
        Self::MinBytesPerSecond,
        Self::RateWindowSeconds,
        Self::MetadataTransferSeconds,
        Self::FileTransferSeconds,
        Self::UpdateSeconds,
        Self::LockWaitSeconds,
    ];

    /// Its name in settings; the unit is part of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxRootBytes => "max_root_bytes",
            Self::MaxTimestampBytes => "max_timestamp_bytes",
            Self::MaxSnapshotBytes => "max_snapshot_bytes",
            Self::MaxTargetsBytes => "max_targets_bytes",
            Self::MaxRootVersions => "max_root_versions",
            Self::MaxDelegations => "max_delegations",
            Self::MaxPageBytes => "max_page_bytes",
            Self::MaxFileBytes => "max_file_bytes",
            Self::MaxCoreMetadataBytes => "max_core_metadata_bytes",
            Self::MaxCacheBytes => "max_cache_bytes",
            Self::ConnectSeconds => "connect_seconds",
            Self::FirstByteSeconds => "first_byte_seconds",
            Self::MinBytesPerSecond => "min_bytes_per_second",
            Self::RateWindowSeconds => "rate_window_seconds",
            Self::MetadataTransferSeconds => "metadata_transfer_seconds",
            Self::FileTransferSeconds => "file_transfer_seconds",
            Self::UpdateSeconds => "update_seconds",
            Self::LockWaitSeconds => "lock_wait_seconds",
        }
    }

    /// The bound of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bound| bound.name() == name)
    }

    /// What it is in `settings`, in the unit that its name says.
    #[must_use]
    pub fn value(self, settings: &ClientSettings) -> u64 {
        let (metadata, fetch) = (&settings.metadata, &settings.metadata_fetch);
        match self {
            Self::MaxRootBytes => metadata.max_root_bytes,
            Self::MaxTimestampBytes => metadata.max_timestamp_bytes,
            Self::MaxSnapshotBytes => metadata.max_snapshot_bytes,
            Self::MaxTargetsBytes => metadata.max_targets_bytes,
            Self::MaxRootVersions => metadata.max_root_versions,
            Self::MaxDelegations => metadata.max_delegations as u64,
            Self::MaxPageBytes => settings.page.max_page_bytes as u64,
            Self::MaxFileBytes => settings.max_file_bytes,
            Self::MaxCoreMetadataBytes => settings.max_core_metadata_bytes,
            Self::MaxCacheBytes => settings.max_cache_bytes,
            Self::ConnectSeconds => fetch.connect.as_secs(),
            Self::FirstByteSeconds => fetch.first_byte.as_secs(),
            Self::MinBytesPerSecond => fetch.min_bytes_per_second,
            Self::RateWindowSeconds => fetch.rate_window.as_secs(),
            Self::MetadataTransferSeconds => fetch.total.as_secs(),
            Self::FileTransferSeconds => settings.file_fetch.total.as_secs(),
            Self::UpdateSeconds => settings.update_total.as_secs(),
            Self::LockWaitSeconds => settings.lock_wait.as_secs(),
        }
    }

    /// Sets it in `settings`: metadata and files alike, where the name speaks of neither.
    ///
    /// # Errors
    /// [`Error::BoundRange`]: a bound that allows nothing, or as good as everything.
    pub fn set(self, settings: &mut ClientSettings, value: u64) -> Result<(), Error> {
        let (least, most) = self.range();
        if !(least..=most).contains(&value) {
            return Err(Error::BoundRange { bound: self, value, least, most });
        }
        let count = || usize::try_from(value).unwrap_or(usize::MAX);
        let seconds = Duration::from_secs(value);
        let (metadata, fetches) =
            (&mut settings.metadata, [&mut settings.metadata_fetch, &mut settings.file_fetch]);
        match self {
            Self::MaxRootBytes => metadata.max_root_bytes = value,
            Self::MaxTimestampBytes => metadata.max_timestamp_bytes = value,
            Self::MaxSnapshotBytes => metadata.max_snapshot_bytes = value,
            Self::MaxTargetsBytes => metadata.max_targets_bytes = value,
            Self::MaxRootVersions => metadata.max_root_versions = value,
            Self::MaxDelegations => metadata.max_delegations = count(),
            Self::MaxPageBytes => settings.page.max_page_bytes = count(),
            Self::MaxFileBytes => settings.max_file_bytes = value,
            Self::MaxCoreMetadataBytes => settings.max_core_metadata_bytes = value,
            Self::MaxCacheBytes => settings.max_cache_bytes = value,
            Self::ConnectSeconds => fetches.into_iter().for_each(|fetch| fetch.connect = seconds),
            Self::FirstByteSeconds => fetches.into_iter().for_each(|fetch| fetch.first_byte = seconds),
            Self::MinBytesPerSecond => {
                fetches.into_iter().for_each(|fetch| fetch.min_bytes_per_second = value);
            }
            Self::RateWindowSeconds => fetches.into_iter().for_each(|fetch| fetch.rate_window = seconds),
            Self::MetadataTransferSeconds => settings.metadata_fetch.total = seconds,
            Self::FileTransferSeconds => settings.file_fetch.total = seconds,
            Self::UpdateSeconds => settings.update_total = seconds,
            Self::LockWaitSeconds => settings.lock_wait = seconds,
        }
        Ok(())
    }

    /// The values that make sense. Without a minimum rate, the total times still end every transfer.
    fn range(self) -> (u64, u64) {
        match self {
            Self::MaxRootVersions => (1, MAX_COUNT),
            Self::MaxDelegations => (0, MAX_COUNT),
            Self::MinBytesPerSecond | Self::MaxCacheBytes => (0, MAX_BYTES),
            Self::MaxRootBytes
            | Self::MaxTimestampBytes
            | Self::MaxSnapshotBytes
            | Self::MaxTargetsBytes
            | Self::MaxPageBytes
            | Self::MaxFileBytes
            | Self::MaxCoreMetadataBytes => (1, MAX_BYTES),
            Self::ConnectSeconds
            | Self::FirstByteSeconds
            | Self::RateWindowSeconds
            | Self::MetadataTransferSeconds
            | Self::FileTransferSeconds
            | Self::UpdateSeconds
            | Self::LockWaitSeconds => (1, MAX_SECONDS),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_set_by_its_name_and_no_other_changes() {
        for bound in Bound::ALL {
            assert_eq!(Bound::named(bound.name()), Some(bound));
            let (before, mut settings) = (ClientSettings::new("cache"), ClientSettings::new("cache"));
            let (least, most) = bound.range();
            bound.set(&mut settings, least + 7).unwrap();
            assert_eq!(bound.value(&settings), least + 7, "{bound}");
            for other in Bound::ALL.into_iter().filter(|other| *other != bound) {
                assert_eq!(other.value(&settings), other.value(&before), "{other} when {bound} is set");
            }
            for value in [least, most] {
                bound.set(&mut settings, value).unwrap();
            }
            for value in [least.checked_sub(1), Some(most + 1)].into_iter().flatten() {
                let refused = bound.set(&mut settings, value);
                assert!(matches!(refused, Err(Error::BoundRange { .. })), "{bound} {value}: {refused:?}");
            }
        }
        assert_eq!(Bound::named("max_everything"), None);
    }

    /// `docs/limits.md` is what users read: each bound is there with its default.
    #[test]
    fn the_documentation_lists_each_bound_and_its_default() {
        let page = include_str!("../../../docs/limits.md");
        let documented: Vec<(String, String)> = page
            .lines()
            .take_while(|line| *line != "## What is fixed")
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
                let name = cells.next()?.trim_end_matches('`').to_owned();
                let default = cells.nth(1)?.split(' ').next()?.replace(',', "");
                Some((name, default))
            })
            .collect();
        let settings = ClientSettings::new("cache");
        let expected: Vec<_> =
            Bound::ALL.map(|bound| (bound.name().to_owned(), bound.value(&settings).to_string())).into();
        assert_eq!(documented, expected);
    }
}
