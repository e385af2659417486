//! How long a stranger may keep us waiting before there is a connection.

use std::time::Duration;

/// Time-outs of making a connection. Once it stands, silence is the business of the protocol on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the TCP connection, all addresses of a host together.
    pub connect: Duration,
    /// For the first byte of a caller, by which its protocol is told.
    pub first_byte: Duration,
    /// For the TLS handshake: three flights, and a signature and its check on each side.
    pub handshake: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // Long enough for a lost SYN and its second repetition (1 s and 3 s after the first).
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
        }
    }
}
