//! What peers of a ring say to each other. The bytes are the driver's affair; so is that a message's sender is who it
//! says, that a contact's position is its peer's, and that every record's signature was checked ([`Record::checked`]).

use alloc::vec::Vec;

use crate::contact::Contact;
use crate::position::{Arc, Key, Position};
use crate::record::{Print, Record};

/// The longest list of contacts that a message may carry; what is beyond is not read.
pub const CONTACTS_MAX: usize = 64;
/// The most records in one message: with values of 1 KiB it stays well under 64 KiB.
pub const RECORDS_MAX: usize = 32;
/// The most short names in one message: 32 KiB of them.
pub const PRINTS_MAX: usize = 2048;

/// Which question an answer belongs to. The asker chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A message between two peers of a ring.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A question, which wants an answer.
    Ask(CallId, Ask),
    /// The answer to one.
    Answer(CallId, Answer),
    /// A notice, which wants none.
    Tell(Tell),
}

impl Message {
    /// Shows each contact that the message names, to be changed: the same peer may have another address for another
    /// one.
    pub fn each_contact(&mut self, mut visit: impl FnMut(&mut Contact)) {
        match self {
            Self::Answer(_, Answer::State { predecessor, successors, .. }) => {
                predecessor.iter_mut().chain(successors).for_each(visit);
            }
            Self::Answer(_, Answer::Route { nearer, owners }) => {
                nearer.iter_mut().chain(owners).for_each(visit);
            }
            Self::Answer(_, Answer::Owner { predecessor }) => predecessor.iter_mut().for_each(visit),
            Self::Tell(Tell::Notify { predecessors }) => predecessors.iter_mut().for_each(visit),
            Self::Tell(Tell::Merge(contact)) => visit(contact),
            Self::Ask(..) | Self::Answer(..) | Self::Tell(Tell::Stabilize | Tell::Quit) => {}
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Are you there?
    Ping,
    /// What are your neighbours? With the version that the asker has seen.
    State {
        /// The version of the last full answer, if there was one.
        seen: Option<u64>,
    },
    /// The same, from one that is about to join: whoever still lists the asker drops it.
    Join,
    /// Whom do you know that is closest before this position?
    Route {
        /// The position that is sought.
        target: Position,
        /// How many contacts are wanted.
        breadth: Breadth,
    },
    /// Are you the owner of this position?
    Owner {
        /// The position that is sought.
        target: Position,
    },
    /// Keep these.
    Put(Vec<Offered>),
    /// What do you have under this key?
    Get(Key),
    /// Do we hold the same on this arc?
    Compare {
        /// The arc.
        arc: Arc,
        /// The asker's digest of it.
        digest: u128,
    },
    /// Send these.
    Pull(Vec<Print>),
    /// May I drop these: are they kept well where they belong?
    Settled(Vec<Print>),
}

/// How many contacts a route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// A few: for what is looked up again soon anyway.
    Few,
    /// All that help to go round the dead.
    All,
}

/// A record that is handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// The record.
    pub record: Record,
    /// Whether the sender can give its blob.
    pub has_blob: bool,
}

/// What became of a record that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept {
        /// Whether its blob, if it has one, is there too. If not, it is being fetched: ask again.
        whole: bool,
    },
    /// It is not.
    Refused(Refusal),
}

/// Why a record is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A newer version is here.
    #[error("a newer version of this record is kept")]
    Stale {
        /// Whether its blob, if it has one, is there too.
        whole: bool,
    },
    /// Its lease has ended.
    #[error("the record's lease has ended")]
    Ended,
    /// Its rank is a time in the future.
    #[error("the record is of the future: its time is more than 5 minutes ahead of the peer's clock")]
    Ahead,
    /// Its lease is too long.
    #[error("the record's lease is longer than a peer grants")]
    LongLease,
    /// This peer is not among those that keep this key.
    #[error("this peer is not among those that keep this key")]
    NotMine,
    /// Too many records under this key.
    #[error("this key has as many records as a peer keeps")]
    KeyFull,
    /// The publisher has as much here as a peer keeps for one.
    #[error("the publisher has stored as much as a peer keeps for one publisher")]
    PublisherFull,
    /// No room at all.
    #[error("the peer has no more room")]
    Full,
    /// It has tried to take the record's blob, and its disk did not.
    #[error("the peer's disk is full, or cannot be written to")]
    Unwritable,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// I am here.
    Pong,
    /// I am here, and in the middle of a change, or of my own join: ask again soon.
    Busy,
    /// I am in no ring (yet, or any more).
    NotMember,
    /// My neighbours.
    State {
        /// Changes with them.
        version: u64,
        /// The one before.
        predecessor: Option<Contact>,
        /// Those after.
        successors: Vec<Contact>,
    },
    /// My neighbours are what you have seen.
    Unchanged,
    /// Whom I know.
    Route {
        /// Closest before the target, the closest first; those of the list that lie before it, if the list reaches it.
        nearer: Vec<Contact>,
        /// Those of the list that lie at or after the target.
        owners: Vec<Contact>,
    },
    /// As for being the owner: this is the one before me.
    Owner {
        /// My predecessor.
        predecessor: Option<Contact>,
    },
    /// What became of each record.
    Put(Vec<Put>),
    /// What is kept under the key, the best first.
    Records(Vec<Offered>),
    /// We hold the same.
    Same,
    /// We do not: this is what I hold, on the part of the arc up to here.
    Differs {
        /// The last position that the list covers.
        until: Position,
        /// What I hold there, with its blobs.
        holdings: Vec<Print>,
    },
    /// Those of the records that are kept well here.
    Settled(Vec<Print>),
}

/// A notice.
#[derive(Debug, Clone, PartialEq)]
pub enum Tell {
    /// You are my first successor; these are before me, the closest first.
    Notify {
        /// For display, and for knowing who keeps what.
        predecessors: Vec<Contact>,
    },
    /// Somebody has come between us: stabilize now.
    Stabilize,
    /// I leave.
    Quit,
    /// There seems to be another ring, and this is one of its members: look yourself up through it.
    Merge(Contact),
}
