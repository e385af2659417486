//! What the tracker is told of something that is served here.

use std::sync::{Arc, Mutex, PoisonError};

use drizzle_model::{Bitmap, FileKey, Mtime};
use drizzle_store::Source;
use tokio::sync::mpsc;

use super::claims::Claims;
use crate::error::{ShareError, TrackerError};
use crate::event::Event;
use crate::input::ContentEvent;
use crate::network::Network;

/// Something that is registered until it is taken back. Clones are the same.
#[derive(Clone)]
pub(crate) struct Registration {
    key: FileKey,
    mtime: Mtime,
    network: Network,
    claims: Claims,
    /// Held while the registry is told, so that nothing is said of it after it was taken back.
    is_claimed: Arc<Mutex<bool>>,
}

impl Registration {
    /// Of something that nothing else here has under the same name.
    pub(crate) fn alone(network: Network, key: FileKey, mtime: Mtime) -> Self {
        Self::new(network, key, mtime, Claims::default())
    }

    pub(super) fn new(network: Network, key: FileKey, mtime: Mtime, claims: Claims) -> Self {
        claims.add(network.id(), &key);
        Self { key, mtime, network, claims, is_claimed: Arc::new(Mutex::new(true)) }
    }

    /// Registers the whole of it, and waits for the tracker's verdict.
    pub(super) async fn register(&self) -> Result<(), ShareError> {
        self.network.register(self.key.clone(), self.mtime, Bitmap::full(self.key.chunks)).await
    }

    /// Says what of it is here, as soon as the tracker answers.
    pub(super) fn update(&self, have: Bitmap) {
        let is_claimed = self.is_claimed.lock().unwrap_or_else(PoisonError::into_inner);
        match (*is_claimed, have.is_empty() && self.key.chunks > 0) {
            (false, _) => {}
            (true, true) => self.network.withdraw(&self.key),
            (true, false) => self.network.update(self.key.clone(), self.mtime, have),
        }
    }

    /// Whether nothing else here is the same.
    pub(super) fn is_only(&self) -> bool {
        self.claims.is_single(self.network.id(), &self.key)
    }

    /// Takes it back, and waits for the tracker's word. Where something else here is the same it stays registered.
    pub(super) async fn take_back(&self) -> Result<(), TrackerError> {
        let was_claimed =
            std::mem::take(&mut *self.is_claimed.lock().unwrap_or_else(PoisonError::into_inner));
        if was_claimed && self.claims.remove(self.network.id(), &self.key) {
            self.network.unregister(&self.key).await
        } else {
            Ok(())
        }
    }
}

/// Hears what happens to something that is served.
pub(crate) struct Watch<F> {
    pub(crate) registration: Registration,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    /// Called when a reader found a file changed.
    pub(crate) changed: F,
}

impl<F: Fn()> Watch<F> {
    /// Tells the tracker and the owner when files are no longer what they were (S4.4), for as long as they are served.
    pub(crate) async fn run(self, mut happened: mpsc::UnboundedReceiver<ContentEvent>) {
        while let Some(event) = happened.recv().await {
            let ContentEvent::Changed { reason } = event else { continue };
            let name = &self.registration.key.name;
            // Nobody listening is no reason to stop.
            let _ = self.events.send(Event::Notice(format!("{name}: {reason}; it is no longer served")));
            self.registration.update(self.source.have());
            (self.changed)();
        }
    }
}
