//! The addresses under which others can reach this machine, for an invite or a link.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use drizzle_model::{Address, Invite};

/// What to write into an invite for a server that listens on `listen`: that address itself, or, when it listens on all
/// of them, the machine's own with that port: those that most can reach first, loopback only when there is no other.
pub fn own_addresses(listen: SocketAddr) -> Vec<Address> {
    if !listen.ip().is_unspecified() {
        return vec![Address::from(listen)];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list this machine's addresses");
        Vec::new()
    });
    let up = interfaces.iter().filter(|interface| interface.is_oper_up());
    let ips = best_first(up.map(if_addrs::Interface::ip), listen.ip());
    ips.into_iter().map(|ip| Address::from(SocketAddr::new(ip, listen.port()))).collect()
}

/// Orders addresses by how likely they are to be of use to others. IPv6 ones count only when `listen` takes them.
fn best_first(ips: impl Iterator<Item = IpAddr>, listen: IpAddr) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> =
        ips.filter(|ip| rank(ip).is_some() && (listen.is_ipv6() || ip.is_ipv4())).collect();
    ips.sort_by_key(rank);
    ips.dedup();
    ips.truncate(Invite::ADDRESSES_MAX);
    if ips.is_empty() {
        ips.push(match listen {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    ips
}

/// Lower is better; none for what no other machine can use. Private IPv4 comes first: on the local network it is the
/// shortest way, and from outside it fails without harm while the next address is tried.
fn rank(ip: &IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() => None,
        IpAddr::V4(ip) if ip.is_private() => Some(0),
        IpAddr::V4(_) => Some(1),
        IpAddr::V6(ip) if ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() => None,
        IpAddr::V6(ip) if ip.is_unique_local() => Some(3),
        IpAddr::V6(_) => Some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ips: &[&str], listen: &str) -> Vec<String> {
        let ips = ips.iter().map(|ip| ip.parse().unwrap());
        best_first(ips, listen.parse().unwrap()).iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn what_others_can_reach_comes_first_and_loopback_only_alone() {
        let all =
            ["127.0.0.1", "::1", "fe80::1", "169.254.1.1", "fd00::1", "2001:db8::1", "8.8.4.4", "10.0.0.7"];
        assert_eq!(order(&all, "0.0.0.0"), ["10.0.0.7", "8.8.4.4"]);
        assert_eq!(order(&all, "::"), ["10.0.0.7", "8.8.4.4", "2001:db8::1", "fd00::1"]);
        assert_eq!(order(&all[..4], "0.0.0.0"), ["127.0.0.1"]);
        assert_eq!(order(&[], "::"), ["::1"]);
    }

    #[test]
    fn an_address_that_was_chosen_is_kept() {
        let addresses = own_addresses("127.0.0.9:7440".parse().unwrap());
        assert_eq!(addresses, ["127.0.0.9:7440".parse::<Address>().unwrap()]);
    }
}
