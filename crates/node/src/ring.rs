//! A ring of peers in place of a tracker: the driver of the machine in `drizzle-ring`, and what is done with it.
//!
//! * [`start`](start()) makes a node a [member](RingNode): `driver` is the event loop that owns the machine, `lines` and `line` are the
//!   connections, `greet` the first words on one, `vault` the files that are kept for others, over which `vigil` watches.
//! * [A guest](RingGuest) asks one member (`guest`), which asks the ring for it (`host`).
//! * [`RingDiscovery`] is the ring in the tracker's place: what is shared, by name and by hash.
//!
//! Laws: nobody is heard who has not shown a ticket of the ring's key; whatever comes in is read by `drizzle_wire`, with
//! every signature checked, before the machine sees it; the driver waits for nobody.

mod backlog;
mod comeback;
mod copy;
mod discovery;
mod door;
mod driver;
mod entry;
mod error;
mod filing;
#[cfg(test)]
mod fixture;
mod greet;
mod guest;
mod handle;
mod happening;
mod host;
mod liars;
mod line;
mod lines;
mod member;
mod memory;
mod naming;
mod near;
mod outcome;
mod reach;
mod serve;
mod standing;
mod start;
mod surroundings;
mod vault;
mod vigil;
mod visit;

pub(crate) use discovery::RingDiscovery;
pub(crate) use door::RingDoor;
pub use error::RingError;
pub use happening::{RingEvent, RingPeer};
pub use member::RingNode;
pub use outcome::{RingReceived, RingState, RingStored};
pub use standing::RingId;
pub use start::RingSettings;
pub(crate) use start::start;
pub(crate) use surroundings::{Surroundings, own_socket_addresses};
pub use visit::RingGuest;
pub(crate) use visit::{guest, visit};
