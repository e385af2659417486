//! The seam between the API and where the directory is kept: in this process's memory, behind one lock, and in a store, if
//! there is one.
//!
//! Every call holds the lock for a short while only; a long batch is worked through in turns, so that nobody waits for
//! another's batch. What changes the directory is noted in the journal under the same lock, and answered when it is written. A
//! renewal changes nothing but a lease, and leases are not written.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_directory::{
    Changes, Departure, Directory, DirectoryFull, Filter, HaveError, Located, NotRegistered, NotServing,
    Noted, Page, PeerNumber, RegisterError, Registration, ReportError, Stats, Target, TooOld, UnknownPeer,
    Version, Whole,
};
use drizzle_model::{FileKey, Mtime, PeerId, Time};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::{Journal, Unwritten};
use crate::limits::MTIME_AHEAD_MAX;
use crate::store::{Change, Known, Store, StoreError};
use crate::turns::{FileRuns, turns};
use crate::versions::{self, Versions};

pub(crate) struct Catalogue {
    directory: Mutex<Directory>,
    /// None when the catalogue ends with the process.
    journal: Option<Journal>,
    /// None where nothing would remember them.
    versions: Option<Versions>,
    clock: Arc<dyn Clock>,
    /// Wakes those who wait for a change.
    changed: watch::Sender<()>,
}

