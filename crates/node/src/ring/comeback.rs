//! How what an earlier process kept comes back into the ring: each file is stored anew.
//!
//! Law: nothing is deleted or forgotten before the ring has taken it. What fails is tried again; when this node leaves
//! the ring, the next start goes on.

use std::time::Duration;

use drizzle_ring::{OperationError, Record, Refusal};

use tokio::task::JoinSet;

use super::error::RingError;
use super::handle::RingHandle;
use super::memory::Memory;
use super::vault::{Adopted, Vault};

/// How long to wait between two looks whether the node is a member.
const MEMBER_LOOK: Duration = Duration::from_millis(200);
/// How soon what could not be stored anew is tried again; doubled each time.
pub(super) const AGAIN_FIRST: Duration = Duration::from_secs(10);
const AGAIN_MAX: Duration = Duration::from_secs(10 * 60);
/// Files that are stored anew at a time: one whose keepers are slow, or only pretend to fetch it, holds up no other.
const AT_ONCE_MAX: usize = 16;

/// Stores anew what an earlier process kept, once this one is a member: where it belongs may be elsewhere by now.
/// Nothing of it is deleted before others have it: this may be the last copy.
pub(super) async fn bring_back(ring: RingHandle, vault: Vault, memory: Memory, mut wait: Duration) {
    loop {
        match ring.state().await {
            None => return,
            Some(state) if state.is_member => break,
            Some(_) => tokio::time::sleep(MEMBER_LOOK).await,
        }
    }
    loop {
        let (mut left, mut storing) = (memory.left().into_iter(), JoinSet::new());
        loop {
            while storing.len() < AT_ONCE_MAX
                && let Some(record) = left.next()
            {
                let (ring, vault) = (ring.clone(), vault.clone());
                storing.spawn(async move {
                    let id = record.id();
                    (id, store_anew(&ring, &vault, record).await)
                });
            }
            match storing.join_next().await {
                None => break,
                Some(Ok((id, Ok(())))) => {
                    memory.is_done(&id);
                    vault.is_done(id.subject);
                }
                // This node has left; the next start goes on.
                Some(Ok((_, Err(RingError::NotMember)))) => return,
                Some(Ok((id, Err(error)))) => {
                    let blob = id.subject;
                    tracing::warn!(target: "drizzle::ring", ?blob, %error, "a file of before is not stored anew yet");
                }
                Some(Err(error)) => {
                    tracing::debug!(target: "drizzle::ring", %error, "storing anew was cut off");
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
        Adopted::Here => match ring.store(record, |_, _| {}).await {
            // The ring has a newer version with its file. It asks for no other, and would refuse this one for ever.
            Ok(_) | Err(OperationError::Refused(Refusal::Stale { whole: true } | Refusal::Ended)) => Ok(()),
            Err(error) => Err(error.into()),
        },
        // It had not come yet when the earlier process ended; whoever was to give it has it.
        Adopted::Missing => Ok(()),
        // It is put aside. Whoever has a good copy gives it to those who are to keep it.
        Adopted::Damaged => Ok(()),
        Adopted::Unreadable => Err(RingError::Other { reason: "it cannot be read".into() }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::PathBuf;

    use drizzle_model::{ContentHash, PeerId};
    use drizzle_ring::{Contact, Content, Key, Lease, OperationError, RecordId, Space};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::ring::fixture::Fixture;
    use crate::ring::happening::{Command, Happening, Neighbourhood, News};
    use crate::ring::standing::signed;
    use crate::ring::vault::Leftovers;

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
            promised_bytes: 0,
            file_bytes_max: 0,
        }
    }

    fn record(identity: &drizzle_net::Identity, blob: ContentHash) -> Record {
        let content = Content {
            id: RecordId { key: Key::from_number(7), publisher: identity.id(), subject: blob },
            version: 1,
            lease: Lease::Forever,
            rank: 0,
            blob_bytes: Some(BYTES.len() as u64),
            withdrawn: false,
            value: Vec::new(),
        };
        signed(identity, content).unwrap()
    }

    /// A node that has started again, with a file and its record from before, and the test in its driver's place.
    struct Restarted {
        fixture: Fixture,
        file: PathBuf,
        memory: Memory,
        vault: Vault,
        _suspected: mpsc::Receiver<ContentHash>,
        ring: RingHandle,
        happened: mpsc::Receiver<Happening>,
    }

    impl Restarted {
        async fn new() -> Self {
            let fixture = Fixture::new().await;
            let (blob, file) = fixture.kept(BYTES);
            let record = record(&fixture.node.surroundings().identity, blob);
            let records = fixture.of_ring.join("records");
            let (earlier, _) = Memory::open(records.clone()).unwrap();
            earlier.save(&earlier.snapshot([record].iter())).unwrap();
            let (memory, is_sure) = Memory::open(records).unwrap();
            let (vault, _suspected) = fixture.vault(Leftovers { wanted: &[blob], is_sure });
            let (happenings, happened) = mpsc::channel(8);
            let ring = RingHandle::new(happenings);
            Self { fixture, file, memory, vault, _suspected, ring, happened }
        }

        fn bring_back(&self) -> JoinHandle<()> {
            let (ring, vault, memory) = (self.ring.clone(), self.vault.clone(), self.memory.clone());
            tokio::spawn(bring_back(ring, vault, memory, Duration::from_millis(1)))
        }

        /// Answers as a driver would, up to the next store, which comes to this.
        async fn answer(&mut self, end: News) {
            loop {
                match self.happened.recv().await.unwrap() {
                    Happening::Command(Command::State(reply)) => drop(reply.send(member())),
                    Happening::Command(Command::Store { news, .. }) => break news.send(end).unwrap(),
                    _ => unreachable!("nothing else is asked for"),
                }
            }
        }
    }

    /// Would fail if a file were deleted, or forgotten, because the ring did not take it at once.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_deleted_before_the_ring_has_taken_it() {
        let mut node = Restarted::new().await;
        let coming = node.bring_back();
        let newer_comes = OperationError::Refused(Refusal::Stale { whole: false });
        let refused = [OperationError::NoAnswer, newer_comes, OperationError::NotMember];
        for error in refused {
            assert!(node.file.exists(), "{error}");
            node.answer(News::Failed(error)).await;
        }
        coming.await.unwrap();
        assert!(node.file.exists() && node.memory.left().len() == 1);

        let coming = node.bring_back();
        node.answer(News::Stored { at: Vec::new() }).await;
        coming.await.unwrap();
        assert!(node.memory.left().is_empty() && !node.file.exists(), "others keep it");
        node.fixture.node.shutdown().await;
    }

    /// Would fail if a file were offered for ever to a ring that has a newer version of it.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_ring_has_in_a_newer_version_is_done() {
        let mut node = Restarted::new().await;
        let coming = node.bring_back();
        // As long as the newer one's file is missing there, the older one's is needed.
        let newer = |whole| News::Failed(OperationError::Refused(Refusal::Stale { whole }));
        node.answer(newer(false)).await;
        assert!(node.file.exists());
        node.answer(newer(true)).await;
        coming.await.unwrap();
        assert!(node.memory.left().is_empty() && !node.file.exists());
        node.fixture.node.shutdown().await;
    }
}
