//! A network's word that a peer belongs to it, which the peer shows to other peers.
//!
//! Bytes: version (1), peer (32), network (32), expiry in seconds since 1970 (8, big-endian), signature (64) of the
//! network's key over a fixed context and all that stands before. A ticket names the key of the peer that shows it,
//! so it is worth nothing to another one and needs no secrecy. A ticket that was read is a claim: only
//! [`Ticket::verify`] says whether it holds.

use drizzle_model::{NetworkId, PeerId};

use crate::key_pair::{SIGNATURE_LEN, is_signed_by};

/// The only form there is so far.
const VERSION: u8 = 1;

/// Goes before the signed bytes, so that no signature for another purpose is a ticket.
const CONTEXT: &[u8] = b"drizzle ticket\0";

const CLAIM_LEN: usize = 1 + 32 + 32 + 8;

/// How far behind the network's clock that of a peer may be before it refuses good tickets, and ahead before it does
/// so: machines without time synchronization are off by a minute or two.
const CLOCK_SKEW_S: u64 = 300;

/// Why a ticket opens nothing. The one who shows it is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The bytes are not those of a ticket.
    #[error("expected a ticket of version {VERSION} with {} bytes, received {received} bytes", Ticket::LEN)]
    Malformed {
        /// How many bytes there are.
        received: usize,
    },
    /// The ticket is of a version that is not known here.
    #[error("expected a ticket of version {VERSION}, received version {received}")]
    Version {
        /// The version.
        received: u8,
    },
    /// It is for another network.
    #[error("expected a ticket of network {expected}, received one of network {received}")]
    WrongNetwork {
        /// The network that is asked about.
        expected: NetworkId,
        /// The network in the ticket.
        received: NetworkId,
    },
    /// It was given to another peer than the one who shows it.
    #[error("expected a ticket of peer {expected}, received one of peer {received}")]
    WrongPeer {
        /// The peer that shows it.
        expected: PeerId,
        /// The peer in the ticket.
        received: PeerId,
    },
    /// Its time is over.
    #[error("the ticket expired at {expired_unix_s} (seconds since 1970), and it is {now_unix_s}")]
    Expired {
        /// When it did.
        expired_unix_s: u64,
        /// The time here.
        now_unix_s: u64,
    },
    /// The network's key did not sign it.
    #[error("the ticket's signature is not that of network {network}")]
    Forged {
        /// The network in the ticket.
        network: NetworkId,
    },
}

/// What a network signed about a peer, or what somebody says it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    peer: PeerId,
    network: NetworkId,
    expires_unix_s: u64,
    signature: [u8; SIGNATURE_LEN],
}

impl Ticket {
    /// How many bytes a ticket has.
    pub const LEN: usize = CLAIM_LEN + SIGNATURE_LEN;

    pub(crate) fn sign(
        network: NetworkId,
        peer: PeerId,
        expires_unix_s: u64,
        signer: impl FnOnce(&[u8]) -> [u8; SIGNATURE_LEN],
    ) -> Self {
        let signature = signer(&message(&claim(&network, &peer, expires_unix_s)));
        Self { peer, network, expires_unix_s, signature }
    }

    /// Whose ticket it is.
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Which network gave it.
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// When it ends, in seconds since 1970.
    pub const fn expires_unix_s(&self) -> u64 {
        self.expires_unix_s
    }

    /// Whether it lets `peer`, known by its key, into `network` now.
    pub fn verify(&self, now_unix_s: u64, network: &NetworkId, peer: &PeerId) -> Result<(), TicketError> {
        if self.network != *network {
            return Err(TicketError::WrongNetwork { expected: *network, received: self.network });
        }
        if self.peer != *peer {
            return Err(TicketError::WrongPeer { expected: *peer, received: self.peer });
        }
        if now_unix_s >= self.expires_unix_s.saturating_add(CLOCK_SKEW_S) {
            return Err(TicketError::Expired { expired_unix_s: self.expires_unix_s, now_unix_s });
        }
        let claim = claim(&self.network, &self.peer, self.expires_unix_s);
        if !is_signed_by(self.network.as_bytes(), &message(&claim), &self.signature) {
            return Err(TicketError::Forged { network: self.network });
        }
        Ok(())
    }

