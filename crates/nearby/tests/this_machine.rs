//! Announced and found on this machine alone, by the loopback interface: real sockets, and nothing of it leaves the machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use drizzle_model::Invite;
use drizzle_nearby::{Announcement, NearbyError, browse};

const LONG: Duration = Duration::from_secs(10);
/// Longer than anything takes that works, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// A network that nobody else on this machine announces: two runs of this test may hear each other.
fn open() -> Invite {
    let key: Vec<String> = (0..4).map(|n| format!("{:016x}", RandomState::new().hash_one(n))).collect();
    format!("tracker://127.0.0.1:7440/{}", key.concat()).parse().unwrap()
}

/// Browses until the network is found, or is not found any more. Others may be heard first, and a goodbye may take a moment.
async fn browse_until(invite: &Invite, is_found: bool, patience: Duration) {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = browse(patience).await.unwrap();
        if found.contains(invite) == is_found {
            return;
        }
        assert!(Instant::now() < end, "{invite} in {found:?} should be {is_found}");
    }
}

/// Would fail if an announcement did not come to the invite that it was made of, or stayed after its goodbye.
#[tokio::test]
async fn an_open_network_is_found_while_it_is_announced() {
    let invite = open();
    let announcement = Announcement::start(&invite, "127.0.0.1:7440".parse().unwrap()).unwrap();
    browse_until(&invite, true, LONG).await;
    announcement.end().await;
    browse_until(&invite, false, Duration::from_millis(700)).await;
}

/// Would fail if a secret could get out by a mistake of the caller.
#[tokio::test]
async fn a_closed_network_is_not_announced() {
    let closed: Invite = format!("{}/{}", open(), "22".repeat(32)).parse().unwrap();
    let announced = Announcement::start(&closed, "127.0.0.1:7440".parse().unwrap());
    assert!(matches!(announced, Err(NearbyError::Closed)));
}
