//! The files that a ring node keeps for the ring: fetched by the swarm, hashed, served by the hub, each named by its hash.
//!
//! A file is here as long as the machine keeps it or somebody has pinned it; what an earlier process left, also until it is
//! stored anew. Which file that is, and how many bytes of
//! whom, is the machine's to say: this only does it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drizzle_model::{Address, ContentHash, ContentKind, Link, PeerId, RelPath};
use drizzle_ring::{Contact, Quotas};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::hub_handle::Held;
use crate::network::Network;

use super::serve::FileServer;

/// Files that are fetched at a time for keeping: more would only share the same link.
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
    turns: Mutex<HashMap<PeerId, Arc<tokio::sync::Mutex<()>>>>,
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
    held: Option<Held>,
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
    /// It cannot be read now, or is not what its name says.
    Unreadable,
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
    pub(crate) fn new(
        of_ring: &Path,
        network: Network,
        means: Means,
        server: FileServer,
        left: Leftovers<'_>,
    ) -> std::io::Result<Self> {
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
            turns: Mutex::default(),
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

    /// Where a file is, if it is here.
    pub(crate) fn path(&self, blob: ContentHash) -> Option<PathBuf> {
        let is_here = self.entries().get(&blob).is_some_and(|entry| entry.held.is_some());
        is_here.then(|| self.path_of(blob))
    }

    /// Keeps a file that the owner has, or that is here already.
    pub(crate) async fn keep_own(&self, blob: ContentHash) -> bool {
        let source = {
            let mut entries = self.entries();
            let entry = entries.entry(blob).or_default();
            entry.is_kept = true;
            if entry.held.is_some() {
                return true;
            }
            entry.source.clone()
        };
        let Some(source) = source else { return false };
        let target = self.path_of(blob);
        let copied = spawn_blocking(move || fs::copy(source, target)).await;
        matches!(copied, Ok(Ok(_))) && self.take_up(blob).await
    }

    /// Serves a file that an earlier process left.
    pub(crate) async fn adopt(&self, blob: ContentHash) -> Adopted {
        if self.path(blob).is_some() {
            return Adopted::Here;
        }
        match self.path_of(blob).try_exists() {
            Ok(false) => Adopted::Missing,
            Ok(true) if self.take_up(blob).await => Adopted::Here,
            _ => Adopted::Unreadable,
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
    pub(crate) async fn fetch(&self, blob: ContentHash, bytes: u64, from: Contact) -> bool {
        self.entries().entry(blob).or_default().is_kept = true;
        // The semaphore is never closed.
        let Ok(_place) = self.inner.fetches.acquire().await else { return false };
        self.obtain(blob, bytes, vec![from.address.into()]).await
    }

    /// Promises room for a guest's file, beside what is kept already; none when there is none.
    pub(crate) fn reserve(&self, guest: PeerId, bytes: u64, kept: u64) -> Option<Reserved> {
        let quotas = Quotas::default();
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
    pub(crate) async fn take_over(
        &self,
        guest: PeerId,
        key: (ContentHash, u64),
        peers: Vec<Address>,
    ) -> bool {
        let turn = {
            let mut turns = lock(&self.inner.turns);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(guest).or_default())
        };
        let _turn = turn.lock().await;
        // The semaphore is never closed.
        let Ok(_place) = self.inner.guests.acquire().await else { return false };
        self.obtain(key.0, key.1, peers).await
    }

    async fn obtain(&self, blob: ContentHash, bytes: u64, peers: Vec<Address>) -> bool {
        if self.path(blob).is_some() {
            return true;
        }
        let Ok(name) = RelPath::new(&blob.to_string()) else { return false };
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
            Ok(Ok(fetched)) if fetched.key.size == bytes => self.take_up(blob).await,
            Ok(Ok(_)) => false,
            Err(_) => {
                tracing::debug!(target: "drizzle::ring", ?blob, ?longest, "a file was not given in time");
                false
            }
            Ok(Err(error)) => {
                tracing::debug!(target: "drizzle::ring", %error, "a file was not given");
                false
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
        let Some(held) = self.inner.server.serve(&shared).await else { return false };
        let mut entries = self.entries();
        let entry = entries.entry(blob).or_default();
        (entry.source, entry.held) = (None, Some(held));
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
        if entry.file_type()?.is_dir() && !wanted.contains(&entry.file_name()) {
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
