//! Runs of chunks in their one form: rising, apart from each other, within the largest content.
//!
//! The form bounds what a frame can cost: no chunk is in it twice.

use alloc::vec::Vec;
use core::ops::Deref;

use drizzle_model::ChunkRun;

use crate::field::{Field, FieldError, Fields};
use crate::{CHUNKS_MAX, RUNS_MAX};

/// One run or more, as many as fit in a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runs(Vec<ChunkRun>);

impl Runs {
    /// As few frames' worth as hold the runs, which may come in any order and overlap. What is beyond the largest
    /// content, or ends before it begins, is left out.
    pub fn split(runs: impl IntoIterator<Item = ChunkRun>) -> impl Iterator<Item = Self> {
        let mut runs: Vec<_> = runs.into_iter().filter(is_run).collect();
        runs.sort_unstable_by_key(|run| run.first);
        runs.dedup_by(|next, kept| {
            let joins = next.first <= kept.last + 1;
            if joins {
                kept.last = kept.last.max(next.last);
            }
            joins
        });
        let mut runs = runs.into_iter();
        core::iter::from_fn(move || {
            let taken: Vec<_> = runs.by_ref().take(RUNS_MAX).collect();
            (!taken.is_empty()).then_some(Self(taken))
        })
    }
}

fn is_run(run: &ChunkRun) -> bool {
    run.first <= run.last && run.last < CHUNKS_MAX
}

impl Deref for Runs {
    type Target = [ChunkRun];

    fn deref(&self) -> &[ChunkRun] {
        &self.0
    }
}

impl Field for Runs {
    const LEN_MIN: usize = 2 + 8;
    const LEN_MAX: usize = 2 + 8 * RUNS_MAX;

    fn write(&self, out: &mut Vec<u8>) {
        (self.0.len() as u16).write(out);
        for run in &self.0 {
            run.first.write(out);
            run.last.write(out);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let count = u16::read(fields)?;
        if !(1..=RUNS_MAX).contains(&count.into()) {
            return Err(fields.value("1 to 1024 runs", count));
        }
        let mut runs: Vec<ChunkRun> = Vec::with_capacity(fields.room_for(count.into(), 8));
        for _ in 0..count {
            let run = ChunkRun { first: u32::read(fields)?, last: u32::read(fields)? };
            let is_apart = runs.last().is_none_or(|before| run.first > before.last + 1);
            if !is_run(&run) || !is_apart {
                return Err(fields.form("rising runs of chunks below 2^24 that do not touch"));
            }
            runs.push(run);
        }
        Ok(Self(runs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use drizzle_model::{Bitmap, ChunkIndex};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_split_holds_the_same_chunks(pairs in prop::collection::vec((0u32..500, 0u32..20), 0..100)) {
            let runs = pairs.into_iter().map(|(first, len)| ChunkRun { first, last: first + len });
            let model: BTreeSet<u32> = runs.clone().flat_map(|run| run.first..=run.last).collect();
            let split: Vec<_> = Runs::split(runs).collect();
            prop_assert!(split.len() <= 1);
            let mut bitmap = Bitmap::empty(600);
            split.iter().flat_map(|runs| runs.iter()).for_each(|run| bitmap.insert_run(*run));
            prop_assert!(bitmap.iter().map(ChunkIndex::number).eq(model));
        }
    }

    #[test]
    fn more_runs_than_fit_become_more_frames() {
        let runs = (0..2500).map(|i| ChunkRun { first: i * 2, last: i * 2 });
        let lens: Vec<_> = Runs::split(runs).map(|runs| runs.len()).collect();
        assert_eq!(lens, [1024, 1024, 452]);
    }

    #[test]
    fn what_is_no_run_is_left_out() {
        let run = |first, last| ChunkRun { first, last };
        assert_eq!(Runs::split([run(2, 1), run(0, CHUNKS_MAX), run(u32::MAX, u32::MAX)]).count(), 0);
    }
}
