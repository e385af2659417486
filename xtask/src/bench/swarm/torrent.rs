//! What the BitTorrent programs have in common: one torrent for all, and the tracker that most of them need.

use std::net::SocketAddr;
use std::time::Duration;

use super::contestant::{Ground, text};
use crate::bench::python;
use crate::lab::Host;
use crate::stage::{RunError, Running};

/// Where every peer listens.
pub(super) const PORT: u16 = 6881;
const TRACKER_PORT: u16 = 6969;
/// As many pieces as Drizzle has chunks.
const PIECES: u64 = 1024;
/// How long a seed may take to hash its content and to announce itself.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(30);

/// Writes the torrent, which names the tracker whether it runs or not; its path.
pub(super) fn write(ground: &Ground) -> Result<String, RunError> {
    let home = ground.home("torrent")?;
    let path = text(&home.join("content.torrent"));
    let announce = format!("http://{}/announce", tracker_address(ground));
    let piece_bytes = (ground.corpus.shape.bytes() / PIECES).next_power_of_two();
    let mut command = python::command("make_torrent.py");
    command.arg(ground.corpus.path()).args([&path, &announce, &piece_bytes.to_string()]);
    Running::start(&mut command, &home)?.finish()?;
    Ok(path)
}

/// Starts the tracker on the host beside.
pub(super) fn track(ground: &Ground) -> Result<Running, RunError> {
    let home = ground.home("tracker")?;
    let mut command = ground.tracker_host().command(python::interpreter());
    command.arg(python::script("tracker.py")).arg(tracker_address(ground).to_string());
    let mut running = Running::start(&mut command, &home)?;
    running.wait_for_line("listen", |line| (line == "listening").then_some(()))?;
    Ok(running)
}

/// Waits until the tracker has heard from the seed that it has everything.
pub(super) fn wait_for_seed(tracker: &mut Running, ground: &Ground) -> Result<(), RunError> {
    let expected = format!("seed {}", ground.seed_host().address());
    tracker.wait_for("hear from the seed", ANNOUNCED_WITHIN, |line| (line.text == expected).then_some(()))
}

/// Where a peer on that host listens.
pub(super) fn address(host: &Host) -> SocketAddr {
    SocketAddr::new(host.address().into(), PORT)
}

/// The seed and all leechers but this one.
pub(super) fn others(ground: &Ground, leecher: usize) -> Vec<String> {
    let leechers = (0..ground.leechers).filter(|other| *other != leecher);
    let hosts = [ground.seed_host()].into_iter().chain(leechers.map(|other| ground.leecher_host(other)));
    hosts.map(|host| address(host).to_string()).collect()
}

fn tracker_address(ground: &Ground) -> SocketAddr {
    SocketAddr::new(ground.tracker_host().address().into(), TRACKER_PORT)
}
