//! Whether files are what their names say: those that an earlier process left, and those that are served.
//!
//! What is not is never served on. It is put aside: to the ring it is of no use, but its owner may want what is left.

use std::fs;
use std::time::{Duration, Instant};

use drizzle_model::ContentHash;
use tokio::task::spawn_blocking;

use super::Vault;
use crate::ring::copy::{Look, Read, read};

/// What became of a file that an earlier process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// It is served.
    Here,
    /// There is none.
    Missing,
    /// It cannot be read now.
    Unreadable,
    /// It is not what its name says, and was put aside.
    Damaged,
}

/// What came of looking into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Examined {
    /// Nothing new.
    AsBefore,
    /// It was served, and is no more.
    Lost,
    /// It was not served, and is now.
    Back,
}

impl Vault {
    /// Serves a file that an earlier process left.
    pub(crate) async fn adopt(&self, blob: ContentHash) -> Adopted {
        if self.path(blob).is_some() {
            return Adopted::Here;
        }
        match self.path_of(blob).try_exists() {
            Ok(false) => return Adopted::Missing,
            // What the index knows is not read again.
            Ok(true) if self.take_up(blob).await => return Adopted::Here,
            _ => {}
        }
        match self.read(blob).await {
            Read::Gone => Adopted::Missing,
            Read::Right(_) | Read::Unreadable => Adopted::Unreadable,
            Read::Wrong => {
                self.put_aside(blob);
                Adopted::Damaged
            }
        }
    }

    async fn read(&self, blob: ContentHash) -> Read {
        let path = self.path_of(blob);
        spawn_blocking(move || read(&path, blob)).await.unwrap_or(Read::Unreadable)
    }

    /// What is not what its name says is of no use to the ring; its owner may want what is left of it.
    fn put_aside(&self, blob: ContentHash) {
        let (path, aside) = (self.path_of(blob), self.inner.folder.join("aside"));
        let moved = fs::create_dir_all(&aside).and_then(|()| fs::rename(&path, aside.join(blob.to_string())));
        if let Err(error) = moved {
            tracing::warn!(target: "drizzle::ring", path = %path.display(), %error, "cannot put a damaged file aside");
        }
    }

    /// Files that look otherwise than when they were read last, and those that are missed.
    pub(crate) async fn looking_otherwise(&self) -> Vec<ContentHash> {
        let looks: Vec<(ContentHash, Option<Look>)> = {
            let entries = self.entries();
            let of_interest = entries.iter().filter(|(_, entry)| entry.held.is_some() || entry.is_missed);
            of_interest.map(|(&blob, entry)| (blob, entry.held.as_ref().map(|kept| kept.look))).collect()
        };
        let vault = self.clone();
        let looking = move || {
            let is_other = |&(blob, look): &(ContentHash, Option<Look>)| {
                look.is_none() || Look::at(&vault.path_of(blob)) != look
            };
            looks.into_iter().filter(is_other).map(|(blob, _)| blob).collect()
        };
        spawn_blocking(looking).await.unwrap_or_default()
    }

    /// The file that was not read for the longest time, if that is longer than so.
    pub(crate) fn longest_unread(&self, than: Duration) -> Option<ContentHash> {
        let entries = self.entries();
        let read = entries.iter().filter_map(|(&blob, entry)| Some((blob, entry.held.as_ref()?.read_at)));
        let (blob, read_at) = read.min_by_key(|(_, read_at)| *read_at)?;
        (read_at.elapsed() > than).then_some(blob)
    }

    /// Reads a file that is kept. What is not what its name says is not served any more.
    pub(crate) async fn examine(&self, blob: ContentHash) -> Examined {
        let was_held = match self.entries().get(&blob) {
            Some(entry) if entry.held.is_some() || entry.is_missed => entry.held.is_some(),
            _ => return Examined::AsBefore,
        };
        let found = self.read(blob).await;
        if let Some(entry) = self.entries().get_mut(&blob) {
            entry.is_missed = !matches!(found, Read::Right(_));
            match (&mut entry.held, found) {
                (Some(kept), Read::Right(look)) if kept.look == look => {
                    kept.read_at = Instant::now();
                    return Examined::AsBefore;
                }
                (held, _) => *held = None,
            }
        } else {
            return Examined::AsBefore;
        }
        if found == Read::Wrong {
            self.put_aside(blob);
        }
        let is_served = matches!(found, Read::Right(_)) && self.take_up(blob).await;
        match (was_held, is_served) {
            (true, false) => Examined::Lost,
            (false, true) => Examined::Back,
            _ => Examined::AsBefore,
        }
    }
}
