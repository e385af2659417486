//! A network, as its tracker knows it: its key, and what admits to it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use drizzle_model::{Address, Invite, JoinSecret, NetworkId, PeerId, Place};
use drizzle_net::{JoinProof, KeyFileError, NetworkKey, Ticket};

use crate::secret_file::{self, SecretFileError};

/// Who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Everyone.
    Open,
    /// Who has the invite.
    Invited,
}

/// Why a network cannot be opened. The local disk is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The network's key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The join secret.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
}

/// A network's key and secret.
#[derive(Debug, Clone)]
pub struct Network {
    key: NetworkKey,
    secret: Option<JoinSecret>,
}

impl Network {
    /// The network of a data folder, made on the first start. Its key and secret stay the same from then on, and
    /// with them the invites. A secret stays in the folder while the network is open.
    pub fn load_or_create(dir: &Path, admission: Admission) -> Result<Self, NetworkError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| NetworkError::Folder { path: dir.to_owned(), source })?;
        let key = NetworkKey::load_or_create(&dir.join("network.key"))?;
        let secret = match admission {
            Admission::Open => None,
            Admission::Invited => Some(secret_file::load_or_create(&dir.join("join.secret"))?),
        };
        Ok(Self { key, secret })
    }

    /// A network that is gone with the process.
    pub fn ephemeral(admission: Admission) -> Result<Self, NetworkError> {
        let secret = match admission {
            Admission::Open => None,
            Admission::Invited => Some(secret_file::random()?),
        };
        Ok(Self { key: NetworkKey::ephemeral()?, secret })
    }

    /// The key, for whoever accepts connections.
    pub fn key(&self) -> &NetworkKey {
        &self.key
    }

    /// The network's name.
    pub fn id(&self) -> NetworkId {
        self.key.id()
    }

    /// The text that lets peers in, found at these addresses. A secret, unless the network is open.
    pub fn invite(&self, addresses: Vec<Address>) -> Invite {
        Invite { place: Place::Tracker, addresses, network: self.id(), secret: self.secret.clone() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.secret.is_none()
    }

    /// Whether the peer may join.
    pub(crate) fn admits(&self, peer: &PeerId, proof: Option<&JoinProof>) -> bool {
        match &self.secret {
            None => true,
            Some(secret) => proof.is_some_and(|proof| proof.is_valid(secret, &self.id(), peer)),
        }
    }

    /// Whether `text` is the join secret in hexadecimal. Takes the same time however much of it is right.
    pub(crate) fn is_secret(&self, text: &str) -> bool {
        // The comparison of blake3::Hash is the one in constant time.
        let shown = blake3::Hash::from_hex(text).ok();
        let secret = self.secret.as_ref().map(|secret| blake3::Hash::from_bytes(*secret.as_bytes()));
        secret.is_some_and(|secret| shown.is_some_and(|shown| shown == secret))
    }

    pub(crate) fn issue(&self, peer: PeerId, expires_unix_s: u64) -> Ticket {
        self.key.issue(peer, expires_unix_s)
    }
}
