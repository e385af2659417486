//! How what an earlier process kept comes back into the ring: each file is stored anew.
//!
//! Law: nothing is deleted or forgotten before the ring has taken it. What fails is tried again; when this node leaves the
//! ring, the next start goes on.

use std::time::Duration;

use drizzle_ring::Record;

use super::error::RingError;
use super::handle::RingHandle;
use super::memory::Memory;
use super::vault::{Adopted, Vault};

/// How long to wait between two looks whether the node is a member.
const MEMBER_LOOK: Duration = Duration::from_millis(200);
/// How soon what could not be stored anew is tried again; doubled each time.
pub(super) const AGAIN_FIRST: Duration = Duration::from_secs(10);
const AGAIN_MAX: Duration = Duration::from_secs(10 * 60);

/// Stores anew what an earlier process kept, once this one is a member: where it belongs may be elsewhere by now. Nothing of
/// it is deleted before others have it: this may be the last copy.
pub(super) async fn bring_back(ring: RingHandle, vault: Vault, memory: Memory, mut wait: Duration) {
    loop {
        match ring.state().await {
            None => return,
            Some(state) if state.is_member => break,
            Some(_) => tokio::time::sleep(MEMBER_LOOK).await,
        }
    }
    loop {
        for record in memory.left() {
            let (id, blob) = (record.id(), record.id().subject);
            match store_anew(&ring, &vault, record).await {
                Ok(()) => {
                    memory.is_done(&id);
                    vault.is_done(blob);
                }
                // This node has left; the next start goes on.
                Err(RingError::NotMember) => return,
                Err(error) => {
                    tracing::warn!(target: "drizzle::ring", ?blob, %error, "a file of before is not stored anew yet");
                }
            }
        }
        if memory.left().is_empty() {
            return;
        }
        if tokio::time::timeout(wait, ring.ended()).await.is_ok() {
            return;
        }
        wait = (wait * 2).min(AGAIN_MAX);
    }
}

async fn store_anew(ring: &RingHandle, vault: &Vault, record: Record) -> Result<(), RingError> {
    match vault.adopt(record.id().subject).await {
        Adopted::Here => Ok(ring.store(record, |_, _| {}).await.map(drop)?),
        // It had not come yet when the earlier process ended; whoever was to give it has it.
        Adopted::Missing => Ok(()),
        Adopted::Unreadable => Err(RingError::Other { reason: "it cannot be read, or is damaged".into() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{Ipv4Addr, SocketAddr};

    use drizzle_model::{ContentHash, Invite, NetworkId, PeerId, Place};
    use drizzle_ring::{Contact, Content, Key, Lease, OperationError, RecordId, Space};
    use tokio::sync::mpsc;

    use super::*;
    use crate::network::Network;
    use crate::ring::happening::{Command, Happening, Neighbourhood, News};
    use crate::ring::serve::FileServer;
    use crate::ring::standing::signed;
    use crate::ring::vault::Leftovers;
    use crate::{Listen, Node, Settings};

    const BYTES: &[u8] = b"kept for the ring";

    fn member() -> Neighbourhood {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        let me = Contact {
            position: Space::FULL.place(&Key::from_number(1)),
            peer: PeerId::from_bytes([1; 32]),
            address,
        };
        Neighbourhood {
            me,
            predecessors: Vec::new(),
            successors: Vec::new(),
            is_member: true,
            records: 0,
            files: 0,
            file_bytes: 0,
        }
    }

    /// Answers as a driver would, up to the next store, which comes to this.
    async fn answer(happened: &mut mpsc::Receiver<Happening>, end: News) {
        loop {
            match happened.recv().await.unwrap() {
                Happening::Command(Command::State(reply)) => drop(reply.send(member())),
                Happening::Command(Command::Store { news, .. }) => break news.send(end).unwrap(),
                _ => unreachable!("nothing else is asked for"),
            }
        }
    }

    /// Would fail if a file were deleted, or forgotten, because the ring did not take it at once.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_deleted_before_the_ring_has_taken_it() {
        let state = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(state.path().to_owned());
        settings.listen = Listen { ip: Ipv4Addr::LOCALHOST.into(), port: 0, otherwise_any_port: false };
        let (node, _events) = Node::start(settings).await.unwrap();
        let around = node.surroundings();
        let blob = ContentHash::from_bytes(*blake3::hash(BYTES).as_bytes());
        let content = Content {
            id: RecordId { key: Key::from_number(7), publisher: around.identity.id(), subject: blob },
            version: 1,
            lease: Lease::Forever,
            rank: 0,
            blob_bytes: Some(BYTES.len() as u64),
            withdrawn: false,
            value: Vec::new(),
        };
        let record = signed(&around.identity, content).unwrap();
        let of_ring = state.path().join("one-ring");
        let file = of_ring.join("files").join(blob.to_string());
        fs::create_dir_all(of_ring.join("files")).unwrap();
        fs::write(&file, BYTES).unwrap();
        let (earlier, _) = Memory::open(of_ring.join("records")).unwrap();
        earlier.save(&earlier.snapshot([record].iter())).unwrap();

        let (memory, is_sure) = Memory::open(of_ring.join("records")).unwrap();
        let network = NetworkId::UNKNOWN;
        let invite = Invite { place: Place::Ring, addresses: Vec::new(), network, secret: None };
        let (hub, index) = (around.means.hub.clone(), around.means.index.clone());
        let server = FileServer { hub, index, network };
        let alone = Network::alone(invite, around.joiner);
        let left = Leftovers { wanted: &[blob], is_sure };
        let vault = Vault::new(&of_ring, alone, around.means, server, left).unwrap();

        let (happenings, mut happened) = mpsc::channel(8);
        let ring = RingHandle::new(happenings);
        let again = || {
            let (ring, vault, memory) = (ring.clone(), vault.clone(), memory.clone());
            tokio::spawn(bring_back(ring, vault, memory, Duration::from_millis(1)))
        };
        let coming = again();
        for error in [OperationError::NoAnswer, OperationError::TooMany { max: 1 }, OperationError::NotMember]
        {
            assert!(file.exists(), "{error}");
            answer(&mut happened, News::Failed(error)).await;
        }
        coming.await.unwrap();
        assert!(file.exists() && memory.left().len() == 1);

        let coming = again();
        answer(&mut happened, News::Stored { at: Vec::new() }).await;
        coming.await.unwrap();
        assert!(memory.left().is_empty() && !file.exists(), "others keep it");
        node.shutdown().await;
    }
}
