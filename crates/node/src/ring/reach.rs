//! By which address a peer is named to another, and understood by it.
//!
//! Members of one machine know each other by loopback addresses, which mean another machine, or nobody, to everybody
//! else. So a contact's loopback address is turned into the address of the machine on which it was seen: by whoever
//! names it, and again by whoever hears it. Whether the peer listens there is its own affair.

use std::net::IpAddr;

use drizzle_net::Connection;
use drizzle_ring::Contact;

/// The two ends of a connection, as far as addresses go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    local: IpAddr,
    remote: IpAddr,
}

impl Reach {
    pub(crate) fn of(connection: &Connection) -> Self {
        let canonical = |address: std::net::SocketAddr| address.ip().to_canonical();
        Self { local: canonical(connection.local_addr()), remote: canonical(connection.remote_addr()) }
    }

    /// Whether both ends are on one machine, and know it.
    pub(crate) fn is_loopback(self) -> bool {
        self.remote.is_loopback()
    }

    /// What is known here is to be told there.
    pub(crate) fn name(self, contact: &mut Contact) {
        self.turn(contact, self.local);
    }

    /// What was told there is to be known here.
    pub(crate) fn understand(self, contact: &mut Contact) {
        self.turn(contact, self.remote);
    }

    fn turn(self, contact: &mut Contact, ip: IpAddr) {
        if !self.is_loopback() && is_of_one_machine(contact.address.ip()) {
            contact.address.set_ip(ip);
        }
    }
}

/// Whether an address means nothing on another machine.
pub(crate) fn is_of_one_machine(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::PeerId;
    use drizzle_ring::Position;

    fn known_at(address: &str) -> Contact {
        let address = address.parse().unwrap();
        Contact { position: Position::default(), peer: PeerId::from_bytes([1; 32]), address }
    }

    /// Would fail if a member of another machine were sent to itself.
    #[test]
    fn loopback_is_named_to_loopback_alone() {
        let ips = |local: &str, remote: &str| Reach {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        };
        let (far, near) = (ips("10.0.0.1", "10.0.0.2"), ips("127.0.0.1", "127.0.0.1"));
        for (reach, known, named, understood) in [
            (far, "127.0.0.1:7", "10.0.0.1:7", "10.0.0.2:7"),
            (far, "[::1]:7", "10.0.0.1:7", "10.0.0.2:7"),
            (far, "[::ffff:127.0.0.1]:7", "10.0.0.1:7", "10.0.0.2:7"),
            (far, "0.0.0.0:7", "10.0.0.1:7", "10.0.0.2:7"),
            (far, "10.0.0.9:7", "10.0.0.9:7", "10.0.0.9:7"),
            (near, "127.0.0.1:7", "127.0.0.1:7", "127.0.0.1:7"),
        ] {
            let (mut told, mut heard) = (known_at(known), known_at(known));
            reach.name(&mut told);
            reach.understand(&mut heard);
            assert_eq!(
                (told.address.to_string(), heard.address.to_string()),
                (named.into(), understood.into())
            );
        }
    }
}
