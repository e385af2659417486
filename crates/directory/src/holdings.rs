//! Who holds what: pairs of a file and a peer, found from either side.
//!
//! Two ordered tables hold all pairs, instead of a table in each file and each peer: a pair then costs the same, some 60
//! bytes, and the same logarithm, whether its file has one holder or 100,000.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use drizzle_model::Bitmap;

use crate::files::FileId;
use crate::peers::PeerNumber;

/// What of a file a peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holding {
    All,
    /// Never a full one.
    Part(Box<Bitmap>),
}

impl Holding {
    pub(crate) fn of(bitmap: Bitmap) -> Self {
        if bitmap.is_full() { Self::All } else { Self::Part(Box::new(bitmap)) }
    }

    /// Whether there is something to fetch from the peer.
    pub(crate) fn is_source(&self) -> bool {
        match self {
            Self::All => true,
            Self::Part(bitmap) => !bitmap.is_empty(),
        }
    }

    /// How many chunks' bits it costs.
    pub(crate) fn partial_chunks(&self) -> u64 {
        match self {
            Self::All => 0,
            Self::Part(bitmap) => u64::from(bitmap.len()),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Holdings {
    by_file: BTreeMap<(FileId, PeerNumber), Holding>,
    by_peer: BTreeSet<(PeerNumber, FileId)>,
}

impl Holdings {
    pub(crate) fn len(&self) -> usize {
        self.by_file.len()
    }

    pub(crate) fn get(&self, file: FileId, peer: PeerNumber) -> Option<&Holding> {
        self.by_file.get(&(file, peer))
    }

    /// What the peer has, to put chunks in.
    pub(crate) fn get_mut(&mut self, file: FileId, peer: PeerNumber) -> Option<&mut Holding> {
        self.by_file.get_mut(&(file, peer))
    }

    /// Sets what the peer has; says what it had before.
    pub(crate) fn set(&mut self, file: FileId, peer: PeerNumber, holding: Holding) -> Option<Holding> {
        self.by_peer.insert((peer, file));
        self.by_file.insert((file, peer), holding)
    }

    pub(crate) fn remove(&mut self, file: FileId, peer: PeerNumber) -> Option<Holding> {
        self.by_peer.remove(&(peer, file));
        self.by_file.remove(&(file, peer))
    }

    /// Everyone who holds the file.
    pub(crate) fn of_file(&self, file: FileId) -> impl Iterator<Item = (PeerNumber, &Holding)> {
        let pairs = self.by_file.range((file, PeerNumber::MIN)..=(file, PeerNumber::MAX));
        pairs.map(|(&(_, peer), holding)| (peer, holding))
    }

    /// Everything that the peer holds.
    pub(crate) fn of_peer(&self, peer: PeerNumber) -> impl Iterator<Item = FileId> {
        self.by_peer.range((peer, FileId::MIN)..=(peer, FileId::MAX)).map(|&(_, file)| file)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FileId, PeerNumber, &Holding)> {
        self.by_file.iter().map(|(&(file, peer), holding)| (file, peer, holding))
    }

    pub(crate) fn check_invariants(&self) {
        assert_eq!(self.by_file.len(), self.by_peer.len(), "both directions have as many pairs");
        for (file, peer, holding) in self.iter() {
            assert!(self.by_peer.contains(&(peer, file)), "the pair {file:?}, {peer} in both directions");
            assert!(
                !matches!(holding, Holding::Part(part) if part.is_full()),
                "a full bitmap is kept as 'all'"
            );
        }
    }
}
