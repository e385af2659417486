//! A guest of a ring that gives files to it and asks for them, through one member.

use std::path::{Path, PathBuf};

use drizzle_model::{Invite, RelPath};

use super::entry::secret_of;
use super::error::RingError;
use super::filing::{Filer, Keepers, best_of, hops_of};
use super::greet::Introduction;
use super::guest::Guest;
use super::happening::RingPeer;
use super::naming::stored_key;
use super::outcome::{RingReceived, RingState, RingStored};
use super::serve::FileServer;
use super::standing::RingSecret;
use super::surroundings::{Surroundings, own_socket_addresses};
use crate::network::Network;

/// A guest that stores and requests files through a member. Clones are the same.
#[derive(Clone)]
pub struct RingGuest {
    guest: Guest,
    filer: Filer,
}

/// Finds a member of the ring of an invite.
pub(crate) async fn visit(around: Surroundings, invite: &Invite) -> Result<RingGuest, RingError> {
    let (guest, secret) = guest(&around, invite).await?;
    let addresses = own_socket_addresses(around.listen_addr);
    let invite = Invite { network: secret.network(), ..invite.clone() };
    let server = FileServer {
        hub: around.means.hub.clone(),
        index: around.means.index.clone(),
        network: secret.network(),
    };
    let alone = Network::alone(invite, around.joiner);
    let filer = Filer { server, means: around.means, alone, identity: around.identity, addresses };
    Ok(RingGuest { guest, filer })
}

/// A guest of the ring of an invite, with the ring's secret; one member has answered.
pub(crate) async fn guest(around: &Surroundings, invite: &Invite) -> Result<(Guest, RingSecret), RingError> {
    let secret = secret_of(&around.dialer, invite).await?;
    around.joiner.memberships.renew(secret.ticket(around.identity.id()));
    let introduction = Introduction {
        memberships: around.joiner.memberships.clone(),
        network: secret.network(),
        listen_port: around.listen_addr.port().try_into().ok(),
        member: None,
    };
    let (dialer, events) = (around.dialer.clone(), around.means.events.clone());
    let guest = Guest::new(dialer, introduction, events, invite.addresses.clone());
    guest.space().await?;
    Ok((guest, secret))
}

impl RingGuest {
    /// As [`RingNode::store`](super::RingNode::store).
    pub async fn store(
        &self,
        path: &Path,
        name: RelPath,
        hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingStored, RingError> {
        let space = self.guest.space().await?;
        let offer = self.filer.offer(space, path, name).await?;
        let at = self.guest.keep(offer.record.clone(), hops_of(space, hop)).await?;
        Ok(offer.stored(at))
    }

    /// As [`RingNode::request`](super::RingNode::request).
    pub async fn request(
        &self,
        name: &RelPath,
        output: PathBuf,
        hop: impl FnMut(RingPeer, RingPeer) + Send,
    ) -> Result<RingReceived, RingError> {
        let space = self.guest.space().await?;
        let found = self.guest.find(stored_key(space, name), hops_of(space, hop)).await?;
        let wanted = best_of(space, &found.records, name).ok_or(RingError::NotFound)?;
        let keepers = Keepers { by: found.by, others: found.keepers };
        self.filer.receive(space, wanted, output, keepers).await
    }

    /// Where the member stands that is asked. What it keeps is for it alone to know.
    pub async fn state(&self) -> Result<RingState, RingError> {
        let space = self.guest.space().await?;
        Ok(RingState::of(space, self.guest.neighbours().await?))
    }
}
