//! The files that a ring node keeps for the ring: fetched by the swarm, hashed, served by the hub, each named by its hash.
//!
//! A file is here as long as the machine keeps it or somebody has pinned it; what an earlier process left, also until it is
//! stored anew. Which file that is, and how many bytes of
//! whom, is the machine's to say: this only does it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use drizzle_model::{Address, ContentHash, ContentKind, Link, PeerId, RelPath};
use drizzle_ring::{Contact, Quotas};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::FetchError;
use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::hub_handle::Held;
use crate::input::ContentEvent;
use crate::network::Network;

use super::copy::{Look, Read, read};
use super::liars::Liars;
use super::serve::FileServer;

/// Files that are fetched at a time for keeping: more would only share the same link.
///
/// Of one source there is one at a time: nobody who offers what it does not give holds all places.
const FETCHES_MAX: usize = 4;
/// Files that are taken over from guests at a time, one of each. They have places of their own: no guest stops a repair.
const GUESTS_MAX: usize = 2;
/// A fetch may take so long, and as long as its bytes take at a rate that a slow uplink has.
const FETCH_MAX: Duration = Duration::from_secs(60);
const RATE_MIN: u64 = 64 << 10;
/// A size is only said; no fetch takes longer.
const LONGEST_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// The files. Clones are the same.
#[derive(Clone)]
pub(crate) struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    partial: PathBuf,
    network: Network,
    means: Means,
    server: FileServer,
    entries: Mutex<HashMap<ContentHash, Entry>>,
    fetches: Semaphore,
    guests: Semaphore,
    /// Whose file is taken over, or waits to be.
    guest_turns: Turns,
    /// Of whom something is fetched, or waits to be.
    source_turns: Turns,
    quotas: Quotas,
    liars: Liars,
    /// Files that their server found changed, for whoever watches.
    suspects: mpsc::Sender<ContentHash>,
    /// Bytes that are promised to guests, until the machine counts them.
    reserved: Mutex<HashMap<PeerId, u64>>,
}

#[derive(Default)]
struct Entry {
    pins: usize,
    is_kept: bool,
    /// Records that an earlier process left, and that are not stored anew yet.
    owed: usize,
    /// Where the owner has it, until it is copied.
    source: Option<PathBuf>,
    /// It is in the folder, and served.
    held: Option<Kept>,
    /// It was served, and is gone or cannot be read: its disk may come back.
    is_missed: bool,
}

struct Kept {
    _held: Held,
    look: Look,
    read_at: Instant,
}

/// One at a time, for each peer.
#[derive(Default)]
struct Turns(Mutex<HashMap<PeerId, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    async fn of(&self, peer: PeerId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = lock(&self.0);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(peer).or_default())
        };
        turn.lock_owned().await
    }
}

impl Entry {
    fn is_wanted(&self) -> bool {
        self.is_kept || self.pins > 0 || self.owed > 0
    }
}

/// What an earlier process left.
pub(crate) struct Leftovers<'a> {
    /// The blob of each record that it left.
    pub(crate) wanted: &'a [ContentHash],
    /// Whether those are all; if not, no file is deleted.
    pub(crate) is_sure: bool,
}

/// What became of a file that an earlier process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// It is served.
    Here,
    /// There is none.
    Missing,
    /// It cannot be read now.
    Unreadable,
    /// It is not what its name says, and was put aside.
    Damaged,
}

/// What came of getting a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// It is here, and served.
    Here,
    /// Whoever was to give it did not, or it was not wanted any more.
    NotGiven,
    /// This node's disk did not take it.
    Unwritable,
}

/// What came of looking into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Examined {
    /// Nothing new.
    AsBefore,
    /// It was served, and is no more.
    Lost,
    /// It was not served, and is now.
    Back,
}

/// What a vault needs besides its folder.
pub(crate) struct Equipment {
    pub(crate) network: Network,
    pub(crate) means: Means,
    pub(crate) server: FileServer,
    pub(crate) quotas: Quotas,
    /// Who hears of files that their server found changed.
    pub(crate) suspects: mpsc::Sender<ContentHash>,
}

