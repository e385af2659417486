//! Where callers of the ring are let in.

use std::sync::{Arc, OnceLock};

use drizzle_net::Connection;

use super::greet::Introduction;
use super::handle::RingHandle;
use super::standing::RingSecret;

/// Where callers of the ring are let in, once there is a ring. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct RingDoor(pub(super) Arc<OnceLock<Entrance>>);

/// By what callers are let in.
pub(super) struct Entrance {
    pub(super) introduction: Introduction,
    pub(super) secret: RingSecret,
    pub(super) ring: RingHandle,
}

impl RingDoor {
    /// Lets a caller in, if it may come.
    pub(crate) async fn admit(&self, connection: Connection) {
        let Some(entrance) = self.0.get() else { return };
        let from = connection.remote_addr();
        match entrance.introduction.answer(connection, &entrance.secret).await {
            Ok(Some(met)) => entrance.ring.called(met).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(target: "drizzle::ring", %from, %error, "not let in"),
        }
    }
}
