//! The proof that a peer knows a network's join secret, without the secret in it.
//!
//! It is a keyed BLAKE3 over network and peer. It goes over a connection on which the network has proved its key and the
//! peer its own, so who overhears or receives it cannot use it: it speaks for that one peer alone.

use drizzle_model::{JoinSecret, NetworkId, PeerId};

/// What the key of the proof is derived for.
const CONTEXT: &str = "drizzle 2025-11 proof of a join secret";

/// What a peer shows in order to join.
#[derive(Debug, Clone, Copy)]
pub struct JoinProof([u8; 32]);

impl JoinProof {
    /// The proof that `peer` knows the secret of `network`.
    pub fn new(secret: &JoinSecret, network: &NetworkId, peer: &PeerId) -> Self {
        Self(*Self::hash(secret, network, peer).as_bytes())
    }

    /// Takes what somebody showed.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What to show.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `peer` knows the secret. Takes the same time however much of the proof is right.
    pub fn is_valid(&self, secret: &JoinSecret, network: &NetworkId, peer: &PeerId) -> bool {
        // The comparison of blake3::Hash is the one in constant time.
        Self::hash(secret, network, peer) == blake3::Hash::from_bytes(self.0)
    }

    fn hash(secret: &JoinSecret, network: &NetworkId, peer: &PeerId) -> blake3::Hash {
        let key = blake3::derive_key(CONTEXT, secret.as_bytes());
        let mut message = [0; 64];
        message[..32].copy_from_slice(network.as_bytes());
        message[32..].copy_from_slice(peer.as_bytes());
        blake3::keyed_hash(&key, &message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_secret_network_and_peer_alone() {
        let secret = |byte| JoinSecret::from_bytes([byte; 32]);
        let network = |byte| NetworkId::from_bytes([byte; 32]);
        let peer = |byte| PeerId::from_bytes([byte; 32]);
        let proof = JoinProof::from_bytes(*JoinProof::new(&secret(1), &network(2), &peer(3)).as_bytes());
        assert!(proof.is_valid(&secret(1), &network(2), &peer(3)));
        assert!(!proof.is_valid(&secret(9), &network(2), &peer(3)));
        assert!(!proof.is_valid(&secret(1), &network(9), &peer(3)));
        assert!(!proof.is_valid(&secret(1), &network(2), &peer(9)));
    }
}
