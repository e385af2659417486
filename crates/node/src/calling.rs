//! Calling a peer: a connection to its address, its key checked, and hello said.

use std::net::IpAddr;

use drizzle_model::{Address, NetworkId, PeerId};
use drizzle_net::{DialError, Dialer, Expect, Protocol};

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

/// What is needed to call anybody. Clones are the same.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) peer: PeerId,
    pub(crate) dialer: Dialer,
    pub(crate) greeter: Greeter,
}

impl Caller {
    /// Who is calling.
    pub(crate) fn peer(&self) -> PeerId {
        self.peer
    }

    /// Calls a candidate as a member of `network`.
    pub(crate) async fn call(&self, candidate: &Candidate, network: NetworkId) -> Result<Greeted, CallError> {
        let expect = candidate.peer.map_or(Expect::AnyPeer, Expect::Peer);
        let connection = self.dialer.dial(&candidate.address, Protocol::Peer, expect).await?;
        let greeted = self.greeter.call(connection, network).await;
        greeted.map_err(|error| CallError::Hello { address: candidate.address.clone(), error })
    }
}

/// The address to call from: that on which this peer listens, so that others see where it is.
pub(crate) fn call_from(listen: IpAddr) -> Option<IpAddr> {
    (!listen.is_unspecified()).then_some(listen)
}
