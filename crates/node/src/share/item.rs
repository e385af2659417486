//! What is told of something shared.

use std::path::PathBuf;

use drizzle_model::{FileKey, Link};
use drizzle_store::Shared;

/// Something that is being shared.
#[derive(Debug, Clone)]
pub struct SharedItem {
    /// What identifies it.
    pub key: FileKey,
    /// What others need to fetch it.
    pub link: Link,
    /// What of it could not be shared, and why.
    pub skipped: Vec<SkippedPath>,
    /// What else a person should know.
    pub warnings: Vec<String>,
}

/// Something of a folder that is not shared.
#[derive(Debug, Clone)]
pub struct SkippedPath {
    /// What was left out.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl SharedItem {
    pub(super) fn of(shared: &Shared, link: Link) -> Self {
        let skipped = shared.skipped().iter();
        let skipped = skipped.map(|s| SkippedPath { path: s.path.clone(), reason: s.reason.to_string() });
        Self {
            key: shared.content().key(),
            link,
            skipped: skipped.collect(),
            warnings: shared.warnings().iter().map(ToString::to_string).collect(),
        }
    }
}
