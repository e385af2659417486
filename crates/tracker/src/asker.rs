//! Who asks, and what that allows.
//!
//! Over TLS the asker has proved its key, and shows the ticket that the network signed for that key. Over plain HTTP
//! nobody proves anything, so it is answered on loopback alone, and there only questions, never changes. Other users
//! of the machine are on loopback as well, so a closed network asks for the join secret there: a ticket would not do,
//! since tickets are shown to every peer and prove nothing without the key. In an open network anyone may ask; but a web page
//! that somebody looks at may not, so the host that was asked must be a name of loopback.
//!
//! Behind a proxy that rule cannot hold, since the proxy is asked under its own name. Everything else stays: the proxy calls from
//! loopback, and passes on the join secret that its users show, if the network is closed. In an open network whoever reaches the
//! proxy may ask, and so may their web pages.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use drizzle_model::{PeerId, Time};
use drizzle_net::{Ticket, TicketError};

use crate::encoding;
use crate::limits::TICKET_TRUST;
use crate::problem::{Problem, ProblemKind};
use crate::tracker::Tracker;

/// The two ends of the connection on which a request came.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// The key that the asker proved; none over plain HTTP.
    pub(crate) peer: Option<PeerId>,
    pub(crate) remote: IpAddr,
    /// Where the asker reached the tracker.
    pub(crate) local: IpAddr,
    /// The ticket that was found good on this connection, and when.
    checked: Arc<Mutex<Option<(Ticket, Time)>>>,
    /// Whether somebody has been let in on this connection.
    is_admitted: Arc<AtomicBool>,
    hosts: Hosts,
}

/// Under which names plain HTTP is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Those of loopback.
    OfLoopback,
    /// Any, since a proxy is in between.
    Any,
}

impl Asker {
    pub(crate) fn new(peer: Option<PeerId>, remote: SocketAddr, local: SocketAddr) -> Self {
        // A socket for both families shows an IPv4 address as an IPv6 one.
        let (remote, local) = (remote.ip().to_canonical(), local.ip().to_canonical());
        Self {
            peer,
            remote,
            local,
            checked: Arc::default(),
            is_admitted: Arc::default(),
            hosts: Hosts::OfLoopback,
        }
    }

    /// The same asker, who may ask under these names.
    pub(crate) fn under(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// Whether the asker has joined on this connection, or shown what lets it in.
    pub(crate) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Ordering::Relaxed)
    }

    /// Notes that the asker belongs here.
    pub(crate) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
    }

    /// Where the asker finds an address that a peer registered from, and whether that is the tracker's own machine: what is
    /// loopback for the tracker is the tracker's host for others.
    pub(crate) fn place(&self, address: SocketAddr) -> (SocketAddr, bool) {
        let at_tracker = address.ip().is_loopback();
        if at_tracker && !self.remote.is_loopback() {
            (SocketAddr::new(self.local, address.port()), true)
        } else {
            (address, at_tracker)
        }
    }

    /// Whether the ticket is the asker's own and holds.
    fn check(&self, peer: &PeerId, ticket: &Ticket, tracker: &Tracker) -> Result<(), TicketError> {
        let now = tracker.clock.now();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.is_some_and(|(good, when)| good == *ticket && now.since(when) < TICKET_TRUST) {
            return Ok(());
        }
        ticket.verify(tracker.clock.unix_s(), &tracker.network.id(), peer)?;
        *checked = Some((*ticket, now));
        Ok(())
    }

    /// The address of the asker's serving side.
    pub(crate) fn serving(&self, port: u16) -> Result<SocketAddr, Problem> {
        if port == 0 {
            return Err(Problem::malformed("port: expected 1 to 65535, received 0"));
        }
        Ok(SocketAddr::new(self.remote, port))
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asker = parts.extensions.get::<Self>().cloned();
        asker.ok_or_else(|| Problem::new(ProblemKind::Other, "the connection is not known"))
    }
}

/// A peer with its proved key, in the network or not.
pub(crate) struct Caller(pub(crate) PeerId);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asker = Asker::from_request_parts(parts, state).await?;
        let refused = || Problem::new(ProblemKind::Refused, "plain HTTP cannot do this: use TLS with a key");
        asker.peer.map(Self).ok_or_else(refused)
    }
}

/// A peer of the network: with its proved key, and a ticket for it.
pub(crate) struct Member {
    pub(crate) peer: PeerId,
    pub(crate) ticket: Ticket,
}

impl FromRequestParts<Arc<Tracker>> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, tracker: &Arc<Tracker>) -> Result<Self, Problem> {
        let asker = Asker::from_request_parts(parts, tracker).await?;
        let Caller(peer) = Caller::from_request_parts(parts, tracker).await?;
        let refused = |why: &dyn ToString| Problem::new(ProblemKind::Ticket, why.to_string());
        let shown = bearer(&parts.headers).ok_or_else(|| refused(&"a ticket is needed: join first"))?;
        let bytes = encoding::decode(shown).ok_or_else(|| refused(&"the ticket is not base64"))?;
        let ticket = Ticket::from_bytes(&bytes).map_err(|error| refused(&error))?;
        asker.check(&peer, &ticket, tracker).map_err(|error| refused(&error))?;
        asker.admit();
        Ok(Self { peer, ticket })
    }
}

/// Somebody who may ask: a member, or a local user.
pub(crate) struct Reader(pub(crate) Asker);

impl FromRequestParts<Arc<Tracker>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, tracker: &Arc<Tracker>) -> Result<Self, Problem> {
        let asker = Asker::from_request_parts(parts, tracker).await?;
        if asker.peer.is_some() {
            Member::from_request_parts(parts, tracker).await?;
        } else {
            check_local(&asker, &parts.headers, tracker)?;
            asker.admit();
        }
        Ok(Self(asker))
    }
}

fn check_local(asker: &Asker, headers: &HeaderMap, tracker: &Tracker) -> Result<(), Problem> {
    let refused = |why| Err(Problem::new(ProblemKind::Refused, why));
    if !asker.remote.is_loopback() {
        return refused("plain HTTP is answered on loopback only");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if asker.hosts == Hosts::OfLoopback && !host.is_some_and(is_loopback_host) {
        return refused("plain HTTP is answered under a loopback address or localhost only");
    }
    if !tracker.network.is_open() && !bearer(headers).is_some_and(|shown| tracker.network.is_secret(shown)) {
        let why = "the network is closed: expected the join secret as bearer token";
        return Err(Problem::new(ProblemKind::Ticket, why));
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_a_loopback_host() {
        for host in ["localhost", "LocalHost:7440", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:7440"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example:80", "10.0.0.1:7440", "localhost.evil", "[::2]:1"]
        {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    /// A peer in the tracker's own process registers from loopback; from elsewhere it is found at the tracker's host.
    #[test]
    fn loopback_is_the_trackers_host_for_askers_from_elsewhere() {
        let own: SocketAddr = "127.0.0.1:7441".parse().unwrap();
        let other: SocketAddr = "10.0.0.5:7441".parse().unwrap();
        let asker = |remote: &str| {
            Asker::new(None, remote.parse().unwrap(), "[::ffff:10.0.0.1]:7440".parse().unwrap())
        };
        assert_eq!(asker("[::ffff:10.0.0.9]:999").place(own), ("10.0.0.1:7441".parse().unwrap(), true));
        assert_eq!(asker("127.0.0.1:999").place(own), (own, true));
        assert_eq!(asker("10.0.0.9:999").place(other), (other, false));
    }
}
