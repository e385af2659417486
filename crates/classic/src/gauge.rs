//! How far a fetch is, to be looked at from outside whenever it pleases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a fetch is. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    done: AtomicU64,
    /// Zero while it is not known.
    total: AtomicU64,
}

impl Gauge {
    /// How many bytes of the file came at the most, and how many there are, where anything says so.
    ///
    /// A bare reply is fetched more than once, so this may stand still while bytes come that were there before.
    pub fn read(&self) -> (u64, Option<u64>) {
        let total = self.0.total.load(Ordering::Relaxed);
        (self.0.done.load(Ordering::Relaxed), (total > 0).then_some(total))
    }

    pub(crate) fn announced(&self, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn reached(&self, done: u64) {
        self.0.done.fetch_max(done, Ordering::Relaxed);
    }

    /// Another source begins anew.
    pub(crate) fn clear(&self) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(0, Ordering::Relaxed);
    }
}
