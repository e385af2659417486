//! A lane as the hub knows it: what is spoken of on it.

use std::collections::HashMap;

use drizzle_model::Bitmap;
use drizzle_swarm::PeerKey;
use drizzle_wire::{Channel, Side};

use crate::content_key::ContentId;
use crate::lane::{Lane, LaneId, Limits};

/// A channel on a lane.
pub(super) type Place = (LaneId, Channel);

/// What a channel is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    /// This side has opened it and waits for the answer.
    Opening {
        content: ContentId,
        /// What this side said that it has. It may get more before the answer comes.
        told: Bitmap,
    },
    /// Both sides speak of the content.
    Open(ContentId),
}

impl Use {
    /// What is spoken of.
    pub(super) fn content(&self) -> ContentId {
        match self {
            Self::Opening { content, .. } | Self::Open(content) => *content,
        }
    }
}

/// A peer with whom there is a lane.
pub(super) struct KnownPeer {
    /// The number by which the machines know it.
    pub(super) key: PeerKey,
    pub(super) lanes: Vec<LaneId>,
    /// What all lanes with it share.
    pub(super) limits: Limits,
}

/// A lane and what is spoken of on it.
pub(super) struct LaneState {
    pub(super) lane: Lane,
    pub(super) peer: PeerKey,
    pub(super) channels: HashMap<Channel, Use>,
    /// The highest channel that the remote has opened: the numbers only rise.
    pub(super) opened_last: Option<u32>,
}

/// Whether a content may be spoken of on one more channel of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing speaks against it.
    Free,
    /// This side has opened a channel for it, which is enough.
    Taken,
    /// The remote has opened one already.
    OpenedTwice,
}

impl LaneState {
    /// Whether `opener`, the remote, may open a channel for a content. When both open one at once, that of the side that
    /// called is kept.
    pub(super) fn stands_for(&self, content: ContentId, opener: Side) -> Standing {
        let same = self.channels.iter().filter(|(_, used)| used.content() == content);
        let each = same.map(|(channel, used)| match used {
            _ if channel.opener() == opener => Standing::OpenedTwice,
            Use::Opening { .. } if opener == Side::Dialer => Standing::Free,
            _ => Standing::Taken,
        });
        each.max_by_key(|standing| *standing as u8).unwrap_or(Standing::Free)
    }
}
