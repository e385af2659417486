//! What a machine knows of one connected peer.

use alloc::vec::Vec;
use core::time::Duration;

use drizzle_model::{Bitmap, ChunkIndex, Time};

use crate::pace::Pace;

/// A peer that failed is asked again after this time at first, twice as long after each failure that follows without a
/// byte between them, and after the last of these at most.
const REST_MIN: Duration = Duration::from_millis(500);
const REST_MAX: Duration = Duration::from_secs(8);
/// One that creeps may be let alone for longer: all that is lost is its creeping.
const CREEP_REST_MAX: Duration = Duration::from_secs(60);

/// A chunk that was asked for.
pub(crate) struct Request {
    pub(crate) chunk: ChunkIndex,
    pub(crate) asked_at: Time,
    /// How many of its bytes have not come yet.
    pub(crate) due_bytes: u32,
    /// How many bytes came with the first word of it.
    pub(crate) first_bytes: u32,
    /// When the other end began to send it. Until then it is in a queue there.
    pub(crate) started_at: Option<Time>,
    /// Whether it has been found to creep: it counts for nothing in what is to come soon.
    pub(crate) creeps: bool,
}

impl Request {
    pub(crate) fn is_started(&self) -> bool {
        self.started_at.is_some()
    }

    /// How many of its bytes are to come soon.
    pub(crate) fn soon_bytes(&self) -> u64 {
        if self.is_started() && !self.creeps { u64::from(self.due_bytes) } else { 0 }
    }

    /// Whether, at the rate at which it has come so far, the rest needs more than `time`.
    pub(crate) fn needs_more_than(&self, time: Duration, now: Time, chunk_bytes: u32) -> bool {
        let Some(started_at) = self.started_at else { return false };
        let come = u128::from(chunk_bytes.saturating_sub(self.due_bytes));
        u128::from(self.due_bytes) * (now - started_at).as_nanos() > come * time.as_nanos()
    }
}

/// What came of a chunk.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    /// How many bytes that were due.
    pub(crate) bytes: u32,
    /// How long the chunk was waited for, if they are the first of it.
    pub(crate) waited: Option<Duration>,
}

/// A chunk that the peer asked for.
pub(crate) struct Want {
    pub(crate) chunk: ChunkIndex,
    /// Numbers all wants of a machine in the order in which they came.
    pub(crate) turn: u64,
}

/// A chunk that is being sent to the peer.
pub(crate) struct Upload {
    pub(crate) chunk: ChunkIndex,
    pub(crate) since: Time,
    /// Whether it has been told to stop, or has lost its place: see [`crate::places`].
    pub(crate) is_stopped: bool,
    pub(crate) is_aside: bool,
}

/// Whether a peer is asked for chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    Usable,
    /// It failed, and is left alone until then. Its chunks do not count as held meanwhile.
    Resting { until: Time, why: Failing },
}

/// How a peer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// It sent nothing, or would not: the next byte ends its rest.
    Silent,
    /// It creeps: bytes are no sign that it will be better.
    Creeping,
}

/// One peer.
pub(crate) struct Peer {
    /// Numbers all peers of a machine in the order in which they were met.
    pub(crate) number: u64,
    /// What it has.
    pub(crate) have: Bitmap,
    pub(crate) standing: Standing,
    /// Failures without a byte between them.
    pub(crate) failures: u32,
    /// How often it was found to creep, without a chunk that came in time between them.
    pub(crate) creeps: u32,
    /// Since when it owes us bytes and none came; none when nothing is due.
    pub(crate) quiet_since: Option<Time>,
    /// When bytes came from it last.
    pub(crate) progress_at: Option<Time>,
    /// What it was asked for, the oldest first.
    pub(crate) requests: Vec<Request>,
    /// What is due of `requests`, and of those among them that have started and do not creep, in bytes.
    pub(crate) due_bytes: u64,
    pub(crate) soon_bytes: u64,
    /// How many of `requests` have started.
    pub(crate) started: usize,
    pub(crate) pace: Pace,
    /// Whether it is in the list of those that can perhaps be asked for more.
    pub(crate) is_hungry: bool,
    /// Whether it brought the last chunk that others were told of before it was whole: see [`crate::coming`].
    pub(crate) keeps_word: bool,
    /// What it asked us for, and what is being sent to it.
    pub(crate) wants: Vec<Want>,
    pub(crate) uploads: Vec<Upload>,
    /// How much of our news it has been told, when it was told last, and when it is to be told.
    pub(crate) told: u64,
    pub(crate) told_at: Option<Time>,
    pub(crate) tell_at: Option<Time>,
}

