//! Where this peer stands in a ring: the ring's space and secret, this peer's place and key, what it signs.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use drizzle_model::{JoinSecret, NetworkId, PeerId};
use drizzle_net::{Identity, NetworkKey, Ticket, is_signed_by};
use drizzle_ring::{Content, Position, Record, Space};
use drizzle_wire::RingContext;

use crate::membership::unix_s;

/// How long a ticket that a peer issues to itself is good: as long as those of a tracker.
const TICKET_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may come into the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    /// Whoever asks is told the secret.
    Open,
    /// Only who was invited.
    Closed,
}

/// The secret of a ring, from which its key follows.
#[derive(Debug, Clone)]
pub(crate) struct RingSecret {
    pub(crate) secret: JoinSecret,
    key: NetworkKey,
    pub(crate) door: Door,
}

impl RingSecret {
    pub(crate) fn new(secret: JoinSecret, door: Door) -> Self {
        let key = NetworkKey::from_secret(&secret);
        Self { secret, key, door }
    }

    /// The name of the ring's network.
    pub(crate) fn network(&self) -> NetworkId {
        self.key.id()
    }

    /// A ticket for oneself: whoever holds the secret is the authority.
    pub(crate) fn ticket(&self, peer: PeerId) -> Ticket {
        self.key.issue(peer, unix_s() + TICKET_LIFETIME.as_secs())
    }
}

/// How frames of a ring of so many positions are read.
pub(crate) fn context(space: Space) -> RingContext {
    RingContext { space, is_signed: is_signed_by }
}

/// A position as people and scripts read it: a number in a small ring, 64 hexadecimal digits in the ring of hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingId {
    /// In a ring of 64 bits or fewer.
    Number(u64),
    /// In the ring of hashes.
    Hash(String),
}

impl RingId {
    pub(crate) fn new(space: Space, position: Position) -> Self {
        let bytes = position.to_bytes();
        if space == Space::FULL {
            Self::Hash(drizzle_model::ContentHash::from_bytes(bytes).to_string())
        } else {
            Self::Number(bytes[24..].iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        }
    }
}

impl std::fmt::Display for RingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Hash(hex) => write!(f, "{}", hex.get(..12).unwrap_or(hex)),
        }
    }
}

/// Signs a content; none when it breaks a record's laws.
pub(crate) fn signed(identity: &Identity, content: Content) -> Option<Record> {
    let signature = identity.sign(&content.signed_bytes());
    // What was just signed is signed.
    Record::checked(content, signature, |_, _, _| true).ok()
}

/// A version that is greater than any of before: milliseconds since 1970, or more when several are wanted in one.
pub(crate) fn version_now() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let next = |last: u64| now.max(last + 1);
    // The closure always has a value, so this never fails.
    LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))).map_or(now, next)
}

/// The first of a server's addresses that is one, for those who are told of it.
pub(crate) fn dialable(listen: SocketAddr) -> SocketAddr {
    let own = drizzle_tracker::own_addresses(listen);
    own.iter().find_map(|address| address.to_string().parse().ok()).unwrap_or(listen)
}