/// Bytes that are promised, until this is dropped.
pub(crate) struct Reserved {
    vault: Vault,
    guest: PeerId,
    bytes: u64,
}

/// Keeps a file in the vault until it is dropped.
pub(crate) struct Pin {
    vault: Vault,
    blob: ContentHash,
}

impl Vault {
    /// A vault in a ring's folder. Of what an earlier process left there only what is wanted stays.
    pub(crate) fn new(of_ring: &Path, equipment: Equipment, left: Leftovers<'_>) -> std::io::Result<Self> {
        let Equipment { network, means, server, quotas, suspects } = equipment;
        let (folder, partial) = (of_ring.join("files"), of_ring.join("partial"));
        clear_folders(&folder, &partial, &left)?;
        let mut entries: HashMap<ContentHash, Entry> = HashMap::new();
        for &blob in left.wanted {
            entries.entry(blob).or_default().owed += 1;
        }
        let inner = Inner {
            folder,
            partial,
            network,
            means,
            server,
            entries: Mutex::new(entries),
            fetches: Semaphore::new(FETCHES_MAX),
            guests: Semaphore::new(GUESTS_MAX),
            guest_turns: Turns::default(),
            source_turns: Turns::default(),
            quotas,
            liars: Liars::default(),
            suspects,
            reserved: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps what becomes of a file's name from being dropped; `source` is where the owner has it.
    pub(crate) fn pin(&self, blob: ContentHash, source: Option<PathBuf>) -> Pin {
        let mut entries = self.entries();
        let entry = entries.entry(blob).or_default();
        entry.pins += 1;
        if source.is_some() {
            entry.source = source;
        }
        Pin { vault: self.clone(), blob }
    }

    /// Every file that is here.
    pub(crate) fn here(&self) -> HashSet<ContentHash> {
        let entries = self.entries();
        entries.iter().filter(|(_, entry)| entry.held.is_some()).map(|(&blob, _)| blob).collect()
    }

    /// Where a file is, if it is here.
    pub(crate) fn path(&self, blob: ContentHash) -> Option<PathBuf> {
        let is_here = self.entries().get(&blob).is_some_and(|entry| entry.held.is_some());
        is_here.then(|| self.path_of(blob))
    }

    /// Keeps a file that the owner has, or that is here already.
    pub(crate) async fn keep_own(&self, blob: ContentHash) -> Got {
        let source = {
            let mut entries = self.entries();
            let entry = entries.entry(blob).or_default();
            entry.is_kept = true;
            if entry.held.is_some() {
                return Got::Here;
            }
            entry.source.clone()
        };
        let Some(source) = source else { return Got::NotGiven };
        // What an earlier process left is not written over.
        if self.take_up(blob).await {
            return Got::Here;
        }
        let (beside, target) = (self.inner.partial.join(format!("{blob}.own")), self.path_of(blob));
        let copying = move || {
            let copied = copy_own(&source, &beside, blob, &target);
            if copied != Got::Here {
                let _ = fs::remove_file(&beside);
            }
            copied
        };
        match spawn_blocking(copying).await.unwrap_or(Got::NotGiven) {
            Got::Here if self.take_up(blob).await => Got::Here,
            Got::Here => Got::NotGiven,
            failed => failed,
        }
    }

    /// Serves a file that an earlier process left.
    pub(crate) async fn adopt(&self, blob: ContentHash) -> Adopted {
        if self.path(blob).is_some() {
            return Adopted::Here;
        }
        match self.path_of(blob).try_exists() {
            Ok(false) => return Adopted::Missing,
            // What the index knows is not read again.
            Ok(true) if self.take_up(blob).await => return Adopted::Here,
            _ => {}
        }
        match self.read(blob).await {
            Read::Gone => Adopted::Missing,
            Read::Right(_) | Read::Unreadable => Adopted::Unreadable,
            Read::Wrong => {
                self.put_aside(blob);
                Adopted::Damaged
            }
        }
    }

    async fn read(&self, blob: ContentHash) -> Read {
        let path = self.path_of(blob);
        spawn_blocking(move || read(&path, blob)).await.unwrap_or(Read::Unreadable)
    }

    /// What is not what its name says is of no use to the ring; its owner may want what is left of it.
    fn put_aside(&self, blob: ContentHash) {
        let (path, aside) = (self.path_of(blob), self.inner.folder.join("aside"));
        let moved = fs::create_dir_all(&aside).and_then(|()| fs::rename(&path, aside.join(blob.to_string())));
        if let Err(error) = moved {
            tracing::warn!(target: "drizzle::ring", path = %path.display(), %error, "cannot put a damaged file aside");
        }
    }

    /// Files that look otherwise than when they were read last, and those that are missed.
    pub(crate) async fn looking_otherwise(&self) -> Vec<ContentHash> {
        let looks: Vec<(ContentHash, Option<Look>)> = {
            let entries = self.entries();
            let of_interest = entries.iter().filter(|(_, entry)| entry.held.is_some() || entry.is_missed);
            of_interest.map(|(&blob, entry)| (blob, entry.held.as_ref().map(|kept| kept.look))).collect()
        };
        let vault = self.clone();
        let looking = move || {
            let is_other = |&(blob, look): &(ContentHash, Option<Look>)| {
                look.is_none() || Look::at(&vault.path_of(blob)) != look
            };
            looks.into_iter().filter(is_other).map(|(blob, _)| blob).collect()
        };
        spawn_blocking(looking).await.unwrap_or_default()
    }

    /// The file that was not read for the longest time, if that is longer than so.
    pub(crate) fn longest_unread(&self, than: Duration) -> Option<ContentHash> {
        let entries = self.entries();
        let read = entries.iter().filter_map(|(&blob, entry)| Some((blob, entry.held.as_ref()?.read_at)));
        let (blob, read_at) = read.min_by_key(|(_, read_at)| *read_at)?;
        (read_at.elapsed() > than).then_some(blob)
    }

    /// Reads a file that is kept. What is not what its name says is not served any more.
    pub(crate) async fn examine(&self, blob: ContentHash) -> Examined {
        let was_held = match self.entries().get(&blob) {
            Some(entry) if entry.held.is_some() || entry.is_missed => entry.held.is_some(),
            _ => return Examined::AsBefore,
        };
        let found = self.read(blob).await;
        if let Some(entry) = self.entries().get_mut(&blob) {
            entry.is_missed = !matches!(found, Read::Right(_));
            match (&mut entry.held, found) {
                (Some(kept), Read::Right(look)) if kept.look == look => {
                    kept.read_at = Instant::now();
                    return Examined::AsBefore;
                }
                (held, _) => *held = None,
            }
        } else {
            return Examined::AsBefore;
        }
        if found == Read::Wrong {
            self.put_aside(blob);
        }
        let is_served = matches!(found, Read::Right(_)) && self.take_up(blob).await;
        match (was_held, is_served) {
            (true, false) => Examined::Lost,
            (false, true) => Examined::Back,
            _ => Examined::AsBefore,
        }
    }

    /// One of the records is stored anew by which an earlier process kept a file.
    pub(crate) fn is_done(&self, blob: ContentHash) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&blob) {
            entry.owed = entry.owed.saturating_sub(1);
        }
        self.clear(&mut entries, blob);
    }

