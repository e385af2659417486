//! The disk: scanning, hashing, partial files, atomic finish, and the index of known hashes.
//!
//! Two ways through: [`Shared::of_path`] reads what lies on the disk and serves it from there; [`Download::open`]
//! takes chunks from others, verifies each, and puts finished files in their place. Both are a [`Source`], since who
//! fetches serves what it has. [`Watcher`] tells when to look again. Every call may wait for the disk, so callers run
//! them on threads that may wait.
//!
//! Laws: no file is ever written in place, it appears whole by a rename; no data counts as verified because a file
//! says so, only because it was hashed; no path is followed through a symbolic link; a file that changed since it was
//! hashed is not served. Nothing here knows peers, sockets or schedules.

mod case;
mod content;
mod copy;
mod download;
mod error;
mod hash;
mod index;
mod lru;
mod progress;
mod reserved;
mod scan;
mod share;
mod shared;
mod signature;
mod source;
mod tree;
mod unfinished;
mod watch;

pub use case::case_clashes;
pub use content::{Chunking, Content};
pub use download::{ChunkSink, Download, Finished, Place, Verdict};
pub use error::DiskError;
pub use index::{Index, IndexWarning};
pub use progress::Progress;
pub use scan::{SkipReason, Skipped};
pub use share::ShareError;
pub use shared::Shared;
pub use source::{MemorySource, Source, SourceError};
pub use unfinished::Unfinished;
pub use watch::{Stir, WatchError, Watcher};
