//! The turns in which a batch is worked through, so that nobody waits for another's batch: a turn is what can be done under one hold
//! of the directory's lock.
//!
//! Most things take as long as each other. Those that do not are those that say much about chunks: a run of them is a few bytes in a
//! request, and a walk over megabytes in the directory.

use drizzle_directory::{Claim, Registration};
use drizzle_model::{ChunkRun, FileKey};

use crate::batch::split;
use crate::limits::{FILES_PER_TURN, WORDS_LIKE_A_FILE};

/// A file, and chunks of it.
pub(crate) type FileRuns = (FileKey, Vec<ChunkRun>);

/// How much work something is, in files.
pub(crate) trait Work {
    fn work(&self) -> usize;
}

impl Work for FileKey {
    fn work(&self) -> usize {
        1
    }
}

impl Work for FileRuns {
    fn work(&self) -> usize {
        let (_, runs) = self;
        let chunks: u64 = runs.iter().map(|run| u64::from(run.last.saturating_sub(run.first))).sum();
        files_like(chunks, runs.len())
    }
}

impl Work for Registration {
    fn work(&self) -> usize {
        match &self.claim {
            Claim::All => 1,
            Claim::Bits(_) => files_like(u64::from(self.key.chunks), 0),
            Claim::Runs(runs) => files_like(u64::from(self.key.chunks), runs.len()),
        }
    }
}

fn files_like(chunks: u64, runs: usize) -> usize {
    let words = chunks / 64 + runs as u64;
    usize::try_from(words / WORDS_LIKE_A_FILE).unwrap_or(usize::MAX).saturating_add(1)
}

/// The things in their order, in turns; what takes longer than a turn has one alone.
pub(crate) fn turns<T: Work>(things: Vec<T>) -> Vec<Vec<T>> {
    split(things.into_iter(), Work::work, FILES_PER_TURN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::{ContentHash, ContentKind, Mtime, RelPath};

    fn key(chunks: u32) -> FileKey {
        FileKey {
            name: RelPath::new("a").unwrap(),
            hash: ContentHash::from_bytes([1; 32]),
            size: u64::MAX,
            chunks,
            kind: ContentKind::Folder,
        }
    }

    fn lens<T: Work>(things: Vec<T>) -> Vec<usize> {
        turns(things).iter().map(Vec::len).collect()
    }

    #[test]
    fn ordinary_things_come_many_to_a_turn() {
        let few = || (key(1000), vec![ChunkRun { first: 0, last: 999 }]);
        assert_eq!(lens(vec![key(1); 300]), [128, 128, 44]);
        assert_eq!(lens(vec![few(); 300]), [128, 128, 44]);
    }

    /// Short runs that cover much must not hold the lock for as many files as ordinary ones do.
    #[test]
    fn what_covers_many_chunks_comes_few_to_a_turn() {
        let runs = || vec![ChunkRun { first: 0, last: (1 << 20) - 1 }];
        let register = |claim| Registration { key: key(1 << 20), mtime: Mtime::default(), claim };
        assert_eq!(lens(vec![(key(1 << 20), runs()); 20]), [7, 7, 6]);
        assert_eq!(lens(vec![register(Claim::Runs(runs())); 20]), [7, 7, 6]);
        assert_eq!(lens(vec![register(Claim::All); 20]), [20]);
        let backwards = vec![ChunkRun { first: u32::MAX, last: 0 }; 3];
        assert_eq!(lens(vec![(key(1), backwards)]), [1]);
        let endless = vec![ChunkRun { first: 0, last: u32::MAX }; 3];
        assert_eq!(lens(vec![(key(1), endless); 3]), [1, 1, 1]);
    }
}
