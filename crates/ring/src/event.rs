//! What goes into the machine and what comes out.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{ContentHash, PeerId};

use crate::contact::Contact;
use crate::message::{Message, Offered, Refusal};
use crate::position::{Key, Position};
use crate::record::Record;

/// Names something that the driver asked for. The driver chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub u64);

/// What happens to a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The deadline has come.
    Wake,
    /// A message came.
    Message {
        /// The sender, as its connection proved it.
        from: Contact,
        /// The message, with every record checked.
        message: Message,
    },
    /// A peer cannot be connected to, or its connection broke: it counts as gone.
    Unreachable(PeerId),
    /// Be one of these, all of whom do the same: how a ring begins. Without others, alone.
    Form {
        /// The others.
        others: Vec<Contact>,
    },
    /// Join through one or more members.
    Join {
        /// The members.
        through: Vec<Contact>,
    },
    /// Leave cleanly.
    Quit,
    /// Who owns this position?
    LookUp {
        /// The driver's name for it.
        operation: Operation,
        /// The position.
        target: Position,
    },
    /// Place a record where it belongs, with its blob, which the driver has.
    Store {
        /// The driver's name for it.
        operation: Operation,
        /// The record.
        record: Record,
    },
    /// What is stored under this key?
    Request {
        /// The driver's name for it.
        operation: Operation,
        /// The key.
        key: Key,
    },
    /// Never mind.
    Cancel(Operation),
    /// A blob is on this node's disk now, verified.
    BlobArrived(ContentHash),
    /// A blob is not on this node's disk any more, or is damaged.
    BlobLost(ContentHash),
    /// A blob could not be written: this node's disk is full, or fails.
    BlobUnwritable(ContentHash),
    /// A peer could not give a blob.
    BlobNotGiven {
        /// The blob.
        blob: ContentHash,
        /// The peer.
        from: PeerId,
    },
}

/// What a node wants done, or tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        to: Contact,
        /// What.
        message: Message,
    },
    /// This node is a member now.
    Joined,
    /// This node is none, and does not go on trying.
    JoinFailed(JoinError),
    /// This node has left; nothing more comes.
    Left,
    /// The neighbours have changed.
    Neighbours {
        /// Those before, the closest first.
        predecessors: Vec<Contact>,
        /// Those after, the closest first.
        successors: Vec<Contact>,
    },
    /// Something was learned that a user may like to see.
    Noticed(Notice),
    /// A step of a question's way.
    Hop {
        /// Which operation.
        operation: Operation,
        /// Who named the next.
        from: Contact,
        /// The next.
        to: Contact,
    },
    /// The owner of a position.
    Found {
        /// Which operation.
        operation: Operation,
        /// The owner, and those behind it.
        owners: Vec<Contact>,
        /// Peers that the question went through, the owner among them; none if this node knew.
        hops: usize,
        /// Peers that were asked on the way and did not answer.
        silent: usize,
    },
    /// A record is stored, with its blob.
    Stored {
        /// Which operation.
        operation: Operation,
        /// Who keeps it.
        at: Vec<Contact>,
    },
    /// What is under a key.
    Received {
        /// Which operation.
        operation: Operation,
        /// Who answered; this node itself, if it keeps the key.
        from: Contact,
        /// The records, the best first, and whether `from` has their blobs.
        records: Vec<Offered>,
    },
    /// An operation came to nothing.
    Failed {
        /// Which operation.
        operation: Operation,
        /// Why.
        error: OperationError,
    },
    /// Fetch a blob, verify it, and say [`Input::BlobArrived`], [`Input::BlobUnwritable`] or [`Input::BlobNotGiven`].
    FetchBlob {
        /// The blob.
        blob: ContentHash,
        /// Its size, as the record says with which this source offered it.
        bytes: u64,
        /// From whom; from this node itself, when it is what the user stores.
        from: Contact,
    },
    /// A blob is not kept for the ring any more.
    DropBlob(ContentHash),
}

/// Something learned about another peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A successor answered a ping.
    Alive {
        /// Who.
        peer: Contact,
        /// After how long.
        round_trip: Duration,
    },
    /// A ping was missed.
    Missed(Contact),
    /// A peer is gone without a word.
    Gone(Contact),
    /// A peer left, and said so.
    Quit(Contact),
    /// Another part of the ring was found; they are becoming one.
    Reuniting(Contact),
}

/// Why a node could not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The id is taken.
    #[error("id {} is taken by peer {}", .0.position, .0.peer)]
    Taken(Contact),
    /// No member let it in, in time.
    #[error("no member of the ring answered in {} s", .0.as_secs())]
    NoAnswer(Duration),
}

/// Why an operation came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// This node is in no ring (yet, or any more).
    #[error("this node is not a member of the ring")]
    NotMember,
    /// Nothing is stored under the key.
    #[error("nothing is stored under this key")]
    NotFound,
    /// Nobody on the way, or nobody who should know, answered.
    #[error("no peer that should know answered")]
    NoAnswer,
    /// Whoever should keep the record does not.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Nobody takes the record, and the disk of one of those who should is to blame.
    #[error("the disk of peer {} is full, or cannot be written to", .0.position)]
    Unwritable(Contact),
    /// Those who took the record could not fetch its blob.
    #[error("no peer that should keep the file has fetched it in time")]
    NoFile,
    /// This node does as much as it can.
    #[error("expected at most {max} operations at a time")]
    TooMany {
        /// The bound.
        max: usize,
    },
}
