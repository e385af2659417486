//! Ports on loopback: finding a free one, and knowing when somebody answers there.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::stage::RunError;
use crate::stage::Running;

/// Between two attempts to connect; a refused attempt itself takes microseconds.
const RETRY_AFTER: Duration = Duration::from_millis(2);

/// A loopback address that nobody listens at now.
pub(crate) fn free() -> Result<SocketAddr, RunError> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    address.map_err(|source: io::Error| RunError::Start { program: "a listener on loopback".into(), source })
}

/// Returns when the server accepts connections at the address.
pub(crate) fn wait_until_open(address: SocketAddr, server: &mut Running) -> Result<(), RunError> {
    server.wait_until(&format!("listen at {address}"), RETRY_AFTER, || TcpStream::connect(address).is_ok())
}
