//! The seam between the API and where the directory is kept: in this process's memory, behind one lock.
//!
//! Every call holds the lock for a short while only; a long batch is worked through in turns, so that nobody waits for
//! another's batch. What is durable, or shared by several trackers, will have its place behind this seam.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_directory::{
    Directory, DirectoryFull, Filter, HaveError, Located, NotRegistered, NotServing, Noted, Page, PeerNumber,
    RegisterError, Registration, ReportError, Target, UnknownPeer, Version,
};
use drizzle_model::{FileKey, Mtime, PeerId, Time};

use crate::clock::Clock;
use crate::limits::MTIME_AHEAD_MAX;
use crate::turns::{FileRuns, turns};

pub(crate) struct Catalogue {
    directory: Mutex<Directory>,
    clock: Arc<dyn Clock>,
}

impl Catalogue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { directory: Mutex::new(Directory::new()), clock }
    }

    pub(crate) fn join(&self, peer: PeerId) -> Result<PeerNumber, DirectoryFull> {
        self.with(|directory, now| directory.join(now, peer, None))
    }

    pub(crate) fn renew(
        &self,
        peer: &PeerId,
        address: Option<SocketAddr>,
    ) -> Result<(PeerNumber, Version), UnknownPeer> {
        self.with(|directory, now| Ok((directory.renew(now, peer, address)?, directory.version())))
    }

    /// When this is done, nothing of the peer is left.
    pub(crate) async fn leave(&self, peer: &PeerId) -> Result<PeerNumber, UnknownPeer> {
        let number = self.with(|directory, now| directory.leave(now, peer))?;
        self.sweep().await;
        Ok(number)
    }

    /// Registers the files of a peer that may be new, or known at another address.
    pub(crate) async fn register(
        &self,
        peer: PeerId,
        address: SocketAddr,
        files: Vec<Registration>,
    ) -> Result<Vec<Result<(), RegisterError>>, RegisterFailure> {
        self.with(|directory, now| directory.join(now, peer, Some(address)))?;
        let mut verdicts = Vec::with_capacity(files.len());
        let mtime_max = self.mtime_max();
        for turn in turns(files) {
            let register = |directory: &mut Directory, now| directory.register(now, &peer, turn, mtime_max);
            verdicts.append(&mut self.with(register)?);
            tokio::task::yield_now().await;
        }
        Ok(verdicts)
    }

    pub(crate) async fn unregister(
        &self,
        peer: &PeerId,
        keys: Vec<FileKey>,
    ) -> Result<Vec<Result<(), NotRegistered>>, UnknownPeer> {
        let mut verdicts = Vec::with_capacity(keys.len());
        for turn in turns(keys) {
            verdicts.append(&mut self.with(|directory, now| directory.unregister(now, peer, &turn))?);
            tokio::task::yield_now().await;
        }
        Ok(verdicts)
    }

    pub(crate) async fn add_chunks(
        &self,
        peer: &PeerId,
        files: Vec<FileRuns>,
    ) -> Result<Vec<Result<(), HaveError>>, UnknownPeer> {
        let mut verdicts = Vec::with_capacity(files.len());
        for turn in turns(files) {
            let add = |directory: &mut Directory, now| {
                let noted = turn.iter().map(|(key, runs)| directory.add_chunks(now, peer, key, runs));
                noted.collect::<Result<Vec<_>, _>>()
            };
            verdicts.append(&mut self.with(add)?);
            tokio::task::yield_now().await;
        }
        Ok(verdicts)
    }

    pub(crate) fn list(&self, filter: &Filter, after: Option<&FileKey>, files_max: usize) -> Page {
        self.with(|directory, now| directory.list(now, filter, after, files_max))
    }

    pub(crate) fn locate(&self, target: &Target, seed: u64) -> Vec<Located> {
        self.with(|directory, now| directory.locate(now, target, seed))
    }

    pub(crate) fn report(
        &self,
        reporter: &PeerId,
        key: &FileKey,
        source: &PeerId,
    ) -> Result<Noted, ReportError> {
        self.with(|directory, now| directory.report(now, reporter, key, source))
    }

    /// Lets peers go whose leases have run out, though nobody asks for anything.
    pub(crate) async fn tick(&self) {
        self.with(Directory::expire);
        self.sweep().await;
    }

    fn mtime_max(&self) -> Mtime {
        let unix_s = self.clock.unix_s() + MTIME_AHEAD_MAX.as_secs();
        Mtime::from_seconds(i64::try_from(unix_s).unwrap_or(i64::MAX))
    }

    async fn sweep(&self) {
        while !self.with(|directory, _| directory.sweep()) {
            tokio::task::yield_now().await;
        }
    }

    fn with<T>(&self, call: impl FnOnce(&mut Directory, Time) -> T) -> T {
        // The directory's methods leave it whole even where one of them should panic between two steps for one file.
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = call(&mut directory, self.clock.now());
        while let Some(gone) = directory.poll_departure() {
            tracing::info!(number = gone.number.number(), peer = ?gone.peer, "peer is gone: its lease ran out");
        }
        answer
    }
}

/// Why nothing of a batch, or not all of it, was registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterFailure {
    #[error(transparent)]
    Full(#[from] DirectoryFull),
    #[error(transparent)]
    NotServing(#[from] NotServing),
}
