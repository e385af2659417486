//! A lane as the hub knows it: what is spoken of on it.

use std::collections::HashMap;

use drizzle_swarm::PeerKey;
use drizzle_wire::Channel;

use crate::content_key::ContentId;
use crate::lane::{Lane, LaneId};

/// A channel on a lane.
pub(super) type Place = (LaneId, Channel);

/// What a channel is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// This side has opened it and waits for the answer.
    Opening(ContentId),
    /// Both sides speak of the content.
    Open(ContentId),
}

/// A lane and what is spoken of on it.
pub(super) struct LaneState {
    pub(super) lane: Lane,
    pub(super) peer: PeerKey,
    pub(super) channels: HashMap<Channel, Use>,
    /// The highest channel that the remote has opened: the numbers only rise.
    pub(super) opened_last: Option<u32>,
}
