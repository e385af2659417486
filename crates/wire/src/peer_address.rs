//! A peer and where it may be dialled.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use drizzle_model::PeerId;

use crate::field::{Field, FieldError, Fields};

/// A peer's key with an address that can be dialled: a port that is not 0, one host, and IPv4 written as IPv4.
/// Whether it is wise to dial it is for the one who does to decide; who answers must prove the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerAddress {
    peer: PeerId,
    address: SocketAddr,
}

impl PeerAddress {
    /// Checks the address. An IPv4 address in IPv6 form becomes IPv4; the scope of an IPv6 address, which means nothing
    /// on another machine, is dropped.
    pub fn new(peer: PeerId, address: SocketAddr) -> Option<Self> {
        let ip = address.ip().to_canonical();
        let is_one_host = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST);
        (is_one_host && address.port() != 0)
            .then_some(Self { peer, address: SocketAddr::new(ip, address.port()) })
    }

    /// The peer's key.
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Where it may be.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Field for PeerAddress {
    const LEN_MIN: usize = 32 + 1 + 4 + 2;
    const LEN_MAX: usize = 32 + 1 + 16 + 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.peer.write(out);
        self.write_address(out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, FieldError> {
        let peer = PeerId::read(fields)?;
        Self::read_address(fields, peer)
    }
}

impl PeerAddress {
    /// Writes all but the peer, where that is known.
    pub(crate) fn write_address(&self, out: &mut Vec<u8>) {
        match self.address.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        self.address.port().write(out);
    }

    /// Reads all but the peer.
    pub(crate) fn read_address(fields: &mut Fields<'_>, peer: PeerId) -> Result<Self, FieldError> {
        let ip = match u8::read(fields)? {
            4 => IpAddr::V4(Ipv4Addr::from(fields.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(fields.array::<16>()?)),
            other => return Err(fields.value("4 (IPv4) or 6 (IPv6)", other)),
        };
        let address = SocketAddr::new(ip, u16::read(fields)?);
        Self::new(peer, address)
            .filter(|checked| checked.address == address)
            .ok_or_else(|| fields.form("an address of one host with a port that is not 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nobody_can_dial_are_refused() {
        let peer = PeerId::from_bytes([1; 32]);
        let check = |text: &str| PeerAddress::new(peer, text.parse().unwrap()).map(|peer| peer.address());
        for text in ["0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1", "255.255.255.255:1", "10.0.0.1:0"] {
            assert_eq!(check(text), None, "{text}");
        }
        assert_eq!(check("[::ffff:10.0.0.1]:7441"), "10.0.0.1:7441".parse().ok());
        assert_eq!(check("[fe80::1%3]:7441"), "[fe80::1]:7441".parse().ok());
    }
}
