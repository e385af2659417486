//! The way to a tracker over the network: one connection that is kept, and made anew when it is gone.
//!
//! A call that finds the kept connection in use opens one more, so no call waits for another; one is kept afterwards. A call
//! that fails on a kept connection is repeated once on a new one: the tracker may have closed it just then, and every
//! call of the API has the same effect twice as once.
//!
//! Of several addresses the first that answers is taken, each time that a connection is made. Behind another address may be
//! another tracker of the network, which knows nothing of this peer, so a move is remembered until somebody asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use drizzle_model::{Address, Invite};
use drizzle_net::{Connection, DialError, Dialer, Expect, Protocol};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client_error::ClientError;
use crate::limits::{ADDRESS_HEAD_START, CALL_TIMEOUT};
use crate::reply::{Reply, read_whole};

pub(crate) struct Remote {
    invite: Invite,
    dialer: Dialer,
    kept: Mutex<Option<Line>>,
    /// Where the newest connection leads.
    at: Mutex<Option<SocketAddr>>,
    has_moved: AtomicBool,
}

/// A connection that speaks HTTP.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    tracker: IpAddr,
}

impl Remote {
    pub(crate) fn new(invite: Invite, dialer: Dialer) -> Self {
        Self {
            invite,
            dialer,
            kept: Mutex::default(),
            at: Mutex::default(),
            has_moved: AtomicBool::new(false),
        }
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, ClientError> {
        if let Some(line) = self.take_kept()
            && let Ok(reply) = self.send_over(line, request.clone()).await
        {
            return Ok(reply);
        }
        let line = self.open().await?;
        self.send_over(line, request).await
    }

    /// Whether the tracker's address has become another one since this was asked last.
    pub(crate) fn has_moved(&self) -> bool {
        self.has_moved.swap(false, Ordering::Relaxed)
    }

    fn take_kept(&self) -> Option<Line> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send_over(&self, mut line: Line, request: Request<Full<Bytes>>) -> Result<Reply, ClientError> {
        let lost = |error: hyper::Error| ClientError::Lost { reason: error.to_string() };
        let exchange = async {
            line.sender.ready().await.map_err(lost)?;
            let response = line.sender.send_request(request).await.map_err(lost)?;
            read_whole(response, Some(line.tracker)).await
        };
        let late = |_| ClientError::Lost { reason: format!("no answer within {} s", CALL_TIMEOUT.as_secs()) };
        let reply = timeout(CALL_TIMEOUT, exchange).await.map_err(late)??;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        Ok(reply)
    }

    async fn open(&self) -> Result<Line, ClientError> {
        let connection = self.dial().await?;
        let address = connection.remote_addr();
        tracing::debug!(target: "drizzle::tracker", tracker = %address, "connected to the tracker");
        let before = self.at.lock().unwrap_or_else(PoisonError::into_inner).replace(address);
        if before.is_some_and(|before| before != address) {
            self.has_moved.store(true, Ordering::Relaxed);
        }
        let tracker = address.ip();
        let (sender, driver) = handshake(TokioIo::new(connection))
            .await
            .map_err(|error| ClientError::Lost { reason: error.to_string() })?;
        // Ends by itself when the sender is dropped or the tracker hangs up.
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(target: "drizzle::tracker", %error, "the connection to the tracker ended");
            }
        });
        Ok(Line { sender, tracker })
    }

    /// Connects to the first address that answers. Each has a head start on the next, and none when it has failed.
    async fn dial(&self) -> Result<Connection, ClientError> {
        let mut waiting = self.invite.addresses.iter();
        let mut attempts = JoinSet::new();
        let mut failures = Vec::new();
        loop {
            let next = waiting.next();
            if let Some(address) = next {
                attempts.spawn(dial_one(
                    self.dialer.clone(),
                    address.clone(),
                    Expect::Network(self.invite.network),
                ));
            }
            let answer = match next {
                Some(_) => timeout(ADDRESS_HEAD_START, attempts.join_next()).await.unwrap_or(None),
                None => attempts.join_next().await,
            };
            match answer {
                Some(Ok(Ok(connection))) => return Ok(connection),
                Some(Ok(Err(error))) => failures.push(error),
                Some(Err(_)) => {}
                None if next.is_none() => return Err(ClientError::from_failures(&failures)),
                None => {}
            }
        }
    }
}

async fn dial_one(dialer: Dialer, address: Address, expect: Expect) -> Result<Connection, DialError> {
    dialer.dial(&address, Protocol::Api, expect).await
}
