//! Announced and found on this machine alone, by the loopback interface: real sockets, and nothing of it leaves the machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use drizzle_model::Invite;
use drizzle_nearby::{Announcement, NearbyError, browse};

const LONG: Duration = Duration::from_secs(10);

fn open(byte: &str) -> Invite {
    format!("tracker://127.0.0.1:7440/{}", byte.repeat(32)).parse().unwrap()
}

/// Would fail if an announcement did not come to the invite that it was made of, or stayed after its goodbye.
#[tokio::test]
async fn an_open_network_is_found_while_it_is_announced() {
    let invite = open("a7");
    let announcement = Announcement::start(&invite, "127.0.0.1:7440".parse().unwrap()).unwrap();
    let found = browse(LONG).await.unwrap();
    assert!(found.contains(&invite), "{found:?}");
    announcement.end().await;
    let found = browse(Duration::from_millis(700)).await.unwrap();
    assert!(!found.contains(&invite), "{found:?}");
}

/// Would fail if a secret could get out by a mistake of the caller.
#[tokio::test]
async fn a_closed_network_is_not_announced() {
    let closed: Invite = format!("{}/{}", open("a8"), "22".repeat(32)).parse().unwrap();
    let announced = Announcement::start(&closed, "127.0.0.1:7440".parse().unwrap());
    assert!(matches!(announced, Err(NearbyError::Closed)));
}
