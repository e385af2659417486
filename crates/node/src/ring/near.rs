//! Who stands next to whom on the circle, as a node says of itself.
//!
//! A member knows it of its machine, a guest of the member that it asks; so this leans on neither.

use drizzle_ring::Contact;

/// A node and those next to it, the closest first.
#[derive(Debug, Clone)]
pub(crate) struct Near {
    pub(crate) me: Contact,
    pub(crate) predecessors: Vec<Contact>,
    pub(crate) successors: Vec<Contact>,
}
