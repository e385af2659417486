//! A peer: an event loop that drives the machines over disk and network.
//!
//! [`Node`] is the facade: start it, join a [`Network`], share and fetch. What happens meanwhile comes as [`Event`]s.

mod ahead;
mod calling;
mod candidates;
mod classic;
mod content_key;
mod describe;
mod discovery;
mod error;
mod event;
mod fetch;
mod hub;
mod hub_handle;
mod input;
mod joining;
mod lane;
mod listener;
mod listing;
mod membership;
mod network;
mod node;
mod registry;
mod ring;
mod settings;
mod share;

pub use discovery::DiscoveryError;
pub use error::{ErrorKind, FetchError, ShareError, StartError, TrackerError};
pub use event::Event;
pub use fetch::{Afterwards, CaseClashes, ClassicFetched, FetchRequest, Fetched, What};
pub use listing::{Listing, ListingPage, Listings};
pub use network::{Location, Network};
pub use node::{DialledAhead, Node};
pub use ring::{
    RingError, RingEvent, RingGuest, RingId, RingNode, RingPeer, RingReceived, RingSettings, RingState,
    RingStored,
};
pub use settings::{Listen, Settings};
pub use share::{SharedItem, SkippedPath};