    /// The bytes that go over the wire.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..CLAIM_LEN].copy_from_slice(&claim(&self.network, &self.peer, self.expires_unix_s));
        bytes[CLAIM_LEN..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads what [`Ticket::to_bytes`] wrote, and believes none of it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TicketError> {
        let malformed = TicketError::Malformed { received: bytes.len() };
        let (&version, rest) = bytes.split_first().ok_or(malformed)?;
        if version != VERSION {
            return Err(TicketError::Version { received: version });
        }
        let (peer, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (network, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (expires, signature) = rest.split_first_chunk().ok_or(malformed)?;
        Ok(Self {
            peer: PeerId::from_bytes(*peer),
            network: NetworkId::from_bytes(*network),
            expires_unix_s: u64::from_be_bytes(*expires),
            signature: signature.try_into().map_err(|_| malformed)?,
        })
    }
}

fn claim(network: &NetworkId, peer: &PeerId, expires_unix_s: u64) -> [u8; CLAIM_LEN] {
    let mut claim = [VERSION; CLAIM_LEN];
    claim[1..33].copy_from_slice(peer.as_bytes());
    claim[33..65].copy_from_slice(network.as_bytes());
    claim[65..].copy_from_slice(&expires_unix_s.to_be_bytes());
    claim
}

fn message(claim: &[u8; CLAIM_LEN]) -> Vec<u8> {
    [CONTEXT, claim].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkKey;

    const NOW: u64 = 1_800_000_000;

    fn peer(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    #[test]
    fn a_ticket_lets_in_its_own_peer_until_it_expires() {
        let network = NetworkKey::ephemeral().unwrap();
        let ticket = Ticket::from_bytes(&network.issue(peer(1), NOW).to_bytes()).unwrap();
        let verify = |now| ticket.verify(now, &network.id(), &peer(1));
        assert_eq!(verify(NOW - 1), Ok(()));
        assert_eq!(verify(NOW + CLOCK_SKEW_S - 1), Ok(()));
        let now_unix_s = NOW + CLOCK_SKEW_S;
        assert_eq!(verify(now_unix_s), Err(TicketError::Expired { expired_unix_s: NOW, now_unix_s }));
    }

    #[test]
    fn a_ticket_is_worth_nothing_to_another_peer_or_network() {
        let [network, other] = [(); 2].map(|()| NetworkKey::ephemeral().unwrap());
        let ticket = network.issue(peer(1), NOW);
        let wrong_peer = ticket.verify(NOW, &network.id(), &peer(2));
        assert!(matches!(wrong_peer, Err(TicketError::WrongPeer { .. })));
        let wrong_network = ticket.verify(NOW, &other.id(), &peer(1));
        assert!(matches!(wrong_network, Err(TicketError::WrongNetwork { .. })));
    }

    #[test]
    fn another_networks_key_cannot_sign() {
        let [network, other] = [(); 2].map(|()| NetworkKey::ephemeral().unwrap());
        let mut bytes = network.issue(peer(1), NOW).to_bytes();
        bytes[CLAIM_LEN..].copy_from_slice(&other.issue(peer(1), NOW).to_bytes()[CLAIM_LEN..]);
        let forged = Ticket::from_bytes(&bytes).unwrap().verify(NOW, &network.id(), &peer(1));
        assert_eq!(forged, Err(TicketError::Forged { network: network.id() }));
    }

    /// Every byte counts: whatever is changed, the ticket lets nobody in.
    #[test]
    fn a_ticket_with_any_byte_changed_is_refused() {
        let network = NetworkKey::ephemeral().unwrap();
        let bytes = network.issue(peer(1), NOW).to_bytes();
        for position in 0..Ticket::LEN {
            let mut changed = bytes;
            changed[position] ^= 1;
            let verified = Ticket::from_bytes(&changed).and_then(|t| t.verify(NOW, &network.id(), &peer(1)));
            assert!(verified.is_err(), "byte {position}");
        }
    }

    #[test]
    fn bytes_of_another_length_are_no_ticket() {
        let bytes = NetworkKey::ephemeral().unwrap().issue(peer(1), NOW).to_bytes();
        for len in 0..Ticket::LEN {
            assert_eq!(Ticket::from_bytes(&bytes[..len]), Err(TicketError::Malformed { received: len }));
        }
        let long = [&bytes[..], &[0]].concat();
        assert_eq!(Ticket::from_bytes(&long), Err(TicketError::Malformed { received: Ticket::LEN + 1 }));
    }
}
