//! What a node gives to classic peers: its single files, by their names, as long as they are what they were when they were
//! hashed.
//!
//! Only those of networks whose tracker speaks the classic protocol, and so tells classic peers of them. In an open network
//! everyone may have them; a closed network's tracker speaks it on its own machine alone, so only who calls from this one
//! gets them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use drizzle_classic::{Counter, Ware, Wares};
use drizzle_model::{Geometry, NetworkId};
use drizzle_net::RateLimiter;
use drizzle_store::{Chunking, Content, Source};
use tokio::net::TcpStream;

/// Who may have a network's files without being a member of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Everyone,
    ThisMachine,
}

/// What can be had by name. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// The networks whose trackers speak the classic protocol.
    networks: HashMap<NetworkId, Reach>,
    /// The latest of each name. What is no longer served is gone.
    files: HashMap<(NetworkId, String), OneFile>,
}

/// A single file.
#[derive(Clone)]
struct OneFile {
    geometry: Geometry,
    source: Weak<dyn Source>,
}

impl Shelf {
    /// That network's tracker tells classic peers of what is here.
    pub(crate) fn open(&self, network: NetworkId, reach: Reach) {
        self.kept().networks.insert(network, reach);
    }

    /// This is served, under its name and in the place of what was. Of what is being fetched nothing is had until all of it is here.
    pub(crate) fn put(&self, network: NetworkId, content: &Content, source: &Arc<dyn Source>) {
        let mut kept = self.kept();
        kept.files.retain(|_, file| file.source.strong_count() > 0);
        if let Chunking::File(geometry) = content.chunking() {
            let file = OneFile { geometry, source: Arc::downgrade(source) };
            kept.files.insert((network, content.name().to_string()), file);
        }
    }

    fn find(&self, name: &str, caller: Caller) -> Option<ServedFile> {
        let kept = self.kept();
        let may_have = |reach: Reach| reach == Reach::Everyone || caller == Caller::Near;
        let mut networks = kept.networks.iter().filter(|(_, reach)| may_have(**reach));
        networks.find_map(|(network, _)| {
            let OneFile { geometry, source } = kept.files.get(&(*network, name.to_owned()))?;
            let source = source.upgrade().filter(|source| source.have().is_full())?;
            Some(ServedFile { geometry: *geometry, source })
        })
    }

    fn is_open(&self) -> bool {
        !self.kept().networks.is_empty()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// On this machine.
    Near,
    Far,
}

/// The shelf, as a caller sees it.
struct Seen {
    shelf: Shelf,
    caller: Caller,
}

impl Wares for Seen {
    fn open(&self, name: &str) -> Option<Box<dyn Ware>> {
        let file = self.shelf.find(name, self.caller)?;
        Some(Box::new(file))
    }
}

struct ServedFile {
    geometry: Geometry,
    source: Arc<dyn Source>,
}

impl Ware for ServedFile {
    fn size(&self) -> u64 {
        self.geometry.size()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let number = u32::try_from(offset / self.geometry.chunk_size()).map_err(io::Error::other)?;
        let Some(chunk) = self.geometry.chunk(number).filter(|_| offset < self.size()) else { return Ok(0) };
        let within = offset - self.geometry.range(chunk).start;
        self.source.read(chunk, within, buffer).map_err(io::Error::other)
    }
}

/// Answers classic callers of the node's port.
#[derive(Clone)]
pub(crate) struct ClassicDoor {
    shelf: Shelf,
    near: Counter,
    far: Counter,
}

impl ClassicDoor {
    pub(crate) fn new(shelf: Shelf, limit: RateLimiter) -> Self {
        let counter = |caller| Counter::new(Arc::new(Seen { shelf: shelf.clone(), caller }), limit.clone());
        Self { near: counter(Caller::Near), far: counter(Caller::Far), shelf }
    }

    /// Answers one caller. Who calls a node of no classic network finds the connection closed.
    pub(crate) async fn serve(&self, tcp: TcpStream) {
        let Some(from) = tcp.peer_addr().ok().filter(|_| self.shelf.is_open()) else { return };
        let is_near = IpAddr::is_loopback(&from.ip().to_canonical());
        let counter = if is_near { &self.near } else { &self.far };
        counter.serve(tcp).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_store::{Index, Progress, Shared};
    use std::fs;

    fn shared(dir: &std::path::Path, name: &str, bytes: &[u8]) -> Arc<Shared> {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        let index = Index::in_directory(dir);
        Arc::new(Shared::of_path(&path, None, &index, &Progress::default()).unwrap())
    }

    fn read(shelf: &Shelf, name: &str, caller: Caller) -> Option<Vec<u8>> {
        let mut ware = Seen { shelf: shelf.clone(), caller }.open(name)?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 50_000];
        loop {
            match ware.read_at(bytes.len() as u64, &mut buffer).unwrap() {
                0 => break,
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
        assert_eq!(bytes.len() as u64, ware.size());
        Some(bytes)
    }

    /// S2.1: what is shared in a classic network is had by name; what is shared elsewhere, was replaced or is gone is not, and what is
    /// of a closed network only on this machine.
    #[test]
    fn files_of_classic_networks_are_had_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let [open, closed, other] = [1, 2, 3].map(|n| NetworkId::from_bytes([n; 32]));
        let shelf = Shelf::default();
        let put = |network, shared: &Arc<Shared>| {
            let source = Arc::clone(shared) as Arc<dyn Source>;
            shelf.put(network, shared.content(), &source);
        };
        let large: Vec<u8> = (0..3_000_000u32).map(|n| (n >> 8) as u8).collect();
        let (a, b, c) =
            (shared(dir.path(), "a", &large), shared(dir.path(), "b", b"b"), shared(dir.path(), "c", b"c"));
        put(open, &a);
        assert_eq!(read(&shelf, "a", Caller::Near), None, "no network is classic yet");
        shelf.open(open, Reach::Everyone);
        shelf.open(closed, Reach::ThisMachine);
        put(closed, &b);
        put(other, &c);
        assert!(read(&shelf, "a", Caller::Far) == Some(large));
        assert_eq!(
            (read(&shelf, "b", Caller::Near), read(&shelf, "b", Caller::Far)),
            (Some(b"b".to_vec()), None)
        );
        assert_eq!((read(&shelf, "c", Caller::Near), read(&shelf, "../a", Caller::Near)), (None, None));
        drop(a);
        assert_eq!(read(&shelf, "a", Caller::Far), None, "it is no longer shared");
    }
}
