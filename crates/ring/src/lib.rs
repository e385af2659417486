//! A circular DHT: a ring of peers that find each other, and what each other stores, with no server at all.
//!
//! [`Ring`] is one node, a pure machine: [`Ring::handle`] takes what happened, [`Ring::poll`] gives what is to be done,
//! [`Ring::next_deadline`] says when to call again. It knows no socket, disk, clock or random numbers; messages are
//! values, whose bytes and signatures are the driver's affair.
//!
//! * The ring itself is Zave's corrected Chord, in [`Neighbours`]: the rules that a model checker has explored.
//! * Look-ups are iterative, several questions at a time, over fingers and successor lists.
//! * Small signed records, in a bounded number, lie at the owner of their key and the peers after it. Of big blobs the
//!   ring only knows who holds them: the driver fetches and drops them as it is told.
//!
//! What it does not do: it does not defend its routes against members that lie. A ring is as closed as its network.

#![no_std]

extern crate alloc;

mod acquaintances;
mod blobs;
mod calls;
mod config;
mod contact;
mod event;
mod fingers;
mod ledger;
mod message;
mod neighbours;
mod position;
mod random;
mod record;
mod ring;
mod search;
mod shelf;

pub use config::{Config, Quotas};
pub use contact::Contact;
pub use event::{Input, JoinError, Notice, Operation, OperationError, Output};
pub use message::{
    Answer, Ask, Breadth, CONTACTS_MAX, CallId, Message, Offered, PRINTS_MAX, Put, RECORDS_MAX, Refusal, Tell,
};
pub use neighbours::{Neighbours, Pointer, Rectified, Step, View};
pub use position::{Arc, Key, Position, Space, between};
pub use record::{
    Content, LEASE_SECONDS_MAX, Lease, Print, RANK_AHEAD_SECONDS_MAX, Record, RecordError, RecordId,
    VALUE_BYTES_MAX,
};
pub use ring::Ring;
