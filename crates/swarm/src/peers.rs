//! The connected peers, by their numbers.
//!
//! Sorted by number in one row, and not a tree of boxes: almost every input names a peer, and most look at all of them,
//! while one comes or goes seldom. To find one among a thousand takes ten steps within four kilobytes.

use alloc::vec::Vec;
use core::{iter, slice};

use crate::event::PeerKey;
use crate::peer::Peer;

/// The connected peers. They are gone through in the order of their numbers.
#[derive(Default)]
pub(crate) struct Peers {
    keys: Vec<PeerKey>,
    /// The peer at the same position of `keys`.
    rows: Vec<Peer>,
}

impl Peers {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn contains_key(&self, key: PeerKey) -> bool {
        self.position(key).is_ok()
    }

    pub(crate) fn get(&self, key: PeerKey) -> Option<&Peer> {
        self.position(key).ok().map(|at| &self.rows[at])
    }

    pub(crate) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.position(key).ok().map(|at| &mut self.rows[at])
    }

    /// Puts a peer in, in the place of one of the same number.
    pub(crate) fn insert(&mut self, key: PeerKey, peer: Peer) {
        match self.position(key) {
            Ok(at) => self.rows[at] = peer,
            Err(at) => {
                self.keys.insert(at, key);
                self.rows.insert(at, peer);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: PeerKey) -> Option<Peer> {
        let at = self.position(key).ok()?;
        self.keys.remove(at);
        Some(self.rows.remove(at))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.keys.iter().copied()
    }

    pub(crate) fn values(&self) -> slice::Iter<'_, Peer> {
        self.rows.iter()
    }

    pub(crate) fn iter(&self) -> iter::Zip<iter::Copied<slice::Iter<'_, PeerKey>>, slice::Iter<'_, Peer>> {
        self.keys.iter().copied().zip(&self.rows)
    }

    pub(crate) fn iter_mut(
        &mut self,
    ) -> iter::Zip<iter::Copied<slice::Iter<'_, PeerKey>>, slice::IterMut<'_, Peer>> {
        self.keys.iter().copied().zip(&mut self.rows)
    }

    fn position(&self, key: PeerKey) -> Result<usize, usize> {
        self.keys.binary_search(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use drizzle_model::Bitmap;

    /// Would fail if the two rows came apart.
    #[test]
    fn a_peer_is_found_by_its_number_whoever_came_and_went() {
        let (mut peers, mut model) = (Peers::default(), BTreeMap::new());
        let mut random = crate::random::Random::new(5);
        for told in 0..2000 {
            let key = PeerKey(random.below(40));
            if random.below(3) == 0 {
                assert_eq!(peers.remove(key).map(|peer| peer.told), model.remove(&key));
            } else {
                peers.insert(key, Peer::new(1, Bitmap::empty(1), told));
                model.insert(key, told);
            }
            assert!(peers.iter().map(|(key, peer)| (key, peer.told)).eq(model.iter().map(|(k, v)| (*k, *v))));
            assert_eq!(peers.get(key).map(|peer| peer.told), model.get(&key).copied());
        }
    }
}
