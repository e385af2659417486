//! What every TCP socket is told before anything is sent on it, and how much may wait in it unsent.
//!
//! What the kernel has taken cannot be taken back, and goes before whatever turns out to be needed more: by default that is up to
//! 4 MiB for each connection, so a slow way out is filled with other peers' chunks for seconds. So little may wait
//! ([`Backlog`]), and very little where the way is narrow. One seed to eight peers at 100 Mbit/s: without a limit the seed
//! sends 1.19 to 1.24 file sizes; the last peer is done at 1.16 times the least time with the wide limit, at 1.14 with the
//! narrow one. On a fast way the narrow one costs wake-ups, some 5 % of the time of a fetch on loopback.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

/// How much that was not sent yet the kernel takes from us, at most, on a fast way and on a narrow one.
const WIDE_BYTES: u32 = 128 << 10;
const NARROW_BYTES: u32 = 16 << 10;
/// A socket that takes nothing for so long has a narrow way before it.
const SLOW: Duration = Duration::from_millis(5);
/// When it never took longer than this so many times in a row, it has a fast one again.
const FAST: Duration = Duration::from_millis(1);
const FAST_IN_A_ROW: u32 = 64;

/// Prepares a connected socket: nothing waits to be joined with what follows, and little waits in the kernel.
pub(crate) fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    limit_unsent(tcp, WIDE_BYTES)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn limit_unsent(tcp: &TcpStream, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(tcp).set_tcp_notsent_lowat(bytes)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn limit_unsent(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}

/// How long a socket makes its writer wait, and what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Since when it takes nothing.
    full_since: Option<Instant>,
    is_narrow: bool,
    fast_in_a_row: u32,
}

impl Backlog {
    /// The socket takes nothing now.
    pub(crate) fn is_full(&mut self) {
        self.full_since.get_or_insert_with(Instant::now);
    }

    /// The socket takes something.
    pub(crate) fn takes(&mut self, tcp: &TcpStream) {
        let Some(since) = self.full_since.take() else { return };
        if let Some(bytes) = self.waited(since.elapsed()) {
            // Only less smooth without it; and a socket that is broken says so when it is written to.
            let _ = limit_unsent(tcp, bytes);
        }
    }

    /// Says when the limit is to be another.
    fn waited(&mut self, time: Duration) -> Option<u32> {
        self.fast_in_a_row = if time < FAST { self.fast_in_a_row + 1 } else { 0 };
        let was_narrow = self.is_narrow;
        self.is_narrow = time > SLOW || (was_narrow && self.fast_in_a_row < FAST_IN_A_ROW);
        (self.is_narrow != was_narrow).then_some(if self.is_narrow { NARROW_BYTES } else { WIDE_BYTES })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Would fail if one short wait made a narrow way wide, or a way that was narrow once stayed so for good.
    #[test]
    fn a_slow_socket_is_narrow_until_it_is_fast_for_a_while() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.waited(4 * MS), None);
        assert_eq!(backlog.waited(6 * MS), Some(NARROW_BYTES));
        assert_eq!(backlog.waited(60 * MS), None, "it is told once");
        for _ in 1..FAST_IN_A_ROW {
            assert_eq!(backlog.waited(MS / 2), None);
        }
        assert_eq!(backlog.waited(2 * MS), None, "not all were fast");
        let told: Vec<_> = (0..FAST_IN_A_ROW).filter_map(|_| backlog.waited(MS / 2)).collect();
        assert_eq!(told, [WIDE_BYTES]);
    }
}
