//! A catalogue that is kept in memory, for tests and for whoever wants nothing on the disk. Clones are the same one, so that a
//! tracker can be started anew with what the last one knew.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use drizzle_directory::{Claim, Registration};
use drizzle_model::{Bitmap, FileKey, Mtime, PeerId};

use super::change::{Change, Known, Store};
use super::codec::bits_of;
use super::error::StoreError;

#[derive(Debug, Clone)]
struct File {
    mtime: Mtime,
    registrar: PeerId,
    unix_s: u64,
}

#[derive(Debug, Clone)]
struct Peer {
    address: SocketAddr,
    /// None for all of a file.
    holdings: HashMap<FileKey, Option<Bitmap>>,
}

#[derive(Debug, Default)]
struct Content {
    versions_below: Option<u64>,
    /// In the order of first registration.
    files: BTreeMap<u64, (FileKey, File)>,
    numbers: HashMap<FileKey, u64>,
    next: u64,
    /// In the order in which they came.
    peers: BTreeMap<u64, (PeerId, Peer)>,
    peer_numbers: HashMap<PeerId, u64>,
}

/// A store without a disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
}

impl Store for MemoryStore {
    fn load(&mut self, tell: &mut dyn FnMut(Known)) -> Result<(), StoreError> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(below) = content.versions_below {
            tell(Known::Versions { below });
        }
        for (key, file) in content.files.values() {
            let File { mtime, registrar, unix_s } = *file;
            tell(Known::File { key: key.clone(), mtime, registrar, unix_s });
        }
        for &(peer, Peer { address, ref holdings }) in content.peers.values() {
            tell(Known::Peer { peer, address });
            for (file, (key, _)) in content.files.values().enumerate() {
                if let Some(bits) = holdings.get(key) {
                    tell(Known::Holding { file, claim: bits.clone().map_or(Claim::All, Claim::Bits) });
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().for_each(|change| content.apply(change));
        Ok(())
    }
}

impl Content {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Peer { peer, address } => self.add_peer(*peer, *address),
            Change::Gone { peer } => {
                if let Some(number) = self.peer_numbers.remove(peer) {
                    self.peers.remove(&number);
                }
            }
            Change::Registered { peer, file, unix_s } => self.register(*peer, file, *unix_s),
            Change::Chunks { peer, key, runs } => {
                let bits = self.peer(peer).and_then(|peer| peer.holdings.get_mut(key));
                if let Some(held @ Some(_)) = bits
                    && let Some(bits) = held
                {
                    runs.iter().filter(|run| run.last < key.chunks).for_each(|&run| bits.insert_run(run));
                    held.take_if(|bits| bits.is_full());
                }
            }
            Change::Unregistered { peer, key } => {
                if let Some(peer) = self.peer(peer) {
                    peer.holdings.remove(key);
                }
            }
            Change::Forgotten { key } => {
                if let Some(number) = self.numbers.remove(&**key) {
                    self.files.remove(&number);
                }
            }
            Change::Versions { below } => self.versions_below = self.versions_below.max(Some(*below)),
        }
    }

    fn peer(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(self.peer_numbers.get(peer)?).map(|(_, peer)| peer)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn add_peer(&mut self, id: PeerId, address: SocketAddr) {
        if let Some(peer) = self.peer(&id) {
            peer.address = address;
            return;
        }
        let number = self.number();
        self.peer_numbers.insert(id, number);
        self.peers.insert(number, (id, Peer { address, holdings: HashMap::new() }));
    }

    fn register(&mut self, id: PeerId, file: &Registration, unix_s: u64) {
        let Registration { key, mtime, claim } = file;
        let Some(peer) = self.peer(&id) else { return };
        peer.holdings.insert(key.clone(), bits_of(claim, key.chunks));
        match self.numbers.get(key).and_then(|number| self.files.get_mut(number)) {
            Some((_, file)) => file.mtime = file.mtime.max(*mtime),
            None => {
                let number = self.number();
                self.numbers.insert(key.clone(), number);
                self.files.insert(number, (key.clone(), File { mtime: *mtime, registrar: id, unix_s }));
            }
        }
    }
}
