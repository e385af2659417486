//! Why something is refused or ended, as codes that a program can act on.

use crate::field::codes;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ByeReason {
    /// The program ends, or needs the connection no more.
    Leaving,
    /// The ticket does not admit: there is none, or it expired, or is of another network or peer.
    NotAdmitted,
    /// No version of the messages is common to both.
    Version,
    /// The remote broke the protocol.
    Misbehaving,
    /// Nothing was said for too long.
    Idle,
    /// There are too many connections already; come back later.
    Busy,
}

codes!(ByeReason, "a reason from 0 to 5", 0 => Leaving, 1 => NotAdmitted, 2 => Version, 3 => Misbehaving, 4 => Idle, 5 => Busy);

/// Why a channel is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnavailableReason {
    /// The content is not shared here.
    NotShared,
    /// It was, but it has changed since.
    Changed,
    /// There are too many channels; come back later.
    Busy,
}

codes!(UnavailableReason, "a reason from 0 to 2", 0 => NotShared, 1 => Changed, 2 => Busy);

/// Why a chunk is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefuseReason {
    /// It is not there.
    Missing,
    /// The file has changed since it was shared; a `Lost` says which chunks went with it.
    Changed,
    /// Too much was asked for; come back later.
    Busy,
    /// The disk does not give it.
    Unreadable,
}

codes!(RefuseReason, "a reason from 0 to 3", 0 => Missing, 1 => Changed, 2 => Busy, 3 => Unreadable);
