//! What a member does for guests: for each wish it asks the ring, and answers.

use std::sync::Arc;

use drizzle_ring::{Contact, Key, Record, Space};
use drizzle_wire::{ByeText, CardKind, Reply, RingFrame, Wish};
use tokio::sync::Semaphore;

use super::error::RingError;
use super::handle::RingHandle;
use super::line::Line;
use super::naming::card_of;
use super::reach::is_of_one_machine;
use super::vault::{Got, Vault};

/// What is done for all guests at a time. The machine does twice as much: so there is always room for the node's own,
/// and nobody waits behind thousands of wishes.
const WISHES_MAX: usize = 96;
/// Files that are placed for guests at a time. That may take long, so they have a bound of their own.
const PLACED_MAX: usize = 64;

/// How much is done for guests at a time. Clones count the same.
#[derive(Clone)]
pub(crate) struct Turns {
    wishes: Arc<Semaphore>,
    placed: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { wishes: semaphore(WISHES_MAX), placed: semaphore(PLACED_MAX) }
    }
}

/// Grants wishes. Clones are the same.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) ring: RingHandle,
    pub(crate) vault: Vault,
    pub(crate) space: Space,
    pub(crate) me: Contact,
    /// How many peers should keep each record.
    pub(crate) replicas: usize,
    pub(crate) turns: Turns,
}

impl Host {
    /// Does what is wished, and answers on the line. A guest that does not read its answers loses its line.
    pub(crate) async fn grant(&self, line: &Line, number: u64, wish: Wish) {
        let say = |reply: Reply| {
            let _ = line.say(RingFrame::Reply(number, reply));
        };
        let hop = |from: Contact, to: Contact| say(Reply::Hop { from, to });
        // Nobody closes the semaphores.
        let _turn = match wish {
            Wish::Keep(_) => None,
            _ => self.turns.wishes.acquire().await.ok(),
        };
        let granted = match wish {
            Wish::Members => self.members().await,
            Wish::Find(key) => self.find(key, hop).await,
            Wish::Publish(record) => self.publish(record, hop).await,
            Wish::Keep(record) => tokio::select! {
                kept = self.keep(line, record, hop) => kept,
                // It may take hours, and nobody hears what came of it.
                () = line.ended() => return,
            },
            Wish::List { after } => match self.ring.list(after).await {
                Some((records, has_more)) => Ok(Reply::Listed { records, has_more }),
                None => Err(RingError::NotMember),
            },
        };
        say(granted.unwrap_or_else(|error| Reply::Failed {
            why: error.failure(),
            text: ByeText::clip(&error.words()),
        }));
    }

    async fn members(&self) -> Result<Reply, RingError> {
        let state = self.ring.state().await.filter(|state| state.is_member).ok_or(RingError::NotMember)?;
        let (me, predecessors, successors) = (state.me, state.predecessors, state.successors);
        Ok(Reply::Members { me, predecessors, successors })
    }

    async fn find(&self, key: Key, hop: impl FnMut(Contact, Contact)) -> Result<Reply, RingError> {
        let (by, records) = self.ring.request(key, hop).await?;
        let mut keepers = Vec::new();
        if records.iter().any(|offer| offer.record.content().blob_bytes.is_some()) {
            keepers = self.ring.keepers(self.space.place(&key), self.replicas).await;
        }
        Ok(Reply::Found { by, keepers, records })
    }

    async fn publish(&self, record: Record, hop: impl FnMut(Contact, Contact)) -> Result<Reply, RingError> {
        if record.content().blob_bytes.is_some() {
            return Err(RingError::NotTaken { reason: "a file is not published, but kept".into() });
        }
        let at = self.ring.store(record, hop).await?;
        Ok(Reply::Kept { by: self.me, at })
    }

    /// Takes the guest's file over first, so that the guest need not be reached by all who are to keep it.
    async fn keep(
        &self,
        line: &Line,
        record: Record,
        hop: impl FnMut(Contact, Contact),
    ) -> Result<Reply, RingError> {
        let not_taken = |reason: &str| RingError::NotTaken { reason: reason.to_owned() };
        let (publisher, card) = card_of(self.space, &record).ok_or_else(|| not_taken("its card is wrong"))?;
        if card.kind != CardKind::Stored || publisher != line.peer {
            return Err(not_taken("it is no file of the one who asks"));
        }
        let kept = self.ring.state().await.ok_or(RingError::NotMember)?.promised_bytes;
        let Some(_room) = self.vault.reserve(publisher, card.key.size, kept) else {
            return Err(RingError::Full { reason: "it keeps as much for others as it may".into() });
        };
        let _pin = self.vault.pin(card.key.hash, None);
        // Another machine's loopback is not this one's, and what listens there is nothing to a guest.
        let is_near = line.reach.is_loopback();
        let reached = card.addresses.iter().filter(|address| is_near || !is_of_one_machine(address.ip()));
        let addresses = reached.map(|&address| address.into()).collect();
        match self.vault.take_over(publisher, (card.key.hash, card.key.size), addresses).await {
            Got::Here => {}
            Got::NotGiven => return Err(not_taken("the file could not be fetched from the one who asks")),
            Got::Unwritable => {
                return Err(RingError::Full { reason: "its disk is full, or cannot be written to".into() });
            }
        }
        let _turn = self.turns.placed.acquire().await.ok();
        let at = self.ring.store(record, hop).await?;
        Ok(Reply::Kept { by: self.me, at })
    }
}
