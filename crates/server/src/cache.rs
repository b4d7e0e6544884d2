//! What was read once and is kept in memory, within a bound.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

/// Values by key, up to a number of bytes. A value that does not fit makes others leave, whichever they are: what is
/// asked for often comes back at once.
#[derive(Debug)]
pub(crate) struct BoundedCache<K, V> {
    max_bytes: u64,
    entries: RwLock<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    values: HashMap<K, (V, u64)>,
    bytes: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> BoundedCache<K, V> {
    /// An empty cache.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, entries: RwLock::new(Entries { values: HashMap::new(), bytes: 0 }) }
    }

    /// The value kept for `key`.
    pub(crate) fn value<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value that counts as `bytes`, unless that is a large part of the bound by itself.
    pub(crate) fn keep(&self, key: K, value: V, bytes: u64) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, old)) = entries.values.remove(&key) {
            entries.bytes -= old;
        }
        if bytes > self.max_bytes / 4 {
            return;
        }
        while entries.bytes + bytes > self.max_bytes {
            // The order of a hash map is as good as a random one, and differs in each process.
            let Some(victim) = entries.values.keys().next().cloned() else { break };
            if let Some((_, old)) = entries.values.remove(&victim) {
                entries.bytes -= old;
            }
        }
        entries.bytes += bytes;
        entries.values.insert(key, (value, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_within_its_bound() {
        let cache = BoundedCache::new(100);
        for key in 0..1000 {
            cache.keep(key, key, 10);
            assert_eq!(cache.value(&key), Some(key));
        }
        let entries = cache.entries.read().unwrap();
        assert_eq!((entries.values.len(), entries.bytes), (10, 100));
    }

    #[test]
    fn replaces_and_refuses_giants() {
        let cache = BoundedCache::new(100);
        cache.keep("a", 1, 10);
        cache.keep("a", 2, 20);
        assert_eq!(cache.value("a"), Some(2));
        cache.keep("a", 3, 90);
        assert_eq!(cache.value("a"), None);
        assert_eq!(cache.entries.read().unwrap().bytes, 0);
    }
}
