//! The catalogue on the disk: a database of three tables, and one transaction for many changes.
//!
//! Files and peers have numbers that are given once and grow, so that a pair of them costs some twenty bytes, and the order of
//! numbers is the order of first registration. A transaction that was committed is on the disk; one that was not leaves no
//! trace. The database belongs to one process for as long as it runs.
//!
//! After a failure the database is closed, and opened again for the next attempt: it takes nothing more once the disk has
//! failed it.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use drizzle_directory::{Claim, Registration};
use drizzle_model::{Bitmap, FileKey, PeerId};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

use super::change::{Change, Known, Store};
use super::codec::{self, FileRow, PeerRow};
use super::error::StoreError;

const FILE_NAME: &str = "catalogue.redb";
/// The memory that the database may use; redb's own default is a gigabyte. What is asked for is in the directory, so this is for writing
/// only.
const CACHE_BYTES: usize = 32 << 20;

/// From a file's identity to its [`FileRow`].
const FILES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("files-1");
/// From a peer's key to its [`PeerRow`].
const PEERS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("peers-1");
/// From the numbers of a peer and a file to the chunks that it holds; nothing for all of them.
const HOLDINGS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("holdings-1");
/// The next number, for a peer or a file; and the first version that was given to nobody.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers-1");
const NEXT: &str = "next";
const VERSIONS_BELOW: &str = "versions-below";

/// A store in a folder.
#[derive(Debug)]
pub struct DiskStore {
    path: PathBuf,
    /// None after a failure.
    database: Option<Database>,
    /// Whether it was there once. One that is gone since is not made anew, since it would lack all that was acknowledged.
    was_there: bool,
}

/// What went wrong inside, before it is known what it means.
#[derive(Debug)]
enum Trouble {
    Database(redb::Error),
    /// What is stored cannot be.
    Damage(&'static str),
    /// The database found one of its own laws broken.
    Broken,
}

impl DiskStore {
    /// The catalogue of a data folder, which must be there. It is made on the first start.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let is_new = !path.exists();
        let mut store = Self { path, database: None, was_there: false };
        store.attempt("open", |database| {
            let transaction = database.begin_write()?;
            Tables::open(&transaction)?;
            Ok(transaction.commit()?)
        })?;
        store.was_there = true;
        if is_new {
            let synced = File::open(dir).and_then(|dir| dir.sync_all());
            synced.map_err(|source| StoreError::Io { action: "make", path: store.path.clone(), source })?;
        }
        Ok(store)
    }

    /// Does something with the database, which is opened if it is not.
    fn attempt<T>(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let Self { path, database, was_there } = self;
        let done = guarded(|| {
            let database = match database {
                Some(database) => database,
                none => none.insert(open_at(path, *was_there)?),
            };
            work(database)
        });
        done.map_err(|trouble| {
            self.close();
            self.error(action, trouble)
        })
    }

    fn close(&mut self) {
        let database = self.database.take();
        // It may want to write once more, and find that it cannot.
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }

    fn error(&self, action: &'static str, trouble: Trouble) -> StoreError {
        let path = self.path.clone();
        let reason = match trouble {
            Trouble::Database(redb::Error::DatabaseAlreadyOpen) => return StoreError::InUse { path },
            Trouble::Database(redb::Error::Io(source)) if !is_cut(&source) => {
                return StoreError::Io { action, path, source };
            }
            // What the disk did before this.
            Trouble::Database(error @ (redb::Error::PreviousIo | redb::Error::DatabaseClosed)) => {
                let source = io::Error::other(error.to_string());
                return StoreError::Io { action, path, source };
            }
            Trouble::Database(error) => error.to_string(),
            Trouble::Damage(what) => what.to_owned(),
            Trouble::Broken => "it contradicts itself".to_owned(),
        };
        StoreError::Damaged { path, reason }
    }
}

impl Store for DiskStore {
    fn load(&mut self, tell: &mut dyn FnMut(Known)) -> Result<(), StoreError> {
        self.attempt("read", |database| load(database, tell))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.attempt("write", |database| {
            let transaction = database.begin_write()?;
            let mut tables = Tables::open(&transaction)?;
            for change in changes {
                tables.apply(change)?;
            }
            tables.close()?;
            Ok(transaction.commit()?)
        })
    }
}

