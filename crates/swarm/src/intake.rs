//! How much comes in from all peers together, and whether that is enough.
//!
//! Requests wait in queues at the other ends, and nobody knows which queue is short. So a chunk is asked of several peers
//! at once, another of each, and as soon as enough has started, those that have not are taken back: whoever has
//! room to send finds someone who wants, and no downlink is shared by more transfers than it needs. Measured in
//! simulation with a hundred peers and equal links: without this, the links stand idle 5 to 15 percent of the time, since
//! some downlinks get seven transfers while others get one.
//!
//! It is enough when what has started will go on for a while: for two chunks, or more where more at once is
//! found to bring more ([`crate::climb`]).

use core::time::Duration;

use drizzle_model::Time;

use crate::peer::Peer;

/// The rate is measured over so long, and over so many chunks, at least.
const WINDOW_MIN: Duration = Duration::from_millis(500);
const WINDOW_CHUNKS_MIN: u64 = 8;
/// What has started is to last for so many half chunks at least, and at most. Two chunks at least: then some four come side by
/// side, and whoever sends three or more of them finds takers. With one and a half, some ways out stand idle.
const HALF_CHUNKS_MIN: u64 = 4;
const HALF_CHUNKS_MAX: u64 = 256;
/// What is tried at first, and again now and then.
const HALF_CHUNKS_TRIED: u64 = 6;
/// The best rate is that of this period and the one before.
const PERIOD: Duration = Duration::from_secs(8);
/// The share of the best rate that is as good as it, in percent.
const ENOUGH_PERCENT: u64 = 60;
const PAUSE_MAX: Duration = Duration::from_secs(64);
/// It is to last at least so long at the best rate, too: where links are full, a request takes a tenth of a second and more
/// to get through, and the first bytes as long again. Eight peers at 100 Mbit/s with chunks of 128 KiB: done at 1.10 times the
/// least time with 80 to 120 ms, at 1.11 with 160, at 1.18 with 50.
const LEAD_MS: u64 = 120;
/// What is to come until a rate is known: little, so that a peer has something whole to pass on soon.
const LEAD_BYTES_FIRST: u64 = 512 << 10;
/// So many peers have a request in their queue at first, and so many more after each check that finds too little come.
const QUEUES_MIN: usize = 20;
const QUEUES_MORE: usize = 4;

/// The state of what comes in.
pub(crate) struct Intake {
    /// What is due of requests that have started and do not creep, in bytes.
    pub(crate) soon_bytes: u64,
    /// Peers that were asked and have started nothing.
    pub(crate) queues: usize,
    queues_max: usize,
    ahead: u64,
    best: [u64; 2],
    period_start: Time,
    next_trial: Time,
    pause: Duration,
    /// Bytes a second in the last window.
    rate: u64,
    window_start: Time,
    window_bytes: u64,
    /// What was found at the last look.
    pub(crate) had_enough: bool,
    pub(crate) was_open: bool,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self {
            soon_bytes: 0,
            queues: 0,
            queues_max: QUEUES_MIN,
            ahead: HALF_CHUNKS_TRIED,
            best: [0; 2],
            period_start: Time::ORIGIN,
            next_trial: Time::ORIGIN,
            pause: Duration::from_secs(8),
            rate: 0,
            window_start: Time::ORIGIN,
            window_bytes: 0,
            had_enough: false,
            was_open: false,
        }
    }

    /// Counts a peer in. Whoever changes a peer's requests counts it out before and in again afterwards.
    pub(crate) fn count_in(&mut self, peer: &Peer) {
        self.soon_bytes += peer.soon_bytes;
        self.queues += usize::from(peer.is_queue());
    }

    /// Counts a peer out.
    pub(crate) fn count_out(&mut self, peer: &Peer) {
        self.soon_bytes -= peer.soon_bytes;
        self.queues -= usize::from(peer.is_queue());
    }

    /// Bytes came, of chunks that have so many on average.
    pub(crate) fn arrived(&mut self, now: Time, bytes: u32, chunk_bytes: u64) {
        self.window_bytes += u64::from(bytes);
        let window = now - self.window_start;
        if window >= WINDOW_MIN && self.window_bytes >= WINDOW_CHUNKS_MIN * chunk_bytes {
            self.rate = (u128::from(self.window_bytes) * 1_000_000_000 / window.as_nanos()) as u64;
            (self.window_start, self.window_bytes) = (now, 0);
            self.adapt(now);
        }
    }

    fn adapt(&mut self, now: Time) {
        if now - self.period_start >= PERIOD {
            self.best = [0, self.best[0]];
            self.period_start = now;
        }
        let best = self.best[0].max(self.best[1]);
        self.best[0] = self.best[0].max(self.rate);
        if self.rate * 100 < best * ENOUGH_PERCENT {
            self.ahead = (self.ahead * 3).div_ceil(2).min(HALF_CHUNKS_MAX);
        } else if self.ahead > HALF_CHUNKS_MIN {
            self.ahead = (self.ahead * 2 / 3).max(HALF_CHUNKS_MIN);
        } else if now >= self.next_trial {
            self.ahead = HALF_CHUNKS_TRIED;
            self.next_trial = now + self.pause;
            self.pause = (self.pause * 4).min(PAUSE_MAX);
        }
    }

    /// Whether what has started is enough, where chunks have so many bytes on average.
    pub(crate) fn is_enough(&self, chunk_bytes: u64) -> bool {
        let ahead = chunk_bytes * self.ahead / 2;
        self.soon_bytes >= ahead.max(self.lead_bytes())
    }

    fn lead_bytes(&self) -> u64 {
        match self.rate.max(self.best[0]).max(self.best[1]) {
            0 => LEAD_BYTES_FIRST,
            rate => rate / 1000 * LEAD_MS,
        }
    }

    pub(crate) fn ahead_half_chunks(&self) -> usize {
        self.ahead as usize
    }

    /// Whether another peer's queue may be entered.
    pub(crate) fn has_room(&self) -> bool {
        self.queues < self.queues_max
    }

    /// It was enough: the few queues at first will do.
    pub(crate) fn narrow(&mut self) {
        self.queues_max = QUEUES_MIN;
    }

    /// It was not enough for a while: more queues.
    pub(crate) fn widen(&mut self) {
        self.queues_max = self.queues_max.saturating_add(QUEUES_MORE);
    }
}