    /// Fetches a file from a member, for keeping.
    pub(crate) async fn fetch(&self, blob: ContentHash, bytes: u64, from: Contact) -> Got {
        self.entries().entry(blob).or_default().is_kept = true;
        if self.inner.liars.has(blob, from.peer) {
            return Got::NotGiven;
        }
        let _turn = self.inner.source_turns.of(from.peer).await;
        // The semaphore is never closed.
        let Ok(_place) = self.inner.fetches.acquire().await else { return Got::NotGiven };
        self.obtain(blob, bytes, vec![from.address.into()]).await
    }

    /// Promises room for a guest's file, beside what is kept already; none when there is none.
    pub(crate) fn reserve(&self, guest: PeerId, bytes: u64, kept: u64) -> Option<Reserved> {
        let quotas = &self.inner.quotas;
        let mut reserved = lock(&self.inner.reserved);
        let (own, all) = (reserved.get(&guest).copied().unwrap_or_default(), reserved.values().sum::<u64>());
        let fits = own.saturating_add(bytes) <= quotas.blob_bytes_per_publisher_max
            && kept.saturating_add(all).saturating_add(bytes) <= quotas.blob_bytes_max;
        if !fits {
            return None;
        }
        *reserved.entry(guest).or_default() += bytes;
        Some(Reserved { vault: self.clone(), guest, bytes })
    }

