//! The port of a serving peer: so many callers at once, and not all of them of one host.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drizzle_net::RateLimiter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::answer::{Answered, answer};
use crate::limits::{SERVED_MAX, SERVED_PER_HOST_MAX};
use crate::wares::Wares;

/// How long to wait when the system cannot give another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves wares to whoever calls. Clones share one limit of callers.
#[derive(Clone)]
pub struct Counter {
    wares: Arc<dyn Wares>,
    limit: RateLimiter,
    places: Arc<Semaphore>,
    by_host: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Counter {
    /// Serves these wares, at most so fast.
    pub fn new(wares: Arc<dyn Wares>, limit: RateLimiter) -> Self {
        Self { wares, limit, places: Arc::new(Semaphore::new(SERVED_MAX)), by_host: Arc::default() }
    }

    /// Answers a port's callers until the task is dropped. Those beyond the limit wait in the kernel's queue.
    pub async fn run(self, listener: TcpListener) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((tcp, from)) => {
                    if let Some(place) = self.place(from.ip(), permit) {
                        tokio::spawn(self.clone().serve_at(place, tcp));
                    }
                }
                Err(error) => {
                    warn!(target: "drizzle::serve", %error, "cannot take a call");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Answers one caller, if there is room.
    pub async fn serve(&self, tcp: TcpStream) {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let Ok(from) = tcp.peer_addr() else { return };
        if let Some(place) = self.place(from.ip(), permit) {
            self.clone().serve_at(place, tcp).await;
        }
    }

    async fn serve_at(self, _place: Place, tcp: TcpStream) {
        let from = tcp.peer_addr().ok();
        match answer(tcp, &*self.wares, &self.limit).await {
            Ok(Answered::Sent { name, bytes }) => {
                debug!(target: "drizzle::serve", ?from, name, bytes, "sent a file to a classic peer");
            }
            Ok(answered) => debug!(target: "drizzle::serve", ?from, ?answered, "a classic peer got nothing"),
            Err(error) => debug!(target: "drizzle::serve", ?from, %error, "a classic peer was not served"),
        }
    }

    fn place(&self, host: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let host = host.to_canonical();
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        let open = by_host.entry(host).or_default();
        if *open >= SERVED_PER_HOST_MAX {
            return None;
        }
        *open += 1;
        Some(Place { by_host: Arc::clone(&self.by_host), host, _permit: permit })
    }
}

/// The place of one caller, free again when this is dropped.
struct Place {
    by_host: Arc<Mutex<HashMap<IpAddr, usize>>>,
    host: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_host = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_host.get_mut(&self.host) {
            *open -= 1;
            if *open == 0 {
                by_host.remove(&self.host);
            }
        }
    }
}
