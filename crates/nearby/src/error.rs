//! Why nothing can be announced or found.

/// Why nothing can be announced or found. The local machine or its network is to blame.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NearbyError {
    /// Multicast is not possible here.
    #[error("the local network cannot be asked: {0}")]
    Multicast(String),
    /// A secret is not told to the local network.
    #[error("the network is closed, and only open ones are announced")]
    Closed,
}

impl From<mdns_sd::Error> for NearbyError {
    fn from(error: mdns_sd::Error) -> Self {
        Self::Multicast(error.to_string())
    }
}
