//! Who has what in a network: one interface, behind it a tracker or a ring.
//!
//! [`Network`](crate::Network) keeps the lease and remembers what was told; here it only matters whom to ask. Both answer
//! in the same terms, those of the tracker's client.

use std::time::Duration;

use drizzle_classic::Name;
use drizzle_model::{ChunkRun, ContentHash, FileKey, PeerId, RelPath};
use drizzle_net::Ticket;
use drizzle_tracker::{ClassicLocated, Client, ClientError, Located, Refusal, Registration, Verdict};

use crate::ring::{RingDiscovery, RingError};

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Of the tracker.
    #[error(transparent)]
    Tracker(#[from] ClientError),
    /// Of the ring.
    #[error(transparent)]
    Ring(#[from] RingError),
}

impl DiscoveryError {
    /// Whether it is known that nobody has it.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Tracker(ClientError::NotFound) | Self::Ring(RingError::NotFound))
    }

    /// Whether everything must be told anew.
    pub(crate) fn is_lapsed(&self) -> bool {
        matches!(self, Self::Tracker(ClientError::Lapsed))
    }
}

/// Whom to ask.
#[derive(Clone)]
pub(crate) enum Discovery {
    Tracker(Client),
    Ring(RingDiscovery),
    /// Nobody: all that is wanted is known from elsewhere.
    Nobody,
}

/// What joining or renewing gives.
pub(crate) struct Standing {
    /// None when there is nobody to give one.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) renew_interval: Duration,
}

/// Long enough never to matter.
const NEVER: Duration = Duration::from_secs(60 * 60);

type Answer<T> = Result<T, DiscoveryError>;

impl Discovery {
    /// Gets this peer in.
    pub(crate) async fn join(&self) -> Answer<Standing> {
        match self {
            Self::Tracker(client) => {
                let joined = client.enter().await?;
                Ok(Standing { ticket: Some(joined.ticket), renew_interval: joined.renew_interval })
            }
            Self::Ring(ring) => {
                ring.join().await?;
                Ok(Standing { ticket: Some(ring.ticket()), renew_interval: ring.renew_interval() })
            }
            Self::Nobody => Ok(Standing { ticket: None, renew_interval: NEVER }),
        }
    }

    /// Renews the lease of all that was told, for a peer that serves at `port`.
    pub(crate) async fn renew(&self, port: u16) -> Answer<Standing> {
        match self {
            Self::Tracker(client) => {
                let renewal = client.renew(Some(port)).await?;
                let ticket = client.membership().map(|membership| membership.ticket);
                Ok(Standing { ticket, renew_interval: renewal.renew_interval })
            }
            Self::Ring(ring) => {
                ring.renew().await?;
                Ok(Standing { ticket: Some(ring.ticket()), renew_interval: ring.renew_interval() })
            }
            Self::Nobody => self.join().await,
        }
    }

    /// Takes back everything.
    pub(crate) async fn leave(&self) -> Answer<()> {
        match self {
            Self::Tracker(client) => Ok(client.leave().await?),
            Self::Ring(ring) => Ok(ring.leave().await?),
            Self::Nobody => Ok(()),
        }
    }

    /// Says what is here, and where it is served; a verdict for each.
    pub(crate) async fn register(&self, port: u16, files: &[Registration]) -> Answer<Vec<Verdict>> {
        match self {
            Self::Tracker(client) => Ok(client.register(port, files).await?),
            Self::Ring(ring) => Ok(ring.register(files).await?),
            Self::Nobody => Ok(vec![Ok(()); files.len()]),
        }
    }

    /// Says what is here no longer.
    pub(crate) async fn unregister(&self, keys: &[FileKey]) -> Answer<()> {
        match self {
            Self::Tracker(client) => Ok(client.unregister(keys).await.map(drop)?),
            Self::Ring(ring) => Ok(ring.unregister(keys).await?),
            Self::Nobody => Ok(()),
        }
    }

    /// Says which chunks came; a verdict for each. A ring's cards are only told whole, so it takes none by themselves.
    pub(crate) async fn add_chunks(&self, files: &[(FileKey, Vec<ChunkRun>)]) -> Answer<Vec<Verdict>> {
        match self {
            Self::Tracker(client) => Ok(client.add_chunks(files).await?),
            Self::Ring(_) => {
                let whole = Refusal { reason: "expected the whole of what is here".into() };
                Ok(vec![Err(whole); files.len()])
            }
            Self::Nobody => Ok(vec![Ok(()); files.len()]),
        }
    }

    /// Whether classic peers may have something as well.
    pub(crate) fn is_classic(&self) -> bool {
        matches!(self, Self::Tracker(client) if client.is_classic())
    }

    /// Which classic peers have the newest of that name; none when none has, or none can.
    pub(crate) async fn locate_classic(&self, name: &Name) -> Answer<Option<ClassicLocated>> {
        match self {
            Self::Tracker(client) if client.is_classic() => match client.locate_classic(name).await {
                Ok(located) => Ok(Some(located)),
                Err(ClientError::NotFound) => Ok(None),
                Err(error) => Err(error.into()),
            },
            _ => Ok(None),
        }
    }

    /// What is called so, the newest first.
    pub(crate) async fn locate_name(&self, name: &RelPath) -> Answer<Vec<Located>> {
        match self {
            Self::Tracker(client) => Ok(client.locate_name(name).await?),
            Self::Ring(ring) => Ok(ring.locate_name(name).await?),
            Self::Nobody => Err(ClientError::NotFound.into()),
        }
    }

    /// Who has what a hash names.
    pub(crate) async fn locate_hash(&self, hash: &ContentHash) -> Answer<Vec<Located>> {
        match self {
            Self::Tracker(client) => Ok(client.locate_hash(hash).await?),
            Self::Ring(ring) => Ok(ring.locate_hash(hash).await?),
            Self::Nobody => Err(ClientError::NotFound.into()),
        }
    }

    /// Says that a peer sent what was wrong. A ring has nobody who would judge: there it is only remembered here.
    pub(crate) async fn report(&self, key: &FileKey, peer: &PeerId, reason: &str) -> Answer<()> {
        match self {
            Self::Tracker(client) => Ok(client.report(key, peer, reason).await?),
            Self::Ring(ring) => {
                ring.report(key.hash, *peer);
                Ok(())
            }
            Self::Nobody => Ok(()),
        }
    }
}
