//! The files that a ring node keeps for the ring: fetched by the swarm, hashed, served by the hub, each named by its hash.
//!
//! A file is here as long as the machine keeps it or somebody has pinned it. Which file that is, and how many bytes of
//! whom, is the machine's to say: this only does it.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drizzle_model::{Address, ContentHash, ContentKind, Link, RelPath};
use drizzle_ring::Contact;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::fetch::{Afterwards, CaseClashes, FetchRequest, Means, What};
use crate::hub_handle::Held;
use crate::network::Network;

use super::serve::FileServer;

/// Files that are fetched at a time: more would only share the same link.
const FETCHES_MAX: usize = 4;

/// The files. Clones are the same.
#[derive(Clone)]
pub(crate) struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    network: Network,
    means: Means,
    server: FileServer,
    entries: Mutex<HashMap<ContentHash, Entry>>,
    fetches: Semaphore,
}

#[derive(Default)]
struct Entry {
    pins: usize,
    is_kept: bool,
    /// Where the owner has it, until it is copied.
    source: Option<PathBuf>,
    /// It is in the folder, and served.
    held: Option<Held>,
}

/// Keeps a file in the vault until it is dropped.
pub(crate) struct Pin {
    vault: Vault,
    blob: ContentHash,
}

impl Vault {
    /// A vault in a folder. Of what an earlier process left there only `wanted` stays.
    pub(crate) fn new(
        folder: PathBuf,
        network: Network,
        means: Means,
        server: FileServer,
        wanted: &[ContentHash],
    ) -> std::io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_wanted = wanted.iter().any(|blob| name == *blob.to_string());
            if entry.file_type()?.is_file() && !is_wanted {
                fs::remove_file(entry.path())?;
            }
        }
        let inner = Inner {
            folder,
            network,
            means,
            server,
            entries: Mutex::default(),
            fetches: Semaphore::new(FETCHES_MAX),
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

    /// Serves a file that an earlier process left; false if it is not there, or not what its name says.
    pub(crate) async fn adopt(&self, blob: ContentHash) -> bool {
        self.path_of(blob).exists() && self.take_up(blob).await
    }

    /// Fetches a file from a member, for keeping.
    pub(crate) async fn fetch(&self, blob: ContentHash, bytes: u64, from: Contact) -> bool {
        self.entries().entry(blob).or_default().is_kept = true;
        self.obtain(blob, bytes, vec![from.address.into()]).await
    }

    /// Fetches a file from any of these.
    pub(crate) async fn obtain(&self, blob: ContentHash, bytes: u64, peers: Vec<Address>) -> bool {
        if self.path(blob).is_some() {
            return true;
        }
        // The semaphore is never closed.
        let Ok(_place) = self.inner.fetches.acquire().await else { return false };
        let Ok(name) = RelPath::new(&blob.to_string()) else { return false };
        let link = Link { hash: blob, kind: ContentKind::File, name, size: bytes, invite: None, peers };
        let request = FetchRequest {
            what: What::Link(Box::new(link)),
            output: self.inner.folder.clone(),
            partial_dir: None,
            afterwards: Afterwards::Leave,
            case_clashes: CaseClashes::Allowed,
        };
        match self.inner.means.fetch(&self.inner.network, request).await {
            Ok(fetched) if fetched.key.size == bytes => self.take_up(blob).await,
            Ok(_) => false,
            Err(error) => {
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
        true
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
        if entries.get(&blob).is_some_and(|entry| !entry.is_kept && entry.pins == 0) {
            entries.remove(&blob);
            // It may never have come.
            let _ = fs::remove_file(self.path_of(blob));
        }
    }

    fn path_of(&self, blob: ContentHash) -> PathBuf {
        self.inner.folder.join(blob.to_string())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ContentHash, Entry>> {
        self.inner.entries.lock().unwrap_or_else(PoisonError::into_inner)
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