impl Catalogue {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let directory = Mutex::new(Directory::starting_at(versions::by_clock_and_chance(&*clock)));
        Self { directory, journal: None, versions: None, clock, changed: watch::Sender::new(()) }
    }

    /// A catalogue that goes on from what the store knows. Whoever is in it has a fresh lease.
    pub(crate) fn open(clock: Arc<dyn Clock>, mut store: impl Store) -> Result<Self, StoreError> {
        let directory = restore(&*clock, &mut store)?;
        let (versions, bound) = Versions::begin(directory.version());
        store.commit(&[bound])?;
        let (directory, journal) =
            (Mutex::new(directory), Journal::start(store).map_err(StoreError::thread)?);
        let changed = watch::Sender::new(());
        Ok(Self { directory, journal: Some(journal), versions: Some(versions), clock, changed })
    }

    /// Takes the peer in; one that has just started without what it registered in an earlier life. Nobody waits for that to be
    /// written: whatever comes of the peer is written behind it.
    pub(crate) fn join(&self, peer: PeerId, is_fresh: bool) -> Result<PeerNumber, DirectoryFull> {
        let begins_anew = is_fresh && self.check().is_ok();
        self.with(|directory, now| {
            if begins_anew && directory.leave(now, &peer).is_ok() {
                self.note(|| [Change::Gone { peer }]);
            }
            directory.join(now, peer, None)
        })
    }

    pub(crate) fn renew(
        &self,
        peer: &PeerId,
        address: Option<SocketAddr>,
    ) -> Result<(PeerNumber, Version), UnknownPeer> {
        // Where it is now is a change, and none is taken while none can be written: the next renewal says it again.
        let address = address.filter(|_| self.check().is_ok());
        self.with(|directory, now| {
            let before = directory.version();
            let number = directory.renew(now, peer, address)?;
            let version = directory.version();
            // Somewhere else than before. Nobody waits for that to be written: the next renewal says it again.
            if let (Some(address), true) = (address, version != before) {
                self.note(|| [Change::Peer { peer: *peer, address }]);
            }
            Ok((number, version))
        })
    }

    /// When this is done, nothing of the peer is left.
    pub(crate) async fn leave(&self, peer: &PeerId) -> Result<PeerNumber, ChangeFailure> {
        self.check()?;
        let number = self.with(|directory, now| {
            let number = directory.leave(now, peer)?;
            self.note(|| [Change::Gone { peer: *peer }]);
            Ok::<_, UnknownPeer>(number)
        })?;
        self.sweep().await;
        self.settled().await?;
        Ok(number)
    }

    /// Registers the files of a peer that may be new, or known at another address.
    pub(crate) async fn register(
        &self,
        peer: PeerId,
        address: SocketAddr,
        files: Vec<Registration>,
    ) -> Result<Vec<Result<(), RegisterError>>, RegisterFailure> {
        self.check()?;
        self.with(|directory, now| {
            directory.join(now, peer, Some(address))?;
            self.note(|| [Change::Peer { peer, address }]);
            Ok::<_, DirectoryFull>(())
        })?;
        let mut verdicts = Vec::with_capacity(files.len());
        let mtime_max = self.mtime_max();
        for turn in turns(files) {
            verdicts.append(&mut self.register_turn(peer, turn, mtime_max)?);
            tokio::task::yield_now().await;
        }
        self.settled().await?;
        Ok(verdicts)
    }

    fn register_turn(
        &self,
        peer: PeerId,
        turn: Vec<Registration>,
        mtime_max: Mtime,
    ) -> Result<Vec<Result<(), RegisterError>>, NotServing> {
        let to_note = self.journal.is_some().then(|| turn.clone());
        let unix_s = self.clock.unix_s();
        self.with(|directory, now| {
            let verdicts = directory.register(now, &peer, turn, mtime_max)?;
            // What was forgotten to make room may be registered here again, so that comes first.
            self.note_forgotten(directory);
            let taken = to_note.into_iter().flatten().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
            self.note(|| taken.map(|(file, _)| Change::Registered { peer, file, unix_s }));
            Ok(verdicts)
        })
    }

    pub(crate) async fn unregister(
        &self,
        peer: &PeerId,
        keys: Vec<FileKey>,
    ) -> Result<Vec<Result<(), NotRegistered>>, ChangeFailure> {
        self.check()?;
        let mut verdicts = Vec::with_capacity(keys.len());
        for turn in turns(keys) {
            let unregister = |directory: &mut Directory, now| {
                let verdicts = directory.unregister(now, peer, &turn)?;
                let taken = turn.into_iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
                self.note(|| taken.map(|(key, _)| Change::Unregistered { peer: *peer, key }));
                Ok::<_, UnknownPeer>(verdicts)
            };
            verdicts.append(&mut self.with(unregister)?);
            tokio::task::yield_now().await;
        }
        self.settled().await?;
        Ok(verdicts)
    }

    pub(crate) async fn add_chunks(
        &self,
        peer: &PeerId,
        files: Vec<FileRuns>,
    ) -> Result<Vec<Result<(), HaveError>>, ChangeFailure> {
        self.check()?;
        let mut verdicts = Vec::with_capacity(files.len());
        for turn in turns(files) {
            let add = |directory: &mut Directory, now| {
                let noted = turn.iter().map(|(key, runs)| directory.add_chunks(now, peer, key, runs));
                let verdicts = noted.collect::<Result<Vec<_>, _>>()?;
                let taken = turn.into_iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
                self.note(|| taken.map(|((key, runs), _)| Change::Chunks { peer: *peer, key, runs }));
                Ok::<_, UnknownPeer>(verdicts)
            };
            verdicts.append(&mut self.with(add)?);
            tokio::task::yield_now().await;
        }
        self.settled().await?;
        Ok(verdicts)
    }

    pub(crate) fn list(&self, filter: &Filter, after: Option<&FileKey>, files_max: usize) -> Page {
        self.with(|directory, now| directory.list(now, filter, after, files_max))
    }

    /// What changed since that version, or the first of it.
    pub(crate) fn changes(&self, since: Version, changes_max: usize) -> Result<Changes, TooOld> {
        self.with(|directory, now| directory.changes(now, since, changes_max))
    }

    /// Tells when something has changed.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How much there is.
    pub(crate) fn stats(&self) -> Stats {
        self.with(|directory, _| directory.stats())
    }

    /// The version of what questions are answered from.
    pub(crate) fn version(&self) -> Version {
        self.with(|directory, now| {
            directory.expire(now);
            directory.version()
        })
    }

    /// Single files, each with one who has all of it.
    pub(crate) fn whole_files(&self, files_max: usize) -> Vec<Whole> {
        self.with(|directory, now| directory.whole_files(now, files_max))
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

    /// Lets go of the store, when all is written. Nothing can be changed any more.
    pub(crate) fn close(&self) {
        if let Some(journal) = &self.journal {
            journal.close();
        }
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

    /// Whether anything may be changed now.
    fn check(&self) -> Result<(), Unwritten> {
        self.journal.as_ref().map_or(Ok(()), Journal::check)
    }

    /// Notes what has just changed. To be called under the directory's lock.
    fn note<C: IntoIterator<Item = Change>>(&self, changes: impl FnOnce() -> C) {
        if let Some(journal) = &self.journal {
            journal.note(changes());
        }
    }

    fn note_forgotten(&self, directory: &mut Directory) {
        while let Some(key) = directory.poll_forgotten() {
            self.note(|| [Change::Forgotten { key }]);
        }
    }

    /// Returns when what was noted is written.
    async fn settled(&self) -> Result<(), Unwritten> {
        match &self.journal {
            None => Ok(()),
            Some(journal) => journal.settled().await,
        }
    }

    fn with<T>(&self, call: impl FnOnce(&mut Directory, Time) -> T) -> T {
        // The directory's methods leave it whole even where one of them should panic between two steps for one file.
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, version) = (self.clock.now(), directory.version());
        // Who is gone is noted before the call: it may be the very peer that comes back by it.
        directory.expire(now);
        while let Some(Departure { peer, number }) = directory.poll_departure() {
            tracing::info!(number = number.number(), ?peer, "peer is gone: its lease ran out");
            self.note(|| [Change::Gone { peer }]);
        }
        self.note_forgotten(&mut directory);
        let answer = call(&mut directory, now);
        self.note_forgotten(&mut directory);
        if directory.version() != version {
            if let Some(bound) = self.versions.as_ref().and_then(|it| it.reached(directory.version())) {
                self.note(|| [bound]);
            }
            self.changed.send_replace(());
        }
        answer
    }
}

