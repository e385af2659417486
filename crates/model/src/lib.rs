//! Values that every part of Drizzle speaks of: ids, hashes, chunk geometry, bitmaps, paths, links.
//!
//! All of them are checked at the door: a value that exists is a value that holds its law. Nothing here
//! knows a socket, a disk, a clock or a serialization format other than the text of links and invites.

#![no_std]

extern crate alloc;

mod bitmap;
mod geometry;
mod id;
mod invite;
mod layout;
mod link;
mod manifest;
mod path;
mod proof;
mod time;

pub use bitmap::{Bitmap, ChunkRun};
pub use geometry::{ChunkIndex, Geometry};
pub use id::{ContentHash, NetworkId, ParseIdError, PeerId};
pub use invite::{Address, Invite, JoinSecret, ParseInviteError, Place};
pub use layout::{Layout, Segment};
pub use link::{ContentKind, FileKey, Link, ParseLinkError};
pub use manifest::{Entry, EntryKind, Manifest, ManifestError, Metadata, SymlinkTarget};
pub use path::{PathError, RelPath};
pub use proof::{ChunkHasher, ChunkHashes, ProofError};
pub use time::{Mtime, Time};
