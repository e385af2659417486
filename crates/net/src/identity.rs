//! This peer's own key, whose public half is its id.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use drizzle_model::PeerId;

use crate::key_file::{self, KeyFileError, Sharing};
use crate::key_pair::{self, KeyPair};

/// How many processes can share one state directory, each with a key of its own. More than anybody runs on one
/// machine; it ends the search when locks do not work as they should.
const SLOTS_MAX: usize = 4096;

/// The key by which this peer proves who it is. Clones are the same identity.
#[derive(Debug, Clone)]
pub struct Identity {
    pair: Arc<KeyPair>,
    /// Held for its lock: as long as it is open, no other process takes this identity.
    _lock: Option<Arc<File>>,
}

impl Identity {
    /// Takes the first free of the keys `peer-0.key`, `peer-1.key` and so on in `state_dir`, and makes it when it is
    /// not there yet. A key is held until the last clone is dropped, so processes that run side by side have
    /// different ids, and each finds its own again when they are started in the same order.
    pub fn claim(state_dir: &Path) -> Result<Self, KeyFileError> {
        for slot in 0..SLOTS_MAX {
            let path = state_dir.join(format!("peer-{slot}.key"));
            if let Some((pair, file)) = key_file::load_or_create(&path, Sharing::Exclusive)? {
                return Ok(Self { pair: Arc::new(pair), _lock: Some(Arc::new(file)) });
            }
        }
        Err(KeyFileError::AllInUse { dir: state_dir.to_owned(), slots: SLOTS_MAX })
    }

    /// A new key that is gone with the process.
    pub fn ephemeral() -> Result<Self, KeyFileError> {
        let pair = KeyPair::generate().map_err(|_| KeyFileError::NoRandomness)?;
        Ok(Self { pair: Arc::new(pair), _lock: None })
    }

    /// The public half.
    pub fn id(&self) -> PeerId {
        PeerId::from_bytes(*self.pair.public())
    }

    /// This peer's signature. What is signed must begin with words that say what it is for, so that it can mean nothing
    /// elsewhere.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message)
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

/// Whether `peer` signed `message`.
pub fn is_signed_by(peer: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
    key_pair::is_signed_by(peer.as_bytes(), message, signature)
}

/// Random bytes of the system, for a secret.
pub fn random_bytes() -> Result<[u8; 32], KeyFileError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyFileError::NoRandomness)?;
    Ok(bytes)
}
