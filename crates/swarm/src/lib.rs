//! Which chunk to ask of whom, and what to send to whom: a pure machine.
//!
//! One [`Swarm`] is one content (a file or a folder) on one peer: which of its chunks are here, which each connected
//! peer has, what was asked of whom, what is asked of us. It knows no socket, disk, clock or random source: the driver
//! tells what happens with [`Swarm::handle`], does what comes out of [`Swarm::poll`] until nothing does, and calls
//! again by [`Swarm::next_deadline`]. The same inputs at the same times with the same seed give the same outputs.
//!
//! What it does not do: it hashes nothing (the driver says whether a chunk was right), limits no rates (an upload that is
//! slow is one that runs long), and finds no peers (it says when it is starved of them).
//!
//! What the rules are good for: G. Kumar and K. Ross (2006) give the least time in which any swarm can finish, and
//! Mundinger, Weber and Weiss (2008) the least time in chunks, `(M + floor(log2 N))` chunk times for equal links; the
//! simulations of `drizzle-sim` measure how near to it this machine is, and what each rule contributes.

#![no_std]

extern crate alloc;

mod announce;
mod check;
mod climb;
mod coming;
mod config;
mod endgame;
mod event;
mod fetch;
mod fetching;
mod intake;
mod news;
mod pace;
mod patience;
mod peer;
mod peers;
mod places;
mod random;
mod rarity;
mod serve;
mod serving;
mod sizes;
mod slots;
mod sources;
mod stuck;
mod swarm;
mod through;

pub use config::{Config, CountCopies, Mode, Policy, REQUESTS_PER_PEER_MAX, TieBreak, UploadOrder};
pub use event::{DropReason, Input, Output, PeerKey, Refusal};
pub use sizes::ChunkSizes;
pub use swarm::{Status, Swarm};
