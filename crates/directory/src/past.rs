//! Files that nobody holds any more: who registered each of them first, and in which order (S4.4).
//!
//! Whoever asks for one learns that it is known and has no source; whoever registers it again does not become its first
//! registrar by that. Laws: a file is either held or here; there are as many here as the limits allow, and beyond that
//! those that were registered longest ago are forgotten, each of which is told once.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use core::ops::Bound;

use drizzle_model::{ContentHash, FileKey, Mtime, PeerId, RelPath};

use crate::files::{File, least_of_name};
use crate::quota::limits::{PAST_FILES_MAX, PAST_NAME_BYTES_MAX};
use crate::version::Version;

/// How a file came into the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The newest modification time that it was registered with.
    pub(crate) mtime: Mtime,
    /// Who registered it first.
    pub(crate) registrar: PeerId,
    /// When that was.
    pub(crate) registered: Version,
}

#[derive(Debug, Default)]
pub(crate) struct Past {
    by_key: BTreeMap<Arc<FileKey>, Origin>,
    by_hash: BTreeSet<(ContentHash, Version)>,
    by_age: BTreeMap<Version, Arc<FileKey>>,
    name_bytes: usize,
    forgotten: VecDeque<Arc<FileKey>>,
}

impl Past {
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Keeps a file that has lost its last holder.
    pub(crate) fn keep(&mut self, file: File) {
        let File { key, mtime, registrar, registered, .. } = file;
        self.put(key, Origin { mtime, registrar, registered });
        self.trim();
    }

    /// Puts a file in, however many there are.
    pub(crate) fn put(&mut self, key: Arc<FileKey>, origin: Origin) {
        self.take(&key);
        self.name_bytes += key.name.as_str().len();
        self.by_hash.insert((key.hash, origin.registered));
        self.by_age.insert(origin.registered, Arc::clone(&key));
        self.by_key.insert(key, origin);
    }

    /// Takes a file out that is held again.
    pub(crate) fn take(&mut self, key: &FileKey) -> Option<Origin> {
        let origin = self.by_key.remove(key)?;
        self.name_bytes -= key.name.as_str().len();
        self.by_hash.remove(&(key.hash, origin.registered));
        self.by_age.remove(&origin.registered);
        Some(origin)
    }

    /// Forgets what is more than the limits allow.
    pub(crate) fn trim(&mut self) {
        while (self.len() > PAST_FILES_MAX || self.name_bytes > PAST_NAME_BYTES_MAX)
            && let Some((_, key)) = self.by_age.first_key_value()
        {
            let key = Arc::clone(key);
            self.take(&key);
            self.forgotten.push_back(key);
        }
    }

    /// The files that were forgotten, each once.
    pub(crate) fn poll_forgotten(&mut self) -> Option<Arc<FileKey>> {
        self.forgotten.pop_front()
    }

    /// All files of that name.
    pub(crate) fn named<'a>(
        &'a self,
        name: &'a RelPath,
    ) -> impl Iterator<Item = (&'a Arc<FileKey>, &'a Origin)> {
        let least = least_of_name(name);
        self.by_key
            .range::<FileKey, _>((Bound::Included(&least), Bound::Unbounded))
            .take_while(move |(key, _)| key.name == *name)
    }

    /// All files of that content, whatever their names.
    pub(crate) fn of_hash(&self, hash: ContentHash) -> impl Iterator<Item = (&Arc<FileKey>, &Origin)> {
        let ages = self.by_hash.range((hash, Version::MIN)..=(hash, Version::MAX));
        ages.filter_map(|(_, age)| self.by_key.get_key_value(self.by_age.get(age)?))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<FileKey>> {
        self.by_key.keys()
    }

    pub(crate) fn check_invariants(&self) {
        for (key, origin) in &self.by_key {
            assert_eq!(self.by_age.get(&origin.registered), Some(key), "the past file {} by age", key.name);
            assert!(
                self.by_hash.contains(&(key.hash, origin.registered)),
                "the past file {} by hash",
                key.name
            );
        }
        let count = self.len();
        assert_eq!((self.by_age.len(), self.by_hash.len()), (count, count), "all ways to a past file");
        let name_bytes: usize = self.keys().map(|key| key.name.as_str().len()).sum();
        assert_eq!(self.name_bytes, name_bytes, "bytes of past names");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use drizzle_model::ContentKind;

    /// A member that registers and takes back names without end must not make the tracker hold them all.
    #[test]
    fn the_oldest_are_forgotten_and_told() {
        let mut past = Past::default();
        let mut registered = Version::default();
        let mut keys = Vec::new();
        for number in 0..PAST_FILES_MAX + 3 {
            let key = Arc::new(FileKey {
                name: RelPath::new(&format!("{number:09}")).unwrap(),
                hash: ContentHash::from_bytes([7; 32]),
                size: 1,
                chunks: 1,
                kind: ContentKind::File,
            });
            registered.advance();
            past.put(
                Arc::clone(&key),
                Origin { mtime: Mtime::default(), registrar: PeerId::from_bytes([1; 32]), registered },
            );
            past.trim();
            keys.push(key);
        }
        let forgotten: Vec<_> = core::iter::from_fn(|| past.poll_forgotten()).collect();
        assert_eq!(forgotten, keys[..3]);
        assert_eq!(past.len(), PAST_FILES_MAX);
        assert_eq!(past.of_hash(ContentHash::from_bytes([7; 32])).count(), PAST_FILES_MAX);
        past.check_invariants();
    }
}
