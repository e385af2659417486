//! What a driver may set, and the switches by which a test shows what each rule is good for.

use core::time::Duration;

/// The most chunks asked of one peer at once. The protocol allows this many, so that an uploader's queue is bounded.
pub const REQUESTS_PER_PEER_MAX: usize = 256;

/// Whether missing chunks are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Fetch what is missing, and serve what is here.
    Fetch,
    /// Only serve what is here.
    ServeOnly,
}

/// The settings of one machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Whether missing chunks are fetched.
    pub mode: Mode,
    /// The most chunks asked for at once, over all peers.
    pub requests_max: usize,
    /// The most chunks asked for at once of one peer. More than [`REQUESTS_PER_PEER_MAX`] counts as that.
    pub requests_per_peer: usize,
    /// Uploads at once to begin with. Few, since k parallel uploads multiply the time until a swarm has got going (1.7
    /// for 4, 2.5 for 8), but enough to keep the link busy between one and the next.
    pub uploads: usize,
    /// Uploads at once at most, where more of them are seen to carry more.
    pub uploads_max: usize,
    /// Peers hear of new chunks at once, but not more often than this. Zero: of each chunk at once.
    pub announce_gap: Duration,
    /// The rules in force.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Fetch,
            requests_max: 4096,
            requests_per_peer: REQUESTS_PER_PEER_MAX,
            uploads: 6,
            uploads_max: 64,
            announce_gap: Duration::from_millis(0),
            policy: Policy::default(),
        }
    }
}

/// Rules that can be taken away, each to show in a test that the swarm is worse without it. A driver leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which chunk is asked for among the equally rare.
    pub tie_break: TieBreak,
    /// When an upload begins to count as a copy that is out.
    pub copies: CountCopies,
    /// Which of the chunks asked for is uploaded first.
    pub upload_order: UploadOrder,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tie_break: TieBreak::Random,
            copies: CountCopies::InFlight,
            upload_order: UploadOrder::LeastSentFirst,
        }
    }
}

/// Which chunk is asked for among the equally rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TieBreak {
    /// A random one, by the machine's own seed.
    Random,
    /// The first: all peers that know the same ask for the same.
    LowestIndex,
}

/// When an upload begins to count as a copy that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountCopies {
    /// When it starts.
    InFlight,
    /// When it is through.
    Delivered,
}

/// Which of the chunks asked for is uploaded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadOrder {
    /// The one that was uploaded least often: each once before any twice.
    LeastSentFirst,
    /// The one asked for first.
    FirstCome,
}
