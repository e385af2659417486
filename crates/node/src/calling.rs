//! Calling a peer: a connection to its address, its key checked, and hello said.
//!
//! Each of it takes round trips, and where a link is full each of them takes its time. So it can be begun before it is wanted:
//! the connection before there is a ticket to show, and the call before it is known what is to be fetched.

use std::net::IpAddr;

use drizzle_model::{Address, NetworkId, PeerId};
use drizzle_net::{Connection, DialError, Dialer, Expect, Protocol, Remote};

use crate::ahead::{Ahead, Begun};
use crate::input::Candidate;
use crate::lane::{Greeted, Greeter, HelloError};

/// Why a call led to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// There is one, but the peers did not come to terms.
    #[error("{address}: {error}")]
    Hello {
        /// Who was called.
        address: Address,
        /// What went wrong.
        error: HelloError,
    },
}

/// So many are called ahead, for one who asks.
const AHEAD_MAX: usize = 8;

type Dialled = Result<Connection, DialError>;
type Called = Result<Greeted, CallError>;

/// Connections that were begun ahead.
pub(crate) type DialledAhead = Begun<Address, Dialled>;
/// Calls that were begun ahead.
pub(crate) type CalledAhead = Begun<(NetworkId, Address), Called>;

/// What is needed to call anybody. Clones are the same.
#[derive(Clone)]
pub(crate) struct Caller {
    peer: PeerId,
    dialer: Dialer,
    greeter: Greeter,
    dialled: Ahead<Address, Dialled>,
    called: Ahead<(NetworkId, Address), Called>,
}

impl Caller {
    pub(crate) fn new(peer: PeerId, dialer: Dialer, greeter: Greeter) -> Self {
        Self { peer, dialer, greeter, dialled: Ahead::default(), called: Ahead::default() }
    }

    /// Who is calling.
    pub(crate) fn peer(&self) -> PeerId {
        self.peer
    }

    /// Connects to the first of these addresses, without a word.
    pub(crate) fn dial_ahead(&self, addresses: &[Address]) -> DialledAhead {
        self.dialled.begin(addresses.iter().take(AHEAD_MAX).map(|address| {
            let (dialer, name) = (self.dialer.clone(), address.clone());
            (name.clone(), async move { dialer.dial(&name, Protocol::Peer, Expect::AnyPeer).await })
        }))
    }

    /// Calls the first of these candidates.
    pub(crate) fn call_ahead<'a>(
        &self,
        candidates: impl Iterator<Item = &'a Candidate>,
        network: NetworkId,
    ) -> CalledAhead {
        let others = candidates.filter(|candidate| candidate.peer != Some(self.peer));
        self.called.begin(others.take(AHEAD_MAX).cloned().map(|candidate| {
            let caller = self.clone();
            let name = (network, candidate.address.clone());
            (name, async move { caller.call_now(&candidate, network).await })
        }))
    }

    /// Calls a candidate as a member of `network`, or takes the call to it that was begun.
    pub(crate) async fn call(&self, candidate: &Candidate, network: NetworkId) -> Called {
        match self.called.take(&(network, candidate.address.clone())).await {
            Some(Ok(greeted)) if candidate.peer.is_none_or(|peer| peer == greeted.peer) => Ok(greeted),
            Some(Err(error)) if candidate.peer.is_none() => Err(error),
            // Somebody else answered, or it was another who was expected: that says nothing of this one.
            _ => self.call_now(candidate, network).await,
        }
    }

    async fn call_now(&self, candidate: &Candidate, network: NetworkId) -> Called {
        if let Some(greeted) = self.use_dialled(candidate, network).await {
            return Ok(greeted);
        }
        let expect = candidate.peer.map_or(Expect::AnyPeer, Expect::Peer);
        let connection = self.dialer.dial(&candidate.address, Protocol::Peer, expect).await?;
        let greeted = self.greeter.call(connection, network).await;
        greeted.map_err(|error| CallError::Hello { address: candidate.address.clone(), error })
    }

    /// Says hello on the connection that was begun, if there is one to that peer. The other end may have hung up meanwhile,
    /// since nothing was said for long: so what fails here is tried anew.
    async fn use_dialled(&self, candidate: &Candidate, network: NetworkId) -> Option<Greeted> {
        let connection = self.dialled.take(&candidate.address).await?.ok()?;
        let is_expected = candidate.peer.is_none_or(|peer| connection.remote() == Remote::Peer(peer));
        if is_expected { self.greeter.call(connection, network).await.ok() } else { None }
    }
}

/// The address to call from: that on which this peer listens, so that others see where it is.
pub(crate) fn call_from(listen: IpAddr) -> Option<IpAddr> {
    (!listen.is_unspecified()).then_some(listen)
}
