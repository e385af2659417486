//! Things that take some round trips, begun before anybody wants them.
//!
//! Each is known by a name, and is taken once. What nobody takes ends with the one who began it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

/// What was begun and not taken yet. Clones are the same.
pub(crate) struct Ahead<K, T>(Arc<Mutex<HashMap<K, JoinHandle<T>>>>);

/// What one caller began: as long as this lives, it can be taken.
pub(crate) struct Begun<K: Hash + Eq, T> {
    ahead: Ahead<K, T>,
    names: Vec<K>,
}

impl<K: Hash + Eq + Clone, T: Send + 'static> Ahead<K, T> {
    /// Begins each of these that is not begun already.
    pub(crate) fn begin<F>(&self, of: impl IntoIterator<Item = (K, F)>) -> Begun<K, T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut begun = self.lock();
        let mut names = Vec::new();
        for (name, task) in of {
            if !begun.contains_key(&name) {
                begun.insert(name.clone(), tokio::spawn(task));
                names.push(name);
            }
        }
        Begun { ahead: self.clone(), names }
    }

    /// What came of the one of that name, as soon as it is there; none when nobody began it.
    pub(crate) async fn take(&self, name: &K) -> Option<T> {
        let task = self.lock().remove(name)?;
        // It fails only when it panicked or the process ends.
        task.await.ok()
    }
}

impl<K, T> Ahead<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, JoinHandle<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, T> Drop for Begun<K, T> {
    fn drop(&mut self) {
        let mut ahead = self.ahead.lock();
        self.names.iter().filter_map(|name| ahead.remove(name)).for_each(|task| task.abort());
    }
}

impl<K, T> Clone for Ahead<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Ahead<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq, T> fmt::Debug for Begun<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("count", &self.names.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Would fail if what was begun were begun again, or given to two who want it.
    #[tokio::test]
    async fn each_is_begun_once_and_taken_once() {
        let (ahead, runs) = (Ahead::default(), Arc::new(AtomicUsize::new(0)));
        let task = || {
            let runs = Arc::clone(&runs);
            async move { runs.fetch_add(1, Ordering::Relaxed) }
        };
        let _first = ahead.begin([("a", task()), ("b", task())]);
        let second = ahead.begin([("a", task())]);
        drop(second);
        assert!(ahead.take(&"a").await.is_some(), "it belongs to the first");
        assert!(ahead.take(&"a").await.is_none());
        assert!(ahead.take(&"b").await.is_some());
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }

    /// Would fail if what nobody wants were held for good.
    #[tokio::test]
    async fn what_nobody_takes_ends_with_who_began_it() {
        let (ahead, held) = (Ahead::default(), Arc::new(()));
        let keeps = Arc::clone(&held);
        let begun = ahead.begin([((), async move {
            let _keeps = keeps;
            pending::<()>().await;
        })]);
        drop(begun);
        assert!(ahead.take(&()).await.is_none());
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
