//! Who is where: a peer's position on the ring, its key, and the address it serves at.

use core::net::SocketAddr;

use drizzle_model::PeerId;

use crate::neighbours::Pointer;
use crate::position::Position;

/// A peer as others know it. Two contacts are the same pointer when peer and position agree; the address may change.
///
/// The machine believes what it is given: whoever takes contacts from the network must see that `position` is the
/// hash of `peer` (in a full ring), and that the sender of a message is the `peer` that its connection proved.
#[derive(Debug, Clone, Copy)]
pub struct Contact {
    /// Where on the ring the peer stands.
    pub position: Position,
    /// The peer's key.
    pub peer: PeerId,
    /// Where it can be reached.
    pub address: SocketAddr,
}

impl PartialEq for Contact {
    fn eq(&self, other: &Self) -> bool {
        self.peer == other.peer && self.position == other.position
    }
}

impl Eq for Contact {}

impl Pointer for Contact {
    type Id = Position;

    fn id(&self) -> Position {
        self.position
    }
}
