//! A member of a ring, as its owner uses it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use drizzle_model::{Invite, RelPath};
use drizzle_ring::{Contact, Space};
use tokio::task::JoinHandle;

use super::error::RingError;
use super::filing::{Filer, Keepers, best_of, copy_out, hops_of};
use super::handle::RingHandle;
use super::happening::{Neighbourhood, RingPeer};
use super::naming::stored_key;
use super::near::Near;
use super::outcome::{RingReceived, RingState, RingStored};
use super::standing::RingSecret;
use super::surroundings::Surroundings;
use super::vault::Vault;

/// How often a ticket is issued anew; it lives a day.
const TICKET_EVERY: Duration = Duration::from_secs(60 * 60);

/// A member. Clones are the same.
#[derive(Clone)]
pub struct RingNode {
    pub(super) ring: RingHandle,
    pub(super) vault: Vault,
    pub(super) filer: Filer,
    pub(super) invite: Invite,
    pub(super) space: Space,
    pub(super) replicas: usize,
    pub(super) me: Contact,
    /// Held as long as tickets are needed.
    pub(super) _ticket: Arc<Ticketing>,
    /// Held for its lock: two nodes on one state would each take the other's files for leftovers.
    pub(super) _lock: Arc<std::fs::File>,
}

/// Issues tickets until it is dropped.
pub(super) struct Ticketing(JoinHandle<()>);

impl Drop for Ticketing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Issues a ticket anew again and again.
pub(super) fn keep_ticket(secret: &RingSecret, around: &Surroundings) -> Ticketing {
    let (secret, peer) = (secret.clone(), around.identity.id());
    let memberships = around.joiner.memberships.clone();
    Ticketing(tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICKET_EVERY).await;
            memberships.renew(secret.ticket(peer));
        }
    }))
}

impl RingNode {
    /// What lets others in.
    pub fn invite(&self) -> &Invite {
        &self.invite
    }

    /// This node.
    pub fn me(&self) -> RingPeer {
        RingPeer::of(self.space, self.me)
    }

    /// Where it stands; none while it joins and when it has left.
    pub async fn state(&self) -> Option<RingState> {
        let state = self.ring.state().await.filter(|state| state.is_member)?;
        let Neighbourhood { me, predecessors, successors, records, file_bytes_max, .. } = state;
        let (files, file_bytes) = self.ring.kept().await?;
        let near = Near { me, predecessors, successors };
        let file_bytes_max = Some(file_bytes_max);
        Some(RingState { records, files, file_bytes, file_bytes_max, ..RingState::of(self.space, near) })
    }

    /// Places a file at the closest successor of its key and the peers behind it (S3.5).
    pub async fn store(
        &self,
        path: &Path,
        name: RelPath,
        hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingStored, RingError> {
        let space = self.space;
        let offer = self.filer.offer(space, path, name).await?;
        let source = std::path::absolute(path).map_err(|error| RingError::disk(path, &error))?;
        let _pin = self.vault.pin(offer.record.id().subject, Some(source));
        let at = self.ring.store(offer.record.clone(), hops_of(space, hop)).await?;
        Ok(offer.stored(at))
    }

    /// Fetches a file that the ring keeps (S3.6), straight from those who keep it.
    pub async fn request(
        &self,
        name: &RelPath,
        output: PathBuf,
        hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingReceived, RingError> {
        let (space, key) = (self.space, stored_key(self.space, name));
        let (by, records) = self.ring.request(key, hops_of(space, hop)).await?;
        let wanted = best_of(space, &records, name).ok_or(RingError::NotFound)?;
        if let Some(here) = self.vault.path(wanted.hash) {
            let path = copy_out(here, &output, &wanted).await?;
            return Ok(RingReceived { key: wanted, by: self.me(), path, is_own: true });
        }
        let others = self.ring.keepers(space.place(&key), self.replicas).await;
        self.filer.receive(space, wanted, output, Keepers { by, others }).await
    }

    /// Leaves: the neighbours are told, and what is kept here is kept elsewhere (S3.3).
    pub async fn quit(&self) {
        self.ring.quit().await;
    }
}
