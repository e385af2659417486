//! In which ring something is read: how large it is, and whose word counts.

use drizzle_model::PeerId;
use drizzle_ring::{Position, Space};

/// In which ring a frame is read.
#[derive(Debug, Clone, Copy)]
pub struct RingContext {
    /// How many positions the ring has.
    pub space: Space,
    /// Whether a peer has signed these bytes.
    pub is_signed: fn(&PeerId, &[u8], &[u8; 64]) -> bool,
}

/// Where a peer stands in the ring of hashes.
pub fn ring_position(peer: &PeerId) -> Position {
    Position::from_bytes(blake3::hash(peer.as_bytes()).as_bytes())
}
