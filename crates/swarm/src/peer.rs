//! What a machine knows of one connected peer.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, Time};

use crate::pace::Pace;

/// A peer that failed is asked again after this time at first, twice as long after each failure that follows without a
/// byte between them, and after the last of these at most.
const REST_MIN: Duration = Duration::from_millis(500);
const REST_MAX: Duration = Duration::from_secs(8);

/// A chunk that was asked for.
pub(crate) struct Request {
    pub(crate) chunk: ChunkIndex,
    pub(crate) asked_at: Time,
    pub(crate) arrived_bytes: u32,
}

impl Request {
    /// Whether its bytes have begun to come. Until then it is in a queue at the other end.
    pub(crate) fn has_started(&self) -> bool {
        self.arrived_bytes > 0
    }
}

/// A chunk that the peer asked for.
pub(crate) struct Want {
    pub(crate) chunk: ChunkIndex,
    /// Numbers all wants of a machine in the order in which they came.
    pub(crate) turn: u64,
}

/// Whether a peer is asked for chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    Usable,
    /// It failed, and is left alone until then. Its chunks do not count as held meanwhile.
    Resting { until: Time },
}

/// One peer.
pub(crate) struct Peer {
    /// What it has.
    pub(crate) have: Bitmap,
    pub(crate) standing: Standing,
    /// Failures without a byte between them.
    pub(crate) failures: u32,
    /// Since when it owes us bytes and none came; none when nothing is due.
    pub(crate) quiet_since: Option<Time>,
    /// What it was asked for, the oldest first.
    pub(crate) requests: Vec<Request>,
    /// Bytes of `requests` that have not come yet.
    pub(crate) due_bytes: u64,
    pub(crate) pace: Pace,
    /// Whether it is in the list of those that can perhaps be asked for more.
    pub(crate) is_hungry: bool,
    /// What it asked us for, and what is being sent to it.
    pub(crate) wants: Vec<Want>,
    pub(crate) uploads: Vec<ChunkIndex>,
    /// How much of our news it has been told, and when it was told last.
    pub(crate) told: u64,
    pub(crate) told_at: Option<Time>,
    pub(crate) tell_at: Option<Time>,
}

impl Peer {
    /// A peer that has told what it has, and has been told what we have up to the news numbered `told`.
    pub(crate) fn new(have: Bitmap, told: u64) -> Self {
        Self {
            have,
            standing: Standing::Usable,
            failures: 0,
            quiet_since: None,
            requests: Vec::new(),
            due_bytes: 0,
            pace: Pace::new(),
            is_hungry: false,
            wants: Vec::new(),
            uploads: Vec::new(),
            told,
            told_at: None,
            tell_at: None,
        }
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.standing == Standing::Usable
    }

    pub(crate) fn request(&self, chunk: ChunkIndex) -> Option<&Request> {
        self.requests.iter().find(|request| request.chunk == chunk)
    }

    /// Notes that a chunk of so many bytes was asked for.
    pub(crate) fn add_request(&mut self, now: Time, chunk: ChunkIndex, bytes: u32) {
        if self.requests.is_empty() {
            self.pace.start(now);
            self.quiet_since = Some(now);
        }
        self.requests.push(Request { chunk, asked_at: now, arrived_bytes: 0 });
        self.due_bytes += u64::from(bytes);
    }

    /// Takes a request of so many bytes back; says whether there was one.
    pub(crate) fn remove_request(&mut self, chunk: ChunkIndex, bytes: u32) -> bool {
        let Some(at) = self.requests.iter().position(|request| request.chunk == chunk) else {
            return false;
        };
        self.due_bytes -= u64::from(bytes - self.requests.remove(at).arrived_bytes);
        if self.requests.is_empty() {
            self.quiet_since = None;
        }
        true
    }

    /// Notes bytes of a chunk of `chunk_bytes`. Says whether the peer can perhaps be asked for more.
    pub(crate) fn progress(&mut self, now: Time, chunk: ChunkIndex, bytes: u32, chunk_bytes: u32) -> bool {
        self.failures = 0;
        if self.quiet_since.is_some() {
            self.quiet_since = Some(now);
        }
        let Some(request) = self.requests.iter_mut().find(|request| request.chunk == chunk) else {
            return false;
        };
        if !request.has_started() {
            self.pace.answered(now - request.asked_at);
        }
        let bytes = bytes.min(chunk_bytes - request.arrived_bytes);
        request.arrived_bytes += bytes;
        self.due_bytes -= u64::from(bytes);
        self.pace.arrived(now, bytes)
    }

    /// Lets the peer rest after a failure; says until when.
    pub(crate) fn rest(&mut self, now: Time) -> Time {
        let doubled = REST_MIN.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let until = now + doubled.min(REST_MAX);
        self.standing = Standing::Resting { until };
        until
    }
}
