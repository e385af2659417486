//! A file that the owner has, copied into the vault.

use std::fs;
use std::path::Path;

use drizzle_model::ContentHash;
use tokio::task::spawn_blocking;

use super::{Got, Vault};
use crate::ring::copy::{Read, read};

impl Vault {
    /// Keeps a file that the owner has, or that is here already.
    pub(crate) async fn keep_own(&self, blob: ContentHash) -> Got {
        let source = {
            let mut entries = self.entries();
            let entry = entries.entry(blob).or_default();
            entry.is_kept = true;
            if entry.held.is_some() {
                return Got::Here;
            }
            entry.source.clone()
        };
        let Some(source) = source else { return Got::NotGiven };
        // What an earlier process left is not written over.
        if self.take_up(blob).await {
            return Got::Here;
        }
        let (beside, target) = (self.inner.partial.join(format!("{blob}.own")), self.path_of(blob));
        let copying = move || {
            let copied = copy_own(&source, &beside, blob, &target);
            if copied != Got::Here {
                let _ = fs::remove_file(&beside);
            }
            copied
        };
        match spawn_blocking(copying).await.unwrap_or(Got::NotGiven) {
            Got::Here if self.take_up(blob).await => Got::Here,
            Got::Here => Got::NotGiven,
            failed => failed,
        }
    }
}

/// Copies the owner's own file beside, and puts it in its place.
fn copy_own(source: &Path, beside: &Path, blob: ContentHash, target: &Path) -> Got {
    let Ok(mut source) = fs::File::open(source) else { return Got::NotGiven };
    let Ok(mut copy) = fs::File::create(beside) else { return Got::Unwritable };
    match std::io::copy(&mut source, &mut copy) {
        Ok(_) => {}
        Err(error) if is_of_target(&error) => return Got::Unwritable,
        Err(_) => return Got::NotGiven,
    }
    // Its owner may have changed it since it was hashed.
    match read(beside, blob) {
        Read::Right(_) if fs::rename(beside, target).is_ok() => Got::Here,
        Read::Right(_) => Got::Unwritable,
        _ => Got::NotGiven,
    }
}

/// Whether a copy failed where it was to be written.
fn is_of_target(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem)
}
