//! Who reported which source of which file as bad.
//!
//! A report outlives the one who made it, who often leaves once the download is done, but not the pair that it is about.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use drizzle_model::PeerId;

use crate::files::FileId;
use crate::peers::PeerNumber;
use crate::quota::limits::{REPORTS_MAX, REPORTS_PER_HOLDING_MAX};

#[derive(Debug, Default)]
pub(crate) struct Suspicions(BTreeSet<(FileId, PeerNumber, PeerId)>);

impl Suspicions {
    /// Notes a report; says whether it is new, or why there is no room for it.
    pub(crate) fn add(&mut self, file: FileId, source: PeerNumber, reporter: PeerId) -> Result<bool, NoRoom> {
        if self.0.contains(&(file, source, reporter)) {
            return Ok(false);
        }
        if self.0.len() >= REPORTS_MAX || self.count(file, source) >= REPORTS_PER_HOLDING_MAX {
            return Err(NoRoom);
        }
        Ok(self.0.insert((file, source, reporter)))
    }

    /// How many peers reported the source.
    pub(crate) fn count(&self, file: FileId, source: PeerNumber) -> usize {
        self.of(file, source).count()
    }

    pub(crate) fn forget(&mut self, file: FileId, source: PeerNumber) {
        let reports: Vec<_> = self.of(file, source).copied().collect();
        for report in reports {
            self.0.remove(&report);
        }
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (FileId, PeerNumber)> {
        self.0.iter().map(|&(file, source, _)| (file, source))
    }

    fn of(&self, file: FileId, source: PeerNumber) -> impl Iterator<Item = &(FileId, PeerNumber, PeerId)> {
        let [least, most] = [[0; 32], [0xff; 32]].map(PeerId::from_bytes);
        self.0.range((file, source, least)..=(file, source, most))
    }
}

/// As many reports are remembered as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;