fn open_at(path: &Path, must_be_there: bool) -> Result<Database, redb::DatabaseError> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    if must_be_there { builder.open(path) } else { builder.create(path) }
}

fn load(database: &Database, tell: &mut dyn FnMut(Known)) -> Result<(), Trouble> {
    let transaction = database.begin_read()?;
    if let Some(below) = transaction.open_table(NUMBERS)?.get(VERSIONS_BELOW)? {
        tell(Known::Versions { below: below.value() });
    }
    let mut files = Vec::new();
    for record in transaction.open_table(FILES)?.iter()? {
        let (key, row) = record?;
        let key =
            codec::key_from_bytes(key.value()).ok_or(Trouble::Damage("a file's name cannot be read"))?;
        files.push((file_row(row.value())?, key));
    }
    files.sort_unstable_by_key(|(row, _)| row.number);
    // Of each only its number and its count of chunks are needed from here on.
    let files: Vec<(u64, u32)> = files
        .into_iter()
        .map(|(FileRow { number, mtime, registrar, unix_s }, key)| {
            let chunks = key.chunks;
            tell(Known::File { key, mtime, registrar, unix_s });
            (number, chunks)
        })
        .collect();
    let mut peers = Vec::new();
    for record in transaction.open_table(PEERS)?.iter()? {
        let (peer, row) = record?;
        let peer =
            <[u8; 32]>::try_from(peer.value()).map_err(|_| Trouble::Damage("a peer's key is too short"))?;
        peers.push((peer_row(row.value())?, PeerId::from_bytes(peer)));
    }
    peers.sort_unstable_by_key(|(row, _)| row.number);
    let holdings = transaction.open_table(HOLDINGS)?;
    for (PeerRow { number, address }, peer) in peers {
        tell(Known::Peer { peer, address });
        for record in holdings.range((number, 0)..=(number, u64::MAX))? {
            let (pair, bits) = record?;
            let (_, file) = pair.value();
            // One whose file was forgotten at the very moment when it was let go.
            let Ok(at) = files.binary_search_by_key(&file, |(number, _)| *number) else { continue };
            let claim = codec::claim_from_bytes(files[at].1, bits.value())
                .ok_or(Trouble::Damage("a peer holds chunks that its file does not have"))?;
            tell(Known::Holding { file: at, claim });
        }
    }
    Ok(())
}

