//! What the tracker is to know of this peer, and what it knows already: a small pure structure.
//!
//! Law: something counts as told only when the tracker has said yes to it. So a call that fails loses nothing, and a
//! tracker that forgot everything is told everything again.

use std::collections::{HashMap, HashSet};

use drizzle_model::{Bitmap, ChunkRun, FileKey, Mtime};
use drizzle_tracker::{Claim, Registration};

#[derive(Debug)]
struct Registered {
    mtime: Mtime,
    have: Bitmap,
    /// What the tracker knows; none when it does not know the content from this peer.
    told: Option<Bitmap>,
}

/// The contents of which this peer has something, and those that it took back.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    registered: HashMap<FileKey, Registered>,
    withdrawn: HashSet<FileKey>,
}

/// What the tracker does not know yet.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// To be registered, each with what of it is here.
    pub(crate) registrations: Vec<Registration>,
    /// Chunks that came since.
    pub(crate) chunks: Vec<(FileKey, Vec<ChunkRun>)>,
    /// To be taken back.
    pub(crate) withdrawn: Vec<FileKey>,
}

impl Registry {
    /// This is here now. Chunks may have come or gone since it was said last.
    pub(crate) fn update(&mut self, key: FileKey, mtime: Mtime, have: Bitmap) {
        self.withdrawn.remove(&key);
        let registered = self.registered.entry(key).or_insert_with(|| Registered {
            mtime,
            have: Bitmap::empty(have.len()),
            told: None,
        });
        // Chunks that are gone can only be told by registering anew.
        if registered.have.iter().any(|chunk| !have.contains(chunk)) {
            registered.told = None;
        }
        (registered.mtime, registered.have) = (mtime, have);
    }

    /// This is here no longer.
    pub(crate) fn withdraw(&mut self, key: &FileKey) {
        if self.registered.remove(key).is_some() {
            self.withdrawn.insert(key.clone());
        }
    }

    /// The tracker knows nothing of this peer any more.
    pub(crate) fn forgotten(&mut self) {
        self.registered.values_mut().for_each(|registered| registered.told = None);
        self.withdrawn.clear();
    }

    /// What the tracker is to be told.
    pub(crate) fn untold(&self) -> Untold {
        let mut untold = Untold { withdrawn: self.withdrawn.iter().cloned().collect(), ..Untold::default() };
        for (key, registered) in &self.registered {
            match &registered.told {
                None => untold.registrations.push(registration(key, registered)),
                Some(told) if told.count() < registered.have.count() => {
                    let mut fresh = registered.have.clone();
                    for chunk in told.iter() {
                        fresh.remove(chunk);
                    }
                    untold.chunks.push((key.clone(), fresh.runs().collect()));
                }
                Some(_) => {}
            }
        }
        untold
    }

    /// The tracker said yes to this registration.
    pub(crate) fn is_told(&mut self, registration: &Registration) {
        if let Some(registered) = self.registered.get_mut(&registration.key) {
            registered.told = Some(match &registration.claim {
                Claim::Runs(runs) => bitmap_of(registered.have.len(), runs),
                _ => registered.have.clone(),
            });
        }
    }

    /// The tracker took these chunks, or, if it did not, has to be told of the whole anew.
    pub(crate) fn chunks_told(&mut self, key: &FileKey, runs: &[ChunkRun], is_taken: bool) {
        let Some(registered) = self.registered.get_mut(key) else { return };
        match &mut registered.told {
            Some(told) if is_taken => runs.iter().for_each(|&run| told.insert_run(run)),
            told => *told = None,
        }
    }

    /// The tracker took these back.
    pub(crate) fn withdrawals_told(&mut self, keys: &[FileKey]) {
        keys.iter().for_each(|key| drop(self.withdrawn.take(key)));
    }
}

fn bitmap_of(len: u32, runs: &[ChunkRun]) -> Bitmap {
    let mut bitmap = Bitmap::empty(len);
    runs.iter().for_each(|&run| bitmap.insert_run(run));
    bitmap
}

fn registration(key: &FileKey, registered: &Registered) -> Registration {
    let have = &registered.have;
    let claim = if have.is_full() { Claim::All } else { Claim::Runs(have.runs().collect()) };
    Registration { key: key.clone(), mtime: registered.mtime, claim }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::{ContentHash, ContentKind, RelPath};

    fn key() -> FileKey {
        let (name, hash) = (RelPath::new("a").unwrap(), ContentHash::from_bytes([1; 32]));
        FileKey { name, hash, size: 1, chunks: 10, kind: ContentKind::File }
    }

    fn have(runs: &[(u32, u32)]) -> Bitmap {
        bitmap_of(10, &runs.iter().map(|&(first, last)| ChunkRun { first, last }).collect::<Vec<_>>())
    }

    /// Tells a tracker that says yes to everything; says what it was told.
    fn tell(registry: &mut Registry) -> (usize, Vec<ChunkRun>, usize) {
        let untold = registry.untold();
        untold.registrations.iter().for_each(|registration| registry.is_told(registration));
        untold.chunks.iter().for_each(|(key, runs)| registry.chunks_told(key, runs, true));
        registry.withdrawals_told(&untold.withdrawn);
        let runs = untold.chunks.into_iter().flat_map(|(_, runs)| runs).collect();
        (untold.registrations.len(), runs, untold.withdrawn.len())
    }

    #[test]
    fn what_is_new_is_told_once() {
        let mut registry = Registry::default();
        registry.update(key(), Mtime::default(), have(&[]));
        assert_eq!(tell(&mut registry), (1, vec![], 0));
        registry.update(key(), Mtime::default(), have(&[(2, 4)]));
        assert_eq!(tell(&mut registry), (0, vec![ChunkRun { first: 2, last: 4 }], 0));
        assert_eq!(tell(&mut registry), (0, vec![], 0));
        registry.withdraw(&key());
        assert_eq!(tell(&mut registry), (0, vec![], 1));
        assert_eq!(tell(&mut registry), (0, vec![], 0));
    }

    #[test]
    fn what_was_not_taken_is_told_again_and_as_a_whole() {
        let mut registry = Registry::default();
        registry.update(key(), Mtime::default(), have(&[(0, 1)]));
        assert_eq!(registry.untold().registrations.len(), 1);
        assert_eq!(tell(&mut registry).0, 1);
        registry.update(key(), Mtime::default(), have(&[(0, 5)]));
        registry.chunks_told(&key(), &[ChunkRun { first: 2, last: 5 }], false);
        assert_eq!(tell(&mut registry), (1, vec![], 0));
        registry.forgotten();
        assert_eq!(tell(&mut registry), (1, vec![], 0));
    }

    #[test]
    fn chunks_that_are_gone_are_told_by_registering_anew() {
        let mut registry = Registry::default();
        registry.update(key(), Mtime::default(), have(&[(0, 9)]));
        tell(&mut registry);
        registry.update(key(), Mtime::default(), have(&[(0, 3)]));
        assert_eq!(tell(&mut registry), (1, vec![], 0));
    }
}
