//! A discrete-event world that runs the machines by thousands.
//!
//! [`World`] is generic over what runs in it: a [`Host`] takes events in virtual time and says what it sends. Hosts
//! have links with rates, latency and loss; they join, crash, and are cut off from each other. A seed replays a run to the
//! byte: [`World::digest`] is the same for the same seed and another for almost every other.
//!
//! Around it, for swarms: [`swarm`] drives the swarm machine as the real driver does, with peers that lie and stall;
//! scenarios are data, and what must hold of a run is checked in files of its own.

mod host;
mod inbox;
mod link;
mod queue;
mod random;
pub mod swarm;
mod transfer;
mod transfers;
mod world;

pub use host::{Actions, Event, Haste, Host, HostId};
pub use link::Link;
pub use random::Random;
pub use world::{Delivery, Failure, Traffic, World};