/// The tables, open for one transaction.
struct Tables<'t> {
    files: Table<'t, &'static [u8], &'static [u8]>,
    peers: Table<'t, &'static [u8], &'static [u8]>,
    holdings: Table<'t, (u64, u64), &'static [u8]>,
    numbers: Table<'t, &'static str, u64>,
    next: u64,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t redb::WriteTransaction) -> Result<Self, Trouble> {
        let numbers = transaction.open_table(NUMBERS)?;
        let next = numbers.get(NEXT)?.map_or(1, |next| next.value());
        let (files, peers) = (transaction.open_table(FILES)?, transaction.open_table(PEERS)?);
        Ok(Self { files, peers, holdings: transaction.open_table(HOLDINGS)?, numbers, next })
    }

    fn close(mut self) -> Result<(), Trouble> {
        self.numbers.insert(NEXT, self.next)?;
        Ok(())
    }

    fn apply(&mut self, change: &Change) -> Result<(), Trouble> {
        match change {
            Change::Peer { peer, address } => self.add_peer(peer, *address),
            Change::Gone { peer } => {
                if let Some(PeerRow { number, .. }) = self.peer(peer)? {
                    self.peers.remove(peer.as_bytes().as_slice())?;
                    self.holdings.retain_in((number, 0)..=(number, u64::MAX), |_, _| false)?;
                }
                Ok(())
            }
            Change::Registered { peer, file, unix_s } => self.register(peer, file, *unix_s),
            Change::Chunks { peer, key, runs } => {
                if let Some(pair) = self.pair(peer, key)?
                    && let Some(Claim::Bits(mut bits)) = self.holding(pair, key.chunks)?
                {
                    runs.iter().filter(|run| run.last < key.chunks).for_each(|&run| bits.insert_run(run));
                    self.hold(pair, Some(bits).filter(|bits| !bits.is_full()).as_ref())?;
                }
                Ok(())
            }
            Change::Unregistered { peer, key } => {
                if let Some(pair) = self.pair(peer, key)? {
                    self.holdings.remove(pair)?;
                }
                Ok(())
            }
            Change::Forgotten { key } => {
                self.files.remove(codec::key_to_bytes(key).as_slice())?;
                Ok(())
            }
            Change::Versions { below } => {
                let before = self.numbers.get(VERSIONS_BELOW)?.map_or(0, |below| below.value());
                self.numbers.insert(VERSIONS_BELOW, before.max(*below))?;
                Ok(())
            }
        }
    }

    fn add_peer(&mut self, peer: &PeerId, address: std::net::SocketAddr) -> Result<(), Trouble> {
        let number = match self.peer(peer)? {
            Some(before) if before.address == address => return Ok(()),
            Some(PeerRow { number, .. }) => number,
            None => self.number(),
        };
        let row = PeerRow { number, address }.to_bytes();
        self.peers.insert(peer.as_bytes().as_slice(), row.as_slice())?;
        Ok(())
    }

    fn register(&mut self, peer: &PeerId, file: &Registration, unix_s: u64) -> Result<(), Trouble> {
        let Some(PeerRow { number, .. }) = self.peer(peer)? else { return Ok(()) };
        let Registration { key, mtime, claim } = file;
        let row = match self.file(key)? {
            Some(row) if row.mtime >= *mtime => row,
            before => {
                let new = || FileRow { number: self.next, mtime: *mtime, registrar: *peer, unix_s };
                let row = before.map_or_else(new, |row| FileRow { mtime: *mtime, ..row });
                self.next = self.next.max(row.number + 1);
                self.files.insert(codec::key_to_bytes(key).as_slice(), row.to_bytes().as_slice())?;
                row
            }
        };
        self.hold((number, row.number), codec::bits_of(claim, key.chunks).as_ref())
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn peer(&self, peer: &PeerId) -> Result<Option<PeerRow>, Trouble> {
        let row = self.peers.get(peer.as_bytes().as_slice())?;
        row.map(|row| peer_row(row.value())).transpose()
    }

    fn file(&self, key: &FileKey) -> Result<Option<FileRow>, Trouble> {
        let row = self.files.get(codec::key_to_bytes(key).as_slice())?;
        row.map(|row| file_row(row.value())).transpose()
    }

    fn pair(&self, peer: &PeerId, key: &FileKey) -> Result<Option<(u64, u64)>, Trouble> {
        let (Some(peer), Some(file)) = (self.peer(peer)?, self.file(key)?) else { return Ok(None) };
        Ok(Some((peer.number, file.number)))
    }

    fn holding(&self, pair: (u64, u64), chunks: u32) -> Result<Option<Claim>, Trouble> {
        let Some(bits) = self.holdings.get(pair)? else { return Ok(None) };
        let claim = codec::claim_from_bytes(chunks, bits.value());
        claim.map(Some).ok_or(Trouble::Damage("a peer holds chunks that its file does not have"))
    }

    fn hold(&mut self, pair: (u64, u64), bits: Option<&Bitmap>) -> Result<(), Trouble> {
        self.holdings.insert(pair, codec::bits_to_bytes(bits).as_slice())?;
        Ok(())
    }
}

fn file_row(bytes: &[u8]) -> Result<FileRow, Trouble> {
    FileRow::from_bytes(bytes).ok_or(Trouble::Damage("a file's record cannot be read"))
}

fn peer_row(bytes: &[u8]) -> Result<PeerRow, Trouble> {
    PeerRow::from_bytes(bytes).ok_or(Trouble::Damage("a peer's record cannot be read"))
}

/// The database asserts some of its laws; on a damaged file that must not end the process.
fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Trouble::Broken))
}

/// Whether the file ends where it should not, or begins as something else does.
fn is_cut(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

macro_rules! trouble_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}

trouble_from!(
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError
);

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that failed and is back without its files: an empty catalogue in their place would take every change, and lack
    /// everything before it.
    #[test]
    fn a_database_that_is_gone_is_not_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = DiskStore::open(dir.path()).unwrap();
        store.close();
        std::fs::remove_file(&store.path).unwrap();
        let change = Change::Gone { peer: PeerId::from_bytes([1; 32]) };
        let refused = store.commit(&[change]);
        assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
        assert!(!store.path.exists());
    }
}
