//! Sharing: a path becomes a content that the hub serves and the tracker knows, and is followed for as long as the node runs.
//!
//! `sharer` begins it and `follower` goes on: what changed is left to settle (`settling`, pure; `heard` gathers what the
//! system tells), looked at again, and served and registered as a new `version`. Each version tells the tracker of itself
//! through its `registration`; `claims` counts who else shares the same.

mod claims;
mod contents;
mod follower;
mod heard;
mod item;
mod means;
mod registration;
mod settling;
mod sharer;
mod version;

pub use item::{SharedItem, SkippedPath};

pub(crate) use contents::{contents_of, manifest_content, sizes_of};
pub(crate) use registration::{Registration, Watch};
pub(crate) use sharer::Sharer;
