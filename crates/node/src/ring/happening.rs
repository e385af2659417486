//! All that can happen to a ring's driver, and what it tells: those who asked for something, and the node's owner.

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_model::{ContentHash, PeerId};
use drizzle_ring::{Contact, JoinError, Key, Offered, OperationError, Position, Record, RecordId, Space};
use tokio::sync::{mpsc, oneshot};

use super::greet::{GreetError, Met};
use super::line::{LineId, LineNews};
use super::standing::RingId;
use super::vault::Got;

/// Something that happened.
pub(crate) enum Happening {
    /// A peer of the network called.
    Called(Box<Met>),
    /// A call to a member ended.
    Dialled { to: Contact, met: Result<Box<Met>, GreetError> },
    /// On a line.
    Line { line: LineId, news: LineNews },
    /// Somebody wants something.
    Command(Command),
    /// The attempt to get a file from a peer has ended.
    File { blob: ContentHash, from: PeerId, got: Got },
    /// A file that is kept is gone or damaged.
    FileLost(ContentHash),
    /// It is there again.
    FileBack(ContentHash),
    /// What is kept was written down, or could not be, which took so long.
    Saved { took: Duration, is_done: bool },
}

/// What the driver is asked for.
pub(crate) enum Command {
    LookUp {
        target: Position,
        news: mpsc::UnboundedSender<News>,
    },
    Store {
        record: Box<Record>,
        news: mpsc::UnboundedSender<News>,
    },
    Request {
        key: Key,
        news: mpsc::UnboundedSender<News>,
    },
    /// Nobody waits for some of the operations any more.
    GiveUp,
    State(oneshot::Sender<Neighbourhood>),
    /// Which files are here: how many, and their bytes.
    Kept(oneshot::Sender<(usize, u64)>),
    /// The records of names from one on, and whether there are more.
    List {
        after: Option<RecordId>,
        reply: oneshot::Sender<(Vec<Record>, bool)>,
    },
    Quit(oneshot::Sender<()>),
}

/// What comes of an operation. All but hops end it.
#[derive(Debug)]
pub(crate) enum News {
    Hop { from: Contact, to: Contact },
    Found { owners: Vec<Contact> },
    Stored { at: Vec<Contact> },
    Received { from: Contact, records: Vec<Offered> },
    Failed(OperationError),
}

/// Where a node stands among the others, in the driver's terms.
#[derive(Debug, Clone)]
pub(crate) struct Neighbourhood {
    pub(crate) me: Contact,
    pub(crate) predecessors: Vec<Contact>,
    pub(crate) successors: Vec<Contact>,
    pub(crate) is_member: bool,
    pub(crate) records: usize,
    /// The bytes of all files that its records name, whether they have come or not.
    pub(crate) promised_bytes: u64,
    /// What it keeps for others at the most.
    pub(crate) file_bytes_max: u64,
}

/// A member of a ring, as its owner knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingPeer {
    /// Its place.
    pub id: RingId,
    /// Its key.
    pub peer: PeerId,
    /// Where it serves.
    pub address: SocketAddr,
}

impl RingPeer {
    /// A contact of a ring of so many positions.
    pub(crate) fn of(space: Space, contact: Contact) -> Self {
        let Contact { position, peer, address } = contact;
        Self { id: RingId::new(space, position), peer, address }
    }

    /// Contacts in their order.
    pub(crate) fn all_of(space: Space, contacts: Vec<Contact>) -> Vec<Self> {
        contacts.into_iter().map(|contact| Self::of(space, contact)).collect()
    }
}

/// What a ring node tells its owner. Nothing waits for it to be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum RingEvent {
    /// It is a member now.
    Joined,
    /// It is none, and has given up trying.
    JoinFailed(JoinError),
    /// It has left.
    Left,
    /// Others are near it than before.
    Neighbours {
        /// Itself.
        me: RingPeer,
        /// Those before it, the closest first.
        predecessors: Vec<RingPeer>,
        /// Those after it, the closest first.
        successors: Vec<RingPeer>,
    },
    /// A successor answered a ping.
    Pong {
        /// Who.
        peer: RingPeer,
        /// After how long.
        round_trip: Duration,
    },
    /// Something else was learned, for a person.
    Notice(String),
}
