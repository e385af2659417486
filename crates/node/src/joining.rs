//! Whose turn it is to join a network: many wishes for one at once join once, and those for others do not wait. A stranger's network, which
//! may take seconds to answer or not, holds up no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use drizzle_model::NetworkId;

/// The turns of the networks that are being joined now.
#[derive(Debug, Default)]
pub(crate) struct Joining(Mutex<HashMap<NetworkId, Weak<tokio::sync::Mutex<()>>>>);

impl Joining {
    /// The turn for that network, to be waited for. Whoever holds it keeps it known.
    pub(crate) fn turn(&self, network: NetworkId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&network).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(network, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if one network could hold up another, if one were joined twice at once, or if what is over were kept.
    #[test]
    fn there_is_one_turn_for_each_network_while_somebody_joins_it() {
        let joining = Joining::default();
        let network = |byte| NetworkId::from_bytes([byte; 32]);
        let one = joining.turn(network(1));
        let held = one.try_lock().unwrap();
        assert!(joining.turn(network(1)).try_lock().is_err());
        assert!(joining.turn(network(2)).try_lock().is_ok());
        drop(held);
        assert!(joining.turn(network(1)).try_lock().is_ok());
        drop(one);
        drop(joining.turn(network(3)));
        assert_eq!(joining.0.lock().unwrap().len(), 1);
    }
}
