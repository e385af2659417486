//! What peers say about themselves: which files they have, and which chunks of them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use drizzle_model::{Bitmap, ChunkRun, ContentKind, FileKey, Geometry, Mtime, PeerId, Time};

use crate::directory::{Directory, NotServing, UnknownPeer, usage};
use crate::files::{File, FileId};
use crate::holdings::Holding;
use crate::past::Origin;
use crate::peers::PeerNumber;
use crate::quota::QuotaError;
use crate::quota::limits::{
    CHUNKS_MAX, FILES_PER_PEER_MAX, HOLDINGS_MAX, NAME_BYTES_PER_PEER_MAX, PARTIAL_CHUNKS_MAX,
    PARTIAL_CHUNKS_PER_PEER_MAX,
};

/// What of a file a peer says it has. In the form in which it was said, so that it costs no more than was sent until
/// the quotas allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Every chunk.
    All,
    /// These chunks; none is fine too, for a peer that is about to fetch.
    Runs(Vec<ChunkRun>),
    /// The chunks in this set.
    Bits(Bitmap),
}

/// A file that a peer registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which file.
    pub key: FileKey,
    /// When it was modified last.
    pub mtime: Mtime,
    /// What of it the peer has.
    pub claim: Claim,
}

/// Why a file was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// No file is that large.
    #[error("expected a size of at most {max} bytes, received {received}", max = Geometry::SIZE_MAX)]
    Size {
        /// The size in bytes.
        received: u64,
    },
    /// Nobody could fetch a content of so many chunks.
    #[error("expected at most {CHUNKS_MAX} chunks, received {received}")]
    TooManyChunks {
        /// How many were said.
        received: u32,
    },
    /// A content of that size is not cut into so many chunks.
    #[error("expected {expected} chunks, or at most that in a folder, received {received}")]
    ChunkCount {
        /// How many a file of that size has, or how many a folder can have.
        expected: u64,
        /// How many were said.
        received: u32,
    },
    /// A run of chunks ends before it begins, begins before the last one ended, or goes beyond the end of the content.
    #[error("expected runs of chunks below {chunks} in ascending order, received {first} to {last}")]
    Run {
        /// How many chunks there are.
        chunks: u32,
        /// The run's first chunk.
        first: u32,
        /// The run's last chunk.
        last: u32,
    },
    /// The set of chunks is one of another content.
    #[error("expected one bit for each of {expected} chunks, received {received}")]
    Bits {
        /// How many chunks there are.
        expected: u32,
        /// How many the set is of.
        received: u32,
    },
    /// The file would be the newest of its name until that day comes, whatever others register.
    #[error(
        "the file is modified in the future: expected at most {max} s since 1970 by the tracker's clock, \
         received {received} s"
    )]
    Mtime {
        /// The newest that is taken, in whole seconds.
        max: i64,
        /// What was said, in whole seconds.
        received: i64,
    },
    /// The peer has too many files.
    #[error("expected at most {FILES_PER_PEER_MAX} files of one peer; share a folder instead")]
    TooManyFiles,
    /// The names of the peer's files are too long, taken together.
    #[error(
        "expected at most {NAME_BYTES_PER_PEER_MAX} bytes of file names of one peer; share a folder instead"
    )]
    TooManyNameBytes,
    /// The peer has parts of too much.
    #[error("expected at most {PARTIAL_CHUNKS_PER_PEER_MAX} chunks in files that one peer has in part")]
    TooManyPartialChunks,
    /// All peers together have registered as much as the directory holds.
    #[error("the directory is full")]
    Full,
}

impl From<QuotaError> for RegisterError {
    fn from(quota: QuotaError) -> Self {
        match quota {
            QuotaError::Files => Self::TooManyFiles,
            QuotaError::NameBytes => Self::TooManyNameBytes,
            QuotaError::PartialChunks => Self::TooManyPartialChunks,
        }
    }
}

/// The peer has not registered that file, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer has not registered this file")]
pub struct NotRegistered;

