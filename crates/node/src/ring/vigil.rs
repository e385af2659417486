//! The watch over what a node keeps for its ring: whether each file is still there, and still what its name says.
//!
//! To look at a file costs one system call, and is done every few seconds. To read it costs its bytes: one file after
//! the other is read, with long rests, so that each has its turn about once a day, or less often where there is more
//! than can be read in it; and at once when it looks otherwise, or when its server found it changed. What is gone or
//! damaged is not served on, and the machine hears of it, which gets another copy.
//!
//! What is missed is looked for on: its disk may come back, and then it is served again.

use std::time::Duration;

use drizzle_model::ContentHash;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::handle::RingHandle;
use super::vault::{Examined, Vault};

/// How often all files are looked at, when that takes no time.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Each file is read again about so often.
const READ_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// One file after the other is read for so long, before there is a rest: many small ones have their turn as well.
const READ_FOR: Duration = Duration::from_millis(500);
/// The rest after looking and reading, in times of what it took: a twentieth of one disk's time at the most.
const RESTS: u32 = 19;

/// Watches until the node has left its ring. `suspects` are files that their server found changed.
pub(super) async fn watch_over(vault: Vault, ring: RingHandle, mut suspects: mpsc::Receiver<ContentHash>) {
    let mut rest = LOOK_EVERY;
    loop {
        let suspect = tokio::select! {
            () = ring.ended() => return,
            suspect = timeout(rest, suspects.recv()) => suspect.ok().flatten(),
        };
        let began = Instant::now();
        for blob in suspect.into_iter().chain(vault.looking_otherwise().await) {
            examine(&vault, &ring, blob).await;
        }
        while let Some(blob) = vault.longest_unread(READ_EVERY) {
            examine(&vault, &ring, blob).await;
            if began.elapsed() >= READ_FOR {
                break;
            }
        }
        rest = (began.elapsed() * RESTS).max(LOOK_EVERY);
    }
}

async fn examine(vault: &Vault, ring: &RingHandle, blob: ContentHash) {
    match vault.examine(blob).await {
        Examined::AsBefore => {}
        Examined::Lost => {
            tracing::warn!(target: "drizzle::ring", ?blob, "a file that is kept is gone or damaged");
            ring.file_lost(blob).await;
        }
        Examined::Back => {
            tracing::info!(target: "drizzle::ring", ?blob, "a file that is kept can be read again");
            ring.file_back(blob).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::ring::fixture::Fixture;
    use crate::ring::happening::Happening;
    use crate::ring::vault::{Adopted, Leftovers};

    const BYTES: &[u8] = b"kept for the ring";

    /// What a vault says of a file, whose disk did this meanwhile.
    async fn after(harm: impl FnOnce(&Path)) -> (Examined, bool) {
        let fixture = Fixture::new().await;
        let (blob, path) = fixture.kept(BYTES);
        let (vault, _suspected) = fixture.vault(Leftovers { wanted: &[blob], is_sure: true });
        assert_eq!(vault.adopt(blob).await, Adopted::Here);
        assert_eq!(vault.looking_otherwise().await, []);
        assert_eq!(vault.examine(blob).await, Examined::AsBefore);
        harm(&path);
        let found = vault.examine(blob).await;
        let is_aside = path.with_file_name("aside").join(blob.to_string()).exists();
        assert_eq!(vault.path(blob).is_some(), found == Examined::AsBefore);
        fixture.node.shutdown().await;
        (found, is_aside)
    }

    /// Would fail if a ring went on counting on a copy that is gone or damaged, or if one that was only touched were
    /// given up.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_gone_or_damaged_is_lost() {
        assert_eq!(after(|path| fs::remove_file(path).unwrap()).await, (Examined::Lost, false));
        assert_eq!(after(|path| fs::write(path, b"something else").unwrap()).await, (Examined::Lost, true));
        let damaged = |path: &Path| {
            let modified = fs::metadata(path).unwrap().modified().unwrap();
            fs::write(path, b"Kept for the ring").unwrap();
            fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
        };
        assert_eq!(after(damaged).await, (Examined::Lost, true), "it looks as before");
        let touched = |path: &Path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        };
        assert_eq!(after(touched).await, (Examined::AsBefore, false));
    }

    /// Would fail if nobody looked, or if what was found were not told.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_machine_hears_of_what_is_lost_and_back() {
        let fixture = Fixture::new().await;
        let (blob, path) = fixture.kept(BYTES);
        let (vault, _suspected) = fixture.vault(Leftovers { wanted: &[blob], is_sure: true });
        assert_eq!(vault.adopt(blob).await, Adopted::Here);
        let away = path.with_extension("away");
        fs::rename(&path, &away).unwrap();
        let (happenings, mut happened) = mpsc::channel(8);
        let (suspect, suspects) = mpsc::channel(1);
        tokio::spawn(watch_over(vault, RingHandle::new(happenings), suspects));
        suspect.send(blob).await.unwrap();
        assert!(matches!(happened.recv().await.unwrap(), Happening::FileLost(lost) if lost == blob));
        fs::rename(&away, &path).unwrap();
        suspect.send(blob).await.unwrap();
        assert!(matches!(happened.recv().await.unwrap(), Happening::FileBack(back) if back == blob));
        fixture.node.shutdown().await;
    }
}