    /// Takes a file over from a guest, whose turn it may not be yet. Pin it before: what fails is gone with the pin.
    pub(crate) async fn take_over(&self, guest: PeerId, key: (ContentHash, u64), peers: Vec<Address>) -> Got {
        let _turn = self.inner.guest_turns.of(guest).await;
        // The semaphore is never closed.
        let Ok(_place) = self.inner.guests.acquire().await else { return Got::NotGiven };
        self.obtain(key.0, key.1, peers).await
    }

    async fn obtain(&self, blob: ContentHash, bytes: u64, peers: Vec<Address>) -> Got {
        if self.path(blob).is_some() {
            return Got::Here;
        }
        let Ok(name) = RelPath::new(&blob.to_string()) else { return Got::NotGiven };
        let link = Link { hash: blob, kind: ContentKind::File, name, size: bytes, invite: None, peers };
        let request = FetchRequest {
            what: What::Link(Box::new(link)),
            output: self.inner.folder.clone(),
            partial_dir: Some(self.inner.partial.clone()),
            afterwards: Afterwards::Leave,
            case_clashes: CaseClashes::Allowed,
        };
        let longest = (FETCH_MAX + Duration::from_secs(bytes / RATE_MIN)).min(LONGEST_MAX);
        match timeout(longest, self.inner.means.fetch(&self.inner.network, request)).await {
            Ok(Ok(fetched)) if fetched.key.size == bytes && self.take_up(blob).await => Got::Here,
            Ok(Ok(_)) => Got::NotGiven,
            Err(_) => {
                tracing::debug!(target: "drizzle::ring", ?blob, ?longest, "a file was not given in time");
                Got::NotGiven
            }
            Ok(Err(FetchError::Disk { error, .. })) => {
                tracing::warn!(target: "drizzle::ring", %error, "a file that is to be kept cannot be written");
                Got::Unwritable
            }
            Ok(Err(error)) => {
                if let FetchError::Integrity { peers, .. } = &error {
                    peers.iter().for_each(|&peer| self.inner.liars.add(blob, peer));
                }
                tracing::debug!(target: "drizzle::ring", %error, "a file was not given");
                Got::NotGiven
            }
        }
    }

    /// Serves what lies in the folder, if it is what its name says.
    async fn take_up(&self, blob: ContentHash) -> bool {
        let Ok(name) = RelPath::new(&blob.to_string()) else { return false };
        let Ok(shared) = self.inner.server.hash(self.path_of(blob), name).await else { return false };
        if shared.content().hash() != blob {
            return false;
        }
        let (watcher, changes) = mpsc::unbounded_channel();
        let Some(held) = self.inner.server.serve(&shared, &watcher).await else { return false };
        // One that is gone again already is found by the next look.
        let Some(look) = Look::at(&self.path_of(blob)) else { return false };
        tokio::spawn(suspect_changes(blob, changes, self.inner.suspects.clone()));
        let mut entries = self.entries();
        let entry = entries.entry(blob).or_default();
        (entry.source, entry.is_missed) = (None, false);
        entry.held = Some(Kept { _held: held, look, read_at: Instant::now() });
        // Meanwhile nobody may want it any more.
        self.clear(&mut entries, blob);
        entries.contains_key(&blob)
    }

    /// The machine keeps it no longer.
    pub(crate) fn release(&self, blob: ContentHash) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&blob) {
            entry.is_kept = false;
        }
        self.clear(&mut entries, blob);
    }

    fn clear(&self, entries: &mut HashMap<ContentHash, Entry>, blob: ContentHash) {
        if entries.get(&blob).is_some_and(|entry| !entry.is_wanted()) {
            entries.remove(&blob);
            // It may never have come, or have come whole.
            let _ = fs::remove_file(self.path_of(blob));
            let _ = fs::remove_dir_all(self.inner.partial.join(blob.to_string()));
        }
    }

    fn path_of(&self, blob: ContentHash) -> PathBuf {
        self.inner.folder.join(blob.to_string())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ContentHash, Entry>> {
        lock(&self.inner.entries)
    }
}

