//! What tells, without reading it, whether a file is still the one that was hashed.
//!
//! Size, modification time, change time and inode number. The change time catches who sets the modification time
//! back. The device number is left out: it differs after a restart or a new mount of the same file system, and would make
//! every file unknown.

use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use drizzle_model::{Metadata, Mtime};
use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

/// A file's look from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) size: u64,
    mtime: Mtime,
    ctime: Mtime,
    inode: u64,
}

impl Signature {
    /// How many bytes [`Signature::to_bytes`] gives.
    pub(crate) const BYTES: usize = 40;
    /// A file modified so shortly ago could be written once more within the same tick of a coarse clock (two seconds on
    /// FAT), and look the same.
    const SETTLED_AFTER: Duration = Duration::from_secs(2);

    pub(crate) fn of_stat(stat: &Stat) -> Self {
        Self {
            size: stat.st_size.max(0).cast_unsigned(),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
        }
    }

    pub(crate) fn of(file: impl AsFd) -> Result<Self, Errno> {
        Ok(Self::of_stat(&fstat(file)?))
    }

    /// Whether a later write is sure to give another signature, if the file was read at `now`.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        distance(self.mtime, now) > Self::SETTLED_AFTER
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.size.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        put_time(&mut bytes[16..28], self.mtime);
        put_time(&mut bytes[28..], self.ctime);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        Some(Self {
            size: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            inode: u64::from_le_bytes(bytes[8..16].try_into().ok()?),
            mtime: get_time(&bytes[16..28])?,
            ctime: get_time(&bytes[28..])?,
        })
    }
}

/// How far from `now` a time is, in whichever direction.
pub(crate) fn distance(mtime: Mtime, now: SystemTime) -> Duration {
    let since_1970 = Duration::new(mtime.seconds().max(0).cast_unsigned(), mtime.nanoseconds());
    let mtime = SystemTime::UNIX_EPOCH.checked_add(since_1970);
    mtime.map_or(Duration::MAX, |mtime| now.duration_since(mtime).unwrap_or_else(|ahead| ahead.duration()))
}

/// The permission bits and modification time that a manifest keeps.
pub(crate) fn metadata_of(stat: &Stat) -> Metadata {
    Metadata { mode: (stat.st_mode & 0o7777) as u16, mtime: time(stat.st_mtime, stat.st_mtime_nsec) }
}

fn time(seconds: i64, nanoseconds: impl TryInto<u32>) -> Mtime {
    nanoseconds.try_into().ok().and_then(|nanoseconds| Mtime::new(seconds, nanoseconds)).unwrap_or_default()
}

fn put_time(bytes: &mut [u8], time: Mtime) {
    bytes[..8].copy_from_slice(&time.seconds().to_le_bytes());
    bytes[8..].copy_from_slice(&time.nanoseconds().to_le_bytes());
}

fn get_time(bytes: &[u8]) -> Option<Mtime> {
    let seconds = i64::from_le_bytes(bytes[..8].try_into().ok()?);
    Mtime::new(seconds, u32::from_le_bytes(bytes[8..].try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(seconds: i64) -> Signature {
        let mtime = Mtime::new(seconds, 999_999_999).unwrap();
        Signature { size: u64::MAX, mtime, ctime: Mtime::new(-5, 7).unwrap(), inode: 3 }
    }

    #[test]
    fn bytes_go_there_and_back() {
        let signature = signature(i64::MIN);
        assert_eq!(Signature::from_bytes(&signature.to_bytes()), Some(signature));
    }

    #[test]
    fn a_file_modified_just_now_or_in_the_near_future_is_not_settled() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let settled = |seconds| signature(seconds).is_settled(now);
        assert_eq!([900, 997, 998, 999, 1000, 1001].map(settled), [true, true, false, false, false, false]);
        assert!(settled(1002) && settled(i64::MAX) && settled(-1));
    }
}
