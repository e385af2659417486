//! Open networks on the local network (B6): announced and found by multicast DNS (RFC 6762 and 6763).
//!
//! An announcement says where a tracker is and by which key it proves itself: what an open network's invite says. Laws: a
//! closed network announces nothing, so an invite with a secret is refused here; what is heard is a stranger's word, so it is
//! bounded, names no place that only this machine can reach, and is believed only as far as TLS proves the key. No names
//! of machines or persons are sent.

mod announce;
mod browse;
mod error;
mod gathering;
mod record;

pub use announce::Announcement;
pub use browse::browse;
pub use error::NearbyError;
