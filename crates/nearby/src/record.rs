//! What an announcement says: the service's name, its text record, and which of its addresses count. Pure.

use std::net::{IpAddr, SocketAddr};

use drizzle_model::{Address, Invite, NetworkId, Place};

/// The service, as RFC 6763 names it.
pub(crate) const SERVICE: &str = "_drizzle._tcp.local.";
/// The network's key, as 64 hexadecimal digits.
pub(crate) const NETWORK: &str = "network";
/// The form of the announcement; another one is not understood.
pub(crate) const VERSION: &str = "v";
pub(crate) const THIS_VERSION: &str = "1";

/// A part of the key is enough to tell networks apart, and all of it would not fit in a label.
const LABEL_DIGITS: usize = 16;

/// What the network is called: nothing that says whose machine it is.
pub(crate) fn label(network: &NetworkId) -> String {
    format!("drizzle-{}", &network.to_string()[..LABEL_DIGITS])
}

/// Something that was heard.
pub(crate) struct Heard<'a> {
    pub(crate) version: Option<&'a str>,
    pub(crate) network: Option<&'a str>,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<HeardAddress>,
}

/// An address that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeardAddress {
    pub(crate) ip: IpAddr,
    /// Whether it was heard from this very machine.
    pub(crate) is_from_here: bool,
}

/// The invite that it comes to, if it is one.
pub(crate) fn invite(heard: Heard<'_>) -> Option<Invite> {
    if heard.version != Some(THIS_VERSION) || heard.port == 0 {
        return None;
    }
    let network: NetworkId = heard.network?.parse().ok()?;
    let mut ips: Vec<IpAddr> = heard
        .addresses
        .into_iter()
        .filter(|address| is_callable(*address))
        .map(|address| address.ip)
        .collect();
    // IPv4 first: it is what a local network surely carries.
    ips.sort();
    ips.dedup();
    ips.truncate(Invite::ADDRESSES_MAX);
    let addresses: Vec<Address> = ips.into_iter().map(|ip| SocketAddr::new(ip, heard.port).into()).collect();
    (!addresses.is_empty()).then_some(Invite { place: Place::Tracker, addresses, network, secret: None })
}

/// Whether a tracker can be there. A stranger must not make this machine call itself.
fn is_callable(address: HeardAddress) -> bool {
    match address.ip {
        ip if ip.is_unspecified() || ip.is_multicast() => false,
        ip if ip.is_loopback() => address.is_from_here,
        IpAddr::V4(ip) => !ip.is_broadcast(),
        // Without the interface it leads nowhere, and an invite names none.
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard<'a>(version: &'a str, network: &'a str, ips: &[&str]) -> Heard<'a> {
        let address = |ip: &&str| HeardAddress { ip: ip.parse().unwrap(), is_from_here: false };
        Heard {
            version: Some(version),
            network: Some(network),
            port: 7440,
            addresses: ips.iter().map(address).collect(),
        }
    }

    #[test]
    fn an_announcement_is_the_invite_of_an_open_network() {
        let key = "ab".repeat(32);
        let invite = invite(heard("1", &key, &["10.0.0.2", "2001:db8::1", "10.0.0.1", "10.0.0.1"])).unwrap();
        assert_eq!(
            invite.to_string(),
            format!("tracker://10.0.0.1:7440,10.0.0.2:7440,[2001:db8::1]:7440/{key}")
        );
    }

    #[test]
    fn what_a_stranger_makes_up_comes_to_nothing() {
        let key = "ab".repeat(32);
        for (version, network, ips) in [
            ("2", &*key, ["10.0.0.1"]),
            ("1", "ab", ["10.0.0.1"]),
            ("1", "\u{1b}[2J", ["10.0.0.1"]),
            ("1", &key, ["127.0.0.1"]),
            ("1", &key, ["::1"]),
            ("1", &key, ["0.0.0.0"]),
            ("1", &key, ["224.0.0.251"]),
            ("1", &key, ["255.255.255.255"]),
            ("1", &key, ["fe80::1"]),
        ] {
            assert_eq!(invite(heard(version, network, &ips)), None, "{version} {network:?} {ips:?}");
        }
        assert_eq!(invite(Heard { port: 0, ..heard("1", &key, &["10.0.0.1"]) }), None);
        assert_eq!(invite(Heard { network: None, ..heard("1", &key, &["10.0.0.1"]) }), None);
        let near = HeardAddress { ip: [127, 0, 0, 1].into(), is_from_here: true };
        assert!(invite(Heard { addresses: vec![near], ..heard("1", &key, &[]) }).is_some());
    }

    #[test]
    fn no_more_addresses_are_taken_than_an_invite_holds() {
        let key = "ab".repeat(32);
        let many: Vec<String> = (1..200).map(|n| format!("10.0.0.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(invite(heard("1", &key, &many)).unwrap().addresses.len(), Invite::ADDRESSES_MAX);
    }
}
