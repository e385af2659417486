//! The classic protocol: JSON between peers and a tracker, and a port on each peer that serves files, in two dialects.
//!
//! * [`Splitter`], [`PeerMessage`] and [`DirectoryMessage`] read what anybody sends; [`Board`] is what a tracker knows of
//!   classic peers.
//! * [`Counter`] serves files, be it those of a [`Folder`] or other [`Wares`].
//! * [`get`](get()) gets one file from one of its holders.
//! * [`Synchronizer`] keeps a flat folder in step with those of other peers.
//!
//! Decisions are pure and take time as a value (`splitter`, `message`, `board`, `request`, `header`, `plan`, `backoff`, `pace`);
//! the rest drives them over tokio. Laws: nothing outside the folder is read or written; a file comes into its place whole; what a
//! stranger says costs no more than [`limits`] allow. The protocol proves nothing and hides nothing, which is not mended here: whoever
//! speaks it has to know that. docs/classic.md says what is spoken.

mod answer;
mod backoff;
mod board;
mod dialect;
mod event;
mod fetch;
mod folder;
mod gauge;
mod get;
mod header;
pub mod limits;
mod line;
mod message;
mod name;
mod pace;
mod plan;
mod port;
mod request;
mod roster;
mod rounds;
mod splitter;
mod stamp;
mod synchronizer;
mod wares;

pub use answer::{AnswerError, Answered, answer};
pub use board::view::{Held, Shown};
pub use board::{Board, Known};
pub use dialect::Dialect;
pub use event::{Action, Event};
pub use fetch::FetchError;
pub use folder::{Folder, LocalFile, PlaceError};
pub use gauge::Gauge;
pub use get::{GetError, Got, Rates, Wanted, get};
pub use header::HeaderError;
pub use line::LineError;
pub use message::{DirectoryMessage, DirectoryWriter, Entry, MessageError, OwnFile, PeerMessage};
pub use name::Name;
pub use port::Counter;
pub use roster::BoardFull;
pub use splitter::{SplitError, Splitter};
pub use stamp::Stamp;
pub use synchronizer::{Settings, StartError, Synchronizer};
pub use wares::{Ware, Wares};