/// Why chunks were not noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HaveError {
    /// The file they belong to is not registered by this peer.
    #[error(transparent)]
    NotRegistered(#[from] NotRegistered),
    /// There are no such chunks.
    #[error(transparent)]
    Run(RegisterError),
}

impl Directory {
    /// Registers files of a peer that has joined with an address: one verdict for each, in order (S0.3). What was
    /// registered before under the same identity is replaced, but for a newer modification time, which stays (S2.3).
    ///
    /// No modification time beyond `mtime_max` is taken. Since the newest file of a name is the one that is handed out first, a
    /// member could otherwise take any name over for good.
    pub fn register(
        &mut self,
        now: Time,
        peer: &PeerId,
        files: impl IntoIterator<Item = Registration>,
        mtime_max: Mtime,
    ) -> Result<Vec<Result<(), RegisterError>>, NotServing> {
        let number = self.known(now, peer)?;
        if self.peers.peer(number).is_none_or(|peer| peer.address.is_none()) {
            return Err(NotServing::NoAddress);
        }
        let register_one = |file: Registration| {
            check_mtime(file.mtime, mtime_max)?;
            self.register_one(number, *peer, file)
        };
        Ok(files.into_iter().map(register_one).collect())
    }

    /// Forgets that the peer holds these files.
    pub fn unregister<'a>(
        &mut self,
        now: Time,
        peer: &PeerId,
        keys: impl IntoIterator<Item = &'a FileKey>,
    ) -> Result<Vec<Result<(), NotRegistered>>, UnknownPeer> {
        let number = self.known(now, peer)?;
        let mut unregister_one = |key| match self.files.id(key) {
            Some(file) if self.release(file, number) => Ok(()),
            _ => Err(NotRegistered),
        };
        Ok(keys.into_iter().map(&mut unregister_one).collect())
    }

    /// Notes chunks that the peer has got since it registered the file (S0.6). Costs a step for each run and for every 64 chunks in
    /// them, whether or not they are new, and no memory.
    pub fn add_chunks(
        &mut self,
        now: Time,
        peer: &PeerId,
        key: &FileKey,
        runs: &[ChunkRun],
    ) -> Result<Result<(), HaveError>, UnknownPeer> {
        let number = self.known(now, peer)?;
        Ok(self.add_chunks_of(number, key, runs))
    }

    fn register_one(
        &mut self,
        number: PeerNumber,
        peer: PeerId,
        registration: Registration,
    ) -> Result<(), RegisterError> {
        let Registration { key, mtime, claim } = registration;
        check_shape(&key)?;
        let known = self.files.id(&key);
        self.check_room(number, &key, known, &claim)?;
        let holding = holding_of(&key, claim)?;
        let file = known.unwrap_or_else(|| self.add_file(key, mtime, peer));
        if let Some(of_file) = self.files.file_mut(file)
            && of_file.mtime < mtime
        {
            of_file.mtime = mtime;
            let sources = of_file.sources;
            self.version.advance();
            self.note_file(file, sources);
        }
        self.hold(file, number, holding);
        Ok(())
    }

    /// Whether the quotas allow the claim. Asked before a bit of it is stored.
    pub(crate) fn check_room(
        &self,
        number: PeerNumber,
        key: &FileKey,
        known: Option<FileId>,
        claim: &Claim,
    ) -> Result<(), RegisterError> {
        let chunks = match claim {
            Claim::All => 0,
            Claim::Runs(_) | Claim::Bits(_) => u64::from(key.chunks),
        };
        let before = known.and_then(|file| self.holdings.get(file, number)).map(Holding::partial_chunks);
        let is_full = before.is_none() && self.holdings.len() >= HOLDINGS_MAX;
        if is_full || self.partial_chunks - before.unwrap_or(0) + chunks > PARTIAL_CHUNKS_MAX {
            return Err(RegisterError::Full);
        }
        let mut usage_after = self.peers.peer(number).map(|peer| peer.usage).unwrap_or_default();
        if let Some(before) = before {
            usage_after = usage_after.minus(usage(key, before));
        }
        usage_after.plus(usage(key, chunks)).exceeds().map_or(Ok(()), |quota| Err(quota.into()))
    }

    /// Puts in a file that the next step gives its first holder. One that was held before is what it was.
    fn add_file(&mut self, key: FileKey, mtime: Mtime, registrar: PeerId) -> FileId {
        self.version.advance();
        let new = Origin { mtime, registrar, registered: self.version };
        let Origin { mtime, registrar, registered } = self.past.take(&key).unwrap_or(new);
        self.files.add(File { key: Arc::new(key), mtime, registrar, registered, holders: 0, sources: 0 })
    }

    fn add_chunks_of(
        &mut self,
        number: PeerNumber,
        key: &FileKey,
        runs: &[ChunkRun],
    ) -> Result<(), HaveError> {
        let id = self.files.id(key).ok_or(NotRegistered)?;
        let holding = self.holdings.get_mut(id, number).ok_or(NotRegistered)?;
        check_runs(key, runs).map_err(HaveError::Run)?;
        let Holding::Part(bitmap) = holding else { return Ok(()) };
        let before = bitmap.count();
        runs.iter().for_each(|&run| bitmap.insert_run(run));
        let (now, is_whole) = (bitmap.count(), bitmap.is_full());
        if now > before {
            self.version.advance();
        }
        if before == 0
            && now > 0
            && let Some(file) = self.files.file_mut(id)
        {
            file.sources += 1;
            let sources_before = file.sources - 1;
            self.note_file(id, sources_before);
        }
        if is_whole {
            self.hold(id, number, Holding::All);
        }
        Ok(())
    }
}

