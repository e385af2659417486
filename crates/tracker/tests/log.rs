//! What peers can write into the tracker's log. The log is one for the process, so this test has a process of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use drizzle_tracker::limits::REASON_BYTES_MAX;
use drizzle_tracker::{Admission, Claim};
use world::{Tracker, key, peer_of, registration};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines about reports since the last look.
    fn reports(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().filter(|line| line.contains("reported as bad")).map(str::to_owned).collect()
    }
}

/// One peer that reports the same again and again, at any length, must not fill the disk of the tracker (S4.4).
#[tokio::test]
async fn a_report_is_logged_once_and_at_no_length() {
    let log = Log::default();
    let sink = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).init();
    let tracker = Tracker::start(Admission::Open).await;
    let (bad, victim, other) = (tracker.client(), tracker.client(), tracker.client());
    bad.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    let long = format!("x{}", "ü".repeat(10_000));
    for _ in 0..10 {
        victim.report(&key("a", 1), &peer_of(&bad), &long).await.unwrap();
    }
    let lines = log.reports();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].matches('ü').count(), (REASON_BYTES_MAX - 1) / 2, "{lines:?}");
    other.report(&key("a", 1), &peer_of(&bad), "a line\nof its own").await.unwrap();
    let lines = log.reports();
    assert!(matches!(&lines[..], [line] if line.contains(r"a line\nof its own")), "{lines:?}");
}
