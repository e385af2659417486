//! What every TCP socket is told before anything is sent on it.

use std::io;

use tokio::net::TcpStream;

/// How much that was not sent yet the kernel takes from us, at most. What it has taken cannot be taken back, and goes before
/// whatever turns out to be needed more: by default that is up to 4 MiB for each connection, so a slow way out is filled
/// with other peers' chunks for seconds. One seed to eight peers at 100 Mbit/s: the seed sends 1.15 file sizes with
/// this limit, 1.19 to 1.24 without; on loopback one fetch is as fast with it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// Prepares a connected socket: nothing waits to be joined with what follows, and little waits in the kernel.
pub(crate) fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(tcp).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}