/// A directory of what the store knows. What is more than the limits of today allow is left out.
fn restore(clock: &dyn Clock, store: &mut impl Store) -> Result<Directory, StoreError> {
    let now = clock.now();
    let mut files = Vec::new();
    // The one that was told last.
    let mut holder = None;
    let (mut directory, mut left_out) = (Directory::starting_at(versions::by_clock(clock)), 0_u64);
    store.load(&mut |known| {
        let is_taken = match known {
            // It is told before anything else.
            Known::Versions { below } => {
                let first = versions::by_clock(clock).max(Version::from_number(below));
                directory = Directory::starting_at(first);
                true
            }
            Known::File { key, mtime, registrar, .. } => {
                files.push(directory.restore(key, mtime, registrar));
                files.last().is_some_and(Option::is_some)
            }
            Known::Peer { peer, address } => {
                holder = directory.join(now, peer, Some(address)).ok();
                holder.is_some()
            }
            Known::Holding { file, claim } => match (holder, files.get(file).copied().flatten()) {
                (Some(holder), Some(file)) => directory.restore_holding(holder, file, claim).is_ok(),
                _ => false,
            },
        };
        left_out += u64::from(!is_taken);
    })?;
    directory.restored(clock.now());
    let stats = directory.stats();
    tracing::info!(
        peers = stats.peers,
        files = stats.files,
        holdings = stats.holdings,
        left_out,
        "catalogue read"
    );
    Ok(directory)
}

/// Why a peer's files were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeFailure {
    #[error(transparent)]
    Unknown(#[from] UnknownPeer),
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
}

/// Why nothing of a batch, or not all of it, was registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterFailure {
    #[error(transparent)]
    Full(#[from] DirectoryFull),
    #[error(transparent)]
    NotServing(#[from] NotServing),
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
}