/// Copies the owner's own file beside, and puts it in its place.
fn copy_own(source: &Path, beside: &Path, blob: ContentHash, target: &Path) -> Got {
    let Ok(mut source) = fs::File::open(source) else { return Got::NotGiven };
    let Ok(mut copy) = fs::File::create(beside) else { return Got::Unwritable };
    match std::io::copy(&mut source, &mut copy) {
        Ok(_) => {}
        Err(error) if is_of_target(&error) => return Got::Unwritable,
        Err(_) => return Got::NotGiven,
    }
    // Its owner may have changed it since it was hashed.
    match read(beside, blob) {
        Read::Right(_) if fs::rename(beside, target).is_ok() => Got::Here,
        Read::Right(_) => Got::Unwritable,
        _ => Got::NotGiven,
    }
}

/// Whether a copy failed where it was to be written.
fn is_of_target(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem)
}

/// Has a file looked into that its server found changed, until it is not served any more.
async fn suspect_changes(
    blob: ContentHash,
    mut changes: mpsc::UnboundedReceiver<ContentEvent>,
    suspects: mpsc::Sender<ContentHash>,
) {
    while let Some(event) = changes.recv().await {
        if matches!(event, ContentEvent::Changed { .. }) {
            // One of many is found by the next look all the same.
            let _ = suspects.try_send(blob);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the folders, and removes what nobody wants. Where it is not sure what is wanted, whole files are put aside.
fn clear_folders(folder: &Path, partial: &Path, left: &Leftovers<'_>) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::create_dir_all(partial)?;
    let wanted: HashSet<std::ffi::OsString> =
        left.wanted.iter().map(|blob| blob.to_string().into()).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() || wanted.contains(&entry.file_name()) {
            continue;
        }
        if left.is_sure {
            fs::remove_file(entry.path())?;
        } else {
            let aside = folder.join("aside");
            fs::create_dir_all(&aside)?;
            fs::rename(entry.path(), aside.join(entry.file_name()))?;
        }
    }
    for entry in fs::read_dir(partial)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            // A copy of the owner's own file that was cut off.
            fs::remove_file(entry.path())?;
        } else if !wanted.contains(&entry.file_name()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut reserved = lock(&self.vault.inner.reserved);
        if let Some(bytes) = reserved.get_mut(&self.guest) {
            *bytes = bytes.saturating_sub(self.bytes);
            if *bytes == 0 {
                reserved.remove(&self.guest);
            }
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut entries = self.vault.entries();
        if let Some(entry) = entries.get_mut(&self.blob) {
            entry.pins -= 1;
        }
        self.vault.clear(&mut entries, self.blob);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a node that cannot read what it kept deleted the files, at this start or the next.
    #[test]
    fn no_file_is_deleted_while_it_is_not_sure_what_is_wanted() {
        let ring = tempfile::tempdir().unwrap();
        let (files, partial) = (ring.path().join("files"), ring.path().join("partial"));
        let [known, unknown] = [1, 2].map(|byte| ContentHash::from_bytes([byte; 32]));
        clear_folders(&files, &partial, &Leftovers { wanted: &[], is_sure: true }).unwrap();
        for blob in [known, unknown] {
            fs::write(files.join(blob.to_string()), b"bytes").unwrap();
            fs::create_dir(partial.join(blob.to_string())).unwrap();
        }
        let aside = files.join("aside").join(unknown.to_string());
        for is_sure in [false, true] {
            clear_folders(&files, &partial, &Leftovers { wanted: &[known], is_sure }).unwrap();
            assert!(files.join(known.to_string()).exists() && aside.exists());
            assert!(partial.join(known.to_string()).exists() && !partial.join(unknown.to_string()).exists());
        }
        fs::write(files.join(unknown.to_string()), b"bytes").unwrap();
        clear_folders(&files, &partial, &Leftovers { wanted: &[known], is_sure: true }).unwrap();
        assert!(!files.join(unknown.to_string()).exists());
    }
}
