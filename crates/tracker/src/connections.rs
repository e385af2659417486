//! Room for connections: for so many in all, and for so many of one host.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) connections_max: usize,
    pub(crate) connections_per_host_max: usize,
}

/// Why there is no room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("there are {max} connections, and no room for more")]
    Full { max: usize },
    #[error("there are {max} connections of this host, and no room for more")]
    HostFull { max: usize },
}

/// Counts the connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    room: Room,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    /// Hosts without a connection are not here.
    by_host: HashMap<IpAddr, usize>,
    /// Whether the log says that there is no room: one line, until half of it is free again, or whoever is turned away would
    /// write one each time.
    is_full_logged: bool,
}

/// The place of one connection, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    host: IpAddr,
}

impl Connections {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        Arc::new(Self { room, open: Mutex::default() })
    }

    /// A place for one more connection.
    pub(crate) fn place(self: &Arc<Self>, from: IpAddr) -> Result<Place, NoRoom> {
        let Room { connections_max, connections_per_host_max } = self.room;
        let host = host_of(from);
        let mut open = self.open();
        if open.count >= connections_max {
            return Err(NoRoom::Full { max: connections_max });
        }
        let of_host = open.by_host.get(&host).copied().unwrap_or(0);
        if of_host >= connections_per_host_max {
            return Err(NoRoom::HostFull { max: connections_per_host_max });
        }
        open.by_host.insert(host, of_host + 1);
        open.count += 1;
        if open.count == connections_max && !open.is_full_logged {
            open.is_full_logged = true;
            tracing::warn!(max = connections_max, "no room for more connections: others are turned away");
        }
        Ok(Place { connections: Arc::clone(self), host })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open().count
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.count -= 1;
        open.is_full_logged &= open.count > self.connections.room.connections_max / 2;
        if let Some(of_host) = open.by_host.get_mut(&self.host) {
            *of_host -= 1;
            if *of_host == 0 {
                open.by_host.remove(&self.host);
            }
        }
    }
}

/// What of an address is one host's: whoever has one IPv6 address has the 2^64 of its subnet.
fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// One host that opens all the connections it can must leave room for others, and a place is free again when its connection
    /// ends.
    #[test]
    fn a_host_has_its_share_and_all_have_the_rest() {
        let connections = Connections::new(Room { connections_max: 5, connections_per_host_max: 2 });
        let greedy = [(); 2].map(|()| connections.place(ip("10.0.0.1")).unwrap());
        for same_host in ["10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(connections.place(ip(same_host)).unwrap_err(), NoRoom::HostFull { max: 2 });
        }
        let others =
            ["10.0.0.2", "2001:db8::1", "2001:db8::ffff:0:0:2"].map(|from| connections.place(ip(from)));
        assert!(others.iter().all(Result::is_ok), "{others:?}");
        assert_eq!(connections.place(ip("10.0.0.3")).unwrap_err(), NoRoom::Full { max: 5 });
        drop(greedy);
        assert_eq!(connections.place(ip("2001:db8::3")).unwrap_err(), NoRoom::HostFull { max: 2 });
        assert!(connections.place(ip("2001:db8:0:1::3")).is_ok(), "another subnet");
        assert!(connections.place(ip("10.0.0.1")).is_ok());
        drop(others);
        let open = connections.open();
        assert_eq!((open.count, open.by_host.len()), (0, 0), "nothing is remembered of who is gone");
    }
}
