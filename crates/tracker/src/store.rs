//! Where the catalogue outlives the process: who is there, what each of them holds, and who registered what first (S4.4).
//!
//! A [`Store`] takes [`Change`]s, many at a time, and tells everything as [`Known`] things at the next start. There are two:
//! [`DiskStore`], a database in a folder, and [`MemoryStore`], which lasts as long as its last clone. One suite of tests
//! holds both to the same laws (`tests/stores.rs`).
//!
//! Leases, loads and reports are not stored: after a restart everybody has a fresh lease, and who does not come back within
//! it is gone.

mod change;
mod codec;
mod disk;
mod error;
mod memory;

pub use change::{Change, Known, Store};
pub use disk::DiskStore;
pub use error::StoreError;
pub use memory::MemoryStore;
