//! Who sent what was wrong, as this process saw it itself.
//!
//! A ring has no judge. Whoever lies would also accuse others, so no accusation is passed on, and none is believed:
//! what was found here counts here, for the content that was wrong, and for an hour. A disk may have been to blame, and
//! its owner get a good copy meanwhile; a liar costs one chunk an hour.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use drizzle_model::{ContentHash, PeerId};

/// More are not remembered; the oldest are forgotten first. Each had to send a whole chunk.
const LIARS_MAX: usize = 4096;
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Those who lied. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Liars {
    /// The latest last.
    found: Arc<Mutex<VecDeque<(Instant, ContentHash, PeerId)>>>,
}

impl Liars {
    /// Remembers that a peer sent something else than a hash stands for.
    pub(crate) fn add(&self, content: ContentHash, peer: PeerId) {
        let mut found = self.found();
        found.retain(|(at, of, who)| (*of, *who) != (content, peer) && at.elapsed() < REMEMBERED);
        if found.len() >= LIARS_MAX {
            found.pop_front();
        }
        found.push_back((Instant::now(), content, peer));
    }

    /// Whether a peer is not to be asked for something.
    pub(crate) fn has(&self, content: ContentHash, peer: PeerId) -> bool {
        let is_it = |(at, of, who): &(Instant, ContentHash, PeerId)| {
            (*of, *who) == (content, peer) && at.elapsed() < REMEMBERED
        };
        self.found().iter().any(is_it)
    }

    fn found(&self) -> MutexGuard<'_, VecDeque<(Instant, ContentHash, PeerId)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a lie about one content cost another, or if liars filled the memory.
    #[test]
    fn a_liar_is_remembered_for_what_it_lied_about() {
        let content = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            ContentHash::from_bytes(bytes)
        };
        let (liars, peer) = (Liars::default(), PeerId::from_bytes([1; 32]));
        liars.add(content(0), peer);
        liars.add(content(0), peer);
        assert!(liars.has(content(0), peer) && !liars.has(content(1), peer));
        assert!(!liars.has(content(0), PeerId::from_bytes([2; 32])));
        (1..=LIARS_MAX).for_each(|number| liars.add(content(number), peer));
        assert!(!liars.has(content(0), peer) && liars.has(content(LIARS_MAX), peer));
        assert_eq!(liars.found().len(), LIARS_MAX);
    }
}
