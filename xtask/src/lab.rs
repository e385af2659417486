//! The lab: hosts on a network of their own, each with a link whose rates are its own, in which real processes run.
//!
//! A host is a network namespace; all of them hang on a bridge in a namespace of its own. So nothing of a lab is seen in
//! the machine's own network, no address can clash with one of its, and several labs can run at once. A link is a veth pair
//! with a token bucket at both ends: what the host sends, and what it is sent.
//!
//! A lab goes with its owner, with all that runs in it. One that was left behind by a run that was killed is cleared away
//! when the next one is made. It needs root, and `ip` and `tc` of iproute2: [`obstacle`] tells what is missing.
//!
//! What it does not do: delay, loss and reordering of packets, which not every kernel can do.

mod command;
mod host;
mod network;
mod obstacle;
mod peer;
mod rate;
mod run_name;
mod tool;

pub use command::Options;
pub(crate) use command::run;
pub use host::{Host, Traffic};
pub use network::Lab;
pub use obstacle::obstacle;
pub use peer::{Event, Peer, Seat, Shared, Told};
pub use rate::{Link, ParseRateError, Rate};
