//! Requests to end: Ctrl-C, SIGTERM, and the closing of the terminal.
//!
//! The first is passed on, so that the command can leave cleanly; a Ctrl-C or SIGTERM after that ends the process at
//! once. Under `nohup` the closing of the terminal stays ignored.

use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::exit::Kind;

/// One request may arrive twice: `timeout` signals the process and its group, a shell repeats the kernel's SIGHUP.
/// Only what comes later than this is a second request.
const ECHO: Duration = Duration::from_millis(200);

/// Watches for requests to end, from its start on.
#[derive(Debug, Clone)]
pub(crate) struct Signals(watch::Receiver<bool>);

impl Signals {
    /// Starts to watch. Must be called within the runtime.
    pub(crate) fn watch() -> io::Result<Self> {
        let mut arrivals = Arrivals::open()?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            arrivals.first().await;
            let _ = sender.send(true);
            let echo_over = Instant::now() + ECHO;
            while Instant::now() < echo_over {
                tokio::select! {
                    () = arrivals.again() => {}
                    () = sleep_until(echo_over) => {}
                }
            }
            arrivals.again().await;
            std::process::exit(i32::from(Kind::Interrupted.code()));
        });
        Ok(Self(receiver))
    }

    /// Waits until somebody asks for the end; returns at once when somebody has.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|requested| *requested).await.is_err() {
            // The watcher is gone only with the runtime, and this with it.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Arrivals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// None when it is to be ignored.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Arrivals {
    fn open() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = (!hang_up_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up,
        })
    }

    async fn first(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }

    async fn again(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Whether whoever started this process wants it to outlive the terminal. Asked of Linux, where a file tells.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_signals(&status).is_some_and(|mask| mask & 1 != 0)
}

/// The set of ignored signals in `/proc/self/status`, SIGHUP as the lowest bit.
#[cfg(unix)]
fn ignored_signals(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(not(unix))]
struct Arrivals;

#[cfg(not(unix))]
impl Arrivals {
    fn open() -> io::Result<Self> {
        Ok(Self)
    }

    async fn first(&mut self) {
        self.again().await;
    }

    async fn again(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(ignored_signals("Name:\tx\nSigBlk:\tff\nSigIgn:\t0000000000001001\n"), Some(0x1001));
        assert_eq!(ignored_signals("Name:\tx\n"), None);
    }
}
