//! The files that a ring node keeps for the ring: fetched by the swarm, hashed, served by the hub, each named by its
//! hash.
//!
//! A file is here as long as the machine keeps it or somebody has pinned it; what an earlier process left, also until
//! it is stored anew. Which file that is, and how many bytes of whom, is the machine's to say: this only does it.
//!
//! `own` and `obtain` bring files in, `turns` and `promises` say of whom and how much; `leftovers` are what was there
//! before, and `examine` looks whether all is still as it should be.

mod examine;
mod leftovers;
mod obtain;
mod own;
mod promises;
mod turns;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use drizzle_model::{ContentHash, PeerId, RelPath};
use drizzle_ring::Quotas;
use tokio::sync::mpsc;

use crate::fetch::Means;
use crate::hub_handle::Held;
use crate::input::ContentEvent;
use crate::network::Network;

use super::copy::Look;
use super::liars::Liars;
use super::serve::FileServer;
use leftovers::clear_folders;
use promises::Promises;
use turns::Turns;

pub(crate) use examine::{Adopted, Examined};
pub(crate) use leftovers::Leftovers;
pub(crate) use promises::Reserved;

/// Files that are fetched at a time for keeping: more would only share the same link.
const SOURCES_MAX: usize = 4;
/// Files that are taken over from guests at a time. They have places of their own: no guest stops a repair.
const GUESTS_MAX: usize = 2;

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
    /// Members of whom files are fetched.
    sources: Turns,
    /// Guests whose files are taken over.
    guests: Turns,
    promises: Promises,
    liars: Liars,
    /// Files that their server found changed, for whoever watches.
    suspects: mpsc::Sender<ContentHash>,
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

impl Entry {
    fn is_wanted(&self) -> bool {
        self.is_kept || self.pins > 0 || self.owed > 0
    }
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

/// What a vault needs besides its folder.
pub(crate) struct Equipment {
    pub(crate) network: Network,
    pub(crate) means: Means,
    pub(crate) server: FileServer,
    pub(crate) quotas: Quotas,
    /// Who hears of files that their server found changed.
    pub(crate) suspects: mpsc::Sender<ContentHash>,
}

/// Keeps a file in the vault until it is dropped.
pub(crate) struct Pin {
    vault: Vault,
    blob: ContentHash,
}

impl Vault {
    /// A vault in a ring's folder. Of what an earlier process left there only what is wanted stays.
    pub(crate) fn new(of_ring: &Path, equipment: Equipment, left: Leftovers<'_>) -> io::Result<Self> {
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
            sources: Turns::new(SOURCES_MAX),
            guests: Turns::new(GUESTS_MAX),
            liars: Liars::default(),
            suspects,
            promises: Promises::new(quotas),
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

    /// Promises room for a guest's file, beside what is kept already; none when there is none.
    pub(crate) fn reserve(&self, guest: PeerId, bytes: u64, kept: u64) -> Option<Reserved> {
        self.inner.promises.reserve(guest, bytes, kept)
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

    /// One of the records is stored anew by which an earlier process kept a file.
    pub(crate) fn is_done(&self, blob: ContentHash) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&blob) {
            entry.owed = entry.owed.saturating_sub(1);
        }
        self.clear(&mut entries, blob);
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
        self.inner.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

impl Drop for Pin {
    fn drop(&mut self) {
        let mut entries = self.vault.entries();
        if let Some(entry) = entries.get_mut(&self.blob) {
            entry.pins -= 1;
        }
        self.vault.clear(&mut entries, self.blob);
    }
}
