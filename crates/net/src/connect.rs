//! A TCP connection to a host that may have many addresses, of which some may lead nowhere.
//!
//! The addresses are tried one after another, but the next one starts before the last one has failed when that one is
//! silent for a moment (the idea of RFC 8305); the first to answer wins.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one address may be silent before the next one is tried as well (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How many addresses of one name are tried: a name server is a stranger too.
const ADDRESSES_MAX: usize = 8;

/// Connects to the first of `addresses` that answers, from `bind` if that is given. Its error is that of the last one
/// that failed.
pub(crate) async fn connect(
    addresses: impl IntoIterator<Item = SocketAddr>,
    bind: Option<IpAddr>,
) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter().take(ADDRESSES_MAX);
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            attempts.spawn(connect_one(address, bind));
        }
        let answer = if is_last { attempts.join_next().await } else { first_answer(&mut attempts).await };
        match answer {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failure = error,
            Some(Err(error)) => failure = io::Error::other(error),
            None if is_last => return Err(failure),
            None => {}
        }
    }
}

type Attempts = JoinSet<io::Result<TcpStream>>;

/// The first attempt that ends within the head start.
async fn first_answer(
    attempts: &mut Attempts,
) -> Option<Result<io::Result<TcpStream>, tokio::task::JoinError>> {
    timeout(HEAD_START, attempts.join_next()).await.ok().flatten()
}

async fn connect_one(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(ip) = bind {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    socket.connect(address).await
}
