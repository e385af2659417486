//! The key of a network: the tracker proves itself by it, and signs tickets with it.

use std::path::Path;
use std::sync::Arc;

use drizzle_model::{JoinSecret, NetworkId, PeerId};

use crate::Ticket;
use crate::key_file::{self, KeyFileError, Sharing};
use crate::key_pair::KeyPair;

/// What the key of a ring is derived for. Another text gives another network.
const RING_CONTEXT: &str = "drizzle 2025-11 network key of a ring from its join secret";

/// A network's key. Clones are the same key.
#[derive(Debug, Clone)]
pub struct NetworkKey {
    pair: Arc<KeyPair>,
}

impl NetworkKey {
    /// Reads the key from its file, which is made, with mode 0600, when it is not there.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        // A shared file has no lock that another process could hold.
        match key_file::load_or_create(path, Sharing::Shared)? {
            Some((pair, _)) => Ok(Self { pair: Arc::new(pair) }),
            None => Err(KeyFileError::AllInUse { dir: path.to_owned(), slots: 1 }),
        }
    }

    /// A new key that is gone with the process: for a network that lasts as long.
    pub fn ephemeral() -> Result<Self, KeyFileError> {
        let pair = KeyPair::generate().map_err(|_| KeyFileError::NoRandomness)?;
        Ok(Self { pair: Arc::new(pair) })
    }

    /// The key of a ring, where whoever holds the secret is the authority.
    pub fn from_secret(secret: &JoinSecret) -> Self {
        let seed = blake3::derive_key(RING_CONTEXT, secret.as_bytes());
        #[expect(
            clippy::expect_used,
            reason = "every 32 bytes are the seed of an Ed25519 key (RFC 8032, 5.1.5)"
        )]
        let pair = KeyPair::from_seed(&seed).expect("32 bytes are a seed");
        Self { pair: Arc::new(pair) }
    }

    /// The public half, which names the network.
    pub fn id(&self) -> NetworkId {
        NetworkId::from_bytes(*self.pair.public())
    }

    /// Says that `peer` belongs to this network until `expires_unix_s` (seconds since 1970).
    pub fn issue(&self, peer: PeerId, expires_unix_s: u64) -> Ticket {
        Ticket::sign(self.id(), peer, expires_unix_s, |message| self.pair.sign(message))
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}
