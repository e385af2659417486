//! The tracker: a directory of peers and files behind an HTTP API, and the client that peers use.
//!
//! * [`Network`] is what a tracker keeps on disk: the network's key, and the secret that admits.
//! * [`Server`] answers the API under `/v1` over connections that somebody accepted, so it can own a port or share
//!   one with the peer protocol. Its answers come from a [`Directory`](drizzle_directory::Directory).
//! * [`Client`] speaks to a tracker by its invite: it joins by itself, and again when it must. [`Server::local_client`]
//!   is the same client without a network between, for a peer in the tracker's own process.
//! * [`DiskStore`] keeps the catalogue over a restart; without a [`Store`] it ends with the server.
//! * [`own_addresses`] are the addresses under which others can reach this machine, for an invite.
//!
//! Laws: only metadata comes here, never content; what a stranger says costs no more than the limits in
//! [`limits`] allow; no one but who proved the secret gets as much as a file's name, unless the network is open.

mod addresses;
mod answer;
mod api;
mod asker;
mod batch;
mod body;
mod calls;
mod catalogue;
mod classic;
mod classic_board;
mod client;
mod client_error;
mod clock;
mod connections;
mod encoding;
mod journal;
pub mod limits;
mod metrics;
mod network;
mod openapi;
mod problem;
mod problem_sets;
mod query;
mod remote;
mod reply;
mod routes;
mod search;
mod secret_file;
mod server;
mod store;
mod tracker;
mod transport;
mod turns;
mod versions;

pub use addresses::own_addresses;
pub use answer::classic::{ClassicHolder, ClassicListed, ClassicListing, ClassicLocated};
pub use answer::{Holder, Listed, Listing, Located, Membership, Refusal, Renewal, Verdict};
pub use api::Cursor;
pub use client::Client;
pub use client_error::ClientError;
pub use clock::{Clock, SystemClock};
pub use drizzle_classic::Dialect;
pub use drizzle_directory::{Claim, Have, Registration};
pub use network::{Admission, Network, NetworkError};
pub use search::{Manner, Search};
pub use secret_file::SecretFileError;
pub use server::Server;
pub use store::{Change, DiskStore, Known, MemoryStore, Store, StoreError};