impl Peer {
    /// A peer that has told what it has, and has been told what we have up to the news numbered `told`.
    pub(crate) fn new(number: u64, have: Bitmap, told: u64) -> Self {
        Self {
            number,
            have,
            standing: Standing::Usable,
            failures: 0,
            creeps: 0,
            quiet_since: None,
            progress_at: None,
            requests: Vec::new(),
            due_bytes: 0,
            soon_bytes: 0,
            started: 0,
            pace: Pace::new(),
            is_hungry: false,
            keeps_word: true,
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

    /// Whether it was asked and has started nothing.
    pub(crate) fn is_queue(&self) -> bool {
        self.started == 0 && !self.requests.is_empty()
    }

    pub(crate) fn request(&self, chunk: ChunkIndex) -> Option<&Request> {
        self.requests.iter().find(|request| request.chunk == chunk)
    }

    pub(crate) fn is_sent(&self, chunk: ChunkIndex) -> bool {
        self.uploads.iter().any(|upload| upload.chunk == chunk)
    }

    /// Notes that the upload of a chunk is to stop; says whether there is one that was not told.
    pub(crate) fn stop_upload(&mut self, chunk: ChunkIndex) -> bool {
        let upload = self.uploads.iter_mut().find(|upload| upload.chunk == chunk);
        upload.is_some_and(|upload| !core::mem::replace(&mut upload.is_stopped, true))
    }

    /// Notes that a chunk of so many bytes was asked for.
    pub(crate) fn add_request(&mut self, now: Time, chunk: ChunkIndex, bytes: u32) {
        if self.requests.is_empty() {
            self.pace.start(now);
            self.quiet_since = Some(now);
        }
        self.requests.push(Request {
            chunk,
            asked_at: now,
            due_bytes: bytes,
            first_bytes: 0,
            started_at: None,
            creeps: false,
        });
        self.due_bytes += u64::from(bytes);
    }

    /// Takes a request back, if there is one.
    pub(crate) fn remove_request(&mut self, chunk: ChunkIndex) -> Option<Request> {
        let at = self.requests.iter().position(|request| request.chunk == chunk)?;
        let request = self.requests.remove(at);
        self.due_bytes -= u64::from(request.due_bytes);
        self.started -= usize::from(request.is_started());
        self.soon_bytes -= request.soon_bytes();
        if self.requests.is_empty() {
            self.quiet_since = None;
        }
        Some(request)
    }

    /// Notes that a chunk has started, or that more of it came.
    pub(crate) fn progress(&mut self, now: Time, chunk: ChunkIndex, bytes: u32) -> Arrival {
        self.failures = 0;
        self.progress_at = Some(now);
        if self.quiet_since.is_some() {
            self.quiet_since = Some(now);
        }
        let Some(request) = self.requests.iter_mut().find(|request| request.chunk == chunk) else {
            return Arrival { bytes: 0, waited: None };
        };
        let waited = (!request.is_started()).then(|| now - request.asked_at);
        if let Some(waited) = waited {
            request.started_at = Some(now);
            self.started += 1;
            self.pace.answered(waited);
            self.soon_bytes += request.soon_bytes();
        }
        let bytes = bytes.min(request.due_bytes);
        self.soon_bytes -= request.soon_bytes();
        request.due_bytes -= bytes;
        if waited.is_some() {
            request.first_bytes = bytes;
        }
        self.soon_bytes += request.soon_bytes();
        self.due_bytes -= u64::from(bytes);
        Arrival { bytes, waited }
    }

    /// Notes that a request creeps.
    pub(crate) fn mark_creeping(&mut self, chunk: ChunkIndex) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.chunk == chunk) {
            self.soon_bytes -= request.soon_bytes();
            request.creeps = true;
        }
    }

    /// Lets the peer rest after a failure.
    pub(crate) fn rest(&mut self, now: Time, why: Failing) {
        let (count, longest) = match why {
            Failing::Silent => (&mut self.failures, REST_MAX),
            Failing::Creeping => (&mut self.creeps, CREEP_REST_MAX),
        };
        let doubled = REST_MIN.saturating_mul(1 << (*count).min(10));
        *count = count.saturating_add(1);
        self.standing = Standing::Resting { until: now + doubled.min(longest), why };
    }
}
