//! The tracker's state, as a pure machine: which peers are there, what each of them has, and for how long that holds.
//!
//! A peer joins, gets a number and a lease, registers files, says which chunks it has, and renews its lease; whoever
//! asks gets a listing in pages or the holders of one content. All of it goes through [`Directory`], whose calls
//! answer at once; time comes in with each of them, and a lease that has run out has run out for that very call,
//! whether or not [`Directory::expire`] was called in between.
//!
//! Laws, which [`Directory::check_invariants`] recounts: a file is held by somebody or of the past; a holder
//! that is named is a peer with a lease and an address; both directions of "who holds what" say the same; what counts against a
//! quota is what is there; the version grows when an answer to a query could change, and only then.
//!
//! Nothing here knows a socket, a serialization format, a clock or a random number, or who may ask: the caller does.

#![no_std]

extern crate alloc;

mod change_log;
mod changes;
mod check;
mod directory;
mod files;
mod holdings;
mod list;
mod load;
mod locate;
mod past;
mod pattern;
mod peers;
mod quota;
mod register;
mod report;
mod restore;
mod suspicions;
mod version;
mod whole;

pub use change_log::{Change, Listed, Recorded};
pub use changes::{Changes, TooOld};
pub use directory::{Directory, DirectoryFull, NotServing, Stats, UnknownPeer};
pub use list::{Filter, Page};
pub use locate::{Have, Holder, Located, Target};
pub use peers::{Departure, PeerNumber};
pub use quota::limits;
pub use register::{Claim, HaveError, NotRegistered, RegisterError, Registration};
pub use report::{Noted, ReportError};
pub use restore::RestoredFile;
pub use version::Version;
pub use whole::Whole;