fn check_mtime(mtime: Mtime, max: Mtime) -> Result<(), RegisterError> {
    if mtime <= max {
        Ok(())
    } else {
        Err(RegisterError::Mtime { max: max.seconds(), received: mtime.seconds() })
    }
}

/// Whether a content of that size can have so many chunks. A folder's chunks hold whole files or parts of them, at
/// least a byte each.
pub(crate) fn check_shape(key: &FileKey) -> Result<(), RegisterError> {
    if key.chunks > CHUNKS_MAX {
        return Err(RegisterError::TooManyChunks { received: key.chunks });
    }
    let expected = match key.kind {
        ContentKind::File => {
            let geometry = Geometry::for_size(key.size).ok_or(RegisterError::Size { received: key.size })?;
            u64::from(geometry.chunk_count())
        }
        ContentKind::Folder => u64::from(key.chunks).min(key.size),
    };
    if u64::from(key.chunks) == expected {
        Ok(())
    } else {
        Err(RegisterError::ChunkCount { expected, received: key.chunks })
    }
}

/// Runs that overlap would make a short request cost as many steps as it has runs times chunks.
fn check_runs(key: &FileKey, runs: &[ChunkRun]) -> Result<(), RegisterError> {
    let chunks = key.chunks;
    let mut next = 0;
    for &ChunkRun { first, last } in runs {
        if first < next || first > last || last >= chunks {
            return Err(RegisterError::Run { chunks, first, last });
        }
        next = last + 1;
    }
    Ok(())
}

pub(crate) fn holding_of(key: &FileKey, claim: Claim) -> Result<Holding, RegisterError> {
    match claim {
        Claim::All => Ok(Holding::All),
        Claim::Runs(runs) => of_runs(key, &runs),
        Claim::Bits(bits) => of_bits(key, bits),
    }
}

fn of_runs(key: &FileKey, runs: &[ChunkRun]) -> Result<Holding, RegisterError> {
    check_runs(key, runs)?;
    let mut bitmap = Bitmap::empty(key.chunks);
    runs.iter().for_each(|&run| bitmap.insert_run(run));
    Ok(Holding::of(bitmap))
}

fn of_bits(key: &FileKey, bits: Bitmap) -> Result<Holding, RegisterError> {
    if bits.len() == key.chunks {
        Ok(Holding::of(bits))
    } else {
        Err(RegisterError::Bits { expected: key.chunks, received: bits.len() })
    }
}
