//! Copies a range from file to file: without the bytes passing through this process where the system can.

use std::os::fd::AsFd;

use rustix::fs::copy_file_range;
use rustix::io::{Errno, pread, pwrite};

const BUFFER_BYTES: usize = 256 << 10;

/// Copies `bytes` bytes that lie at `offset` in both files. Ends early where `from` ends.
pub(crate) fn copy_range(from: impl AsFd, to: impl AsFd, offset: u64, bytes: u64) -> Result<(), Errno> {
    let (mut source, mut target) = (offset, offset);
    let end = offset.saturating_add(bytes);
    while source < end {
        let wanted = usize::try_from(end - source).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(&from, Some(&mut source), &to, Some(&mut target), wanted) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM) => {
                return copy_by_hand(from, to, source..end);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn copy_by_hand(from: impl AsFd, to: impl AsFd, range: std::ops::Range<u64>) -> Result<(), Errno> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        let count = read_full(&from, &mut buffer[..wanted], at)?;
        if count == 0 {
            return Ok(());
        }
        write_all(&to, &buffer[..count], at)?;
        at += count as u64;
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends; says how many bytes there were.
pub(crate) fn read_full(file: impl AsFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut count = 0;
    while count < buffer.len() {
        match pread(&file, &mut buffer[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(count)
}

pub(crate) fn write_all(file: impl AsFd, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut count = 0;
    while count < bytes.len() {
        match pwrite(&file, &bytes[count..], offset + count as u64) {
            Ok(0) => return Err(Errno::IO),
            Ok(more) => count += more,
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_copy_just_the_range() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut from = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut from, &bytes).unwrap();
        let mut wanted = vec![0; 900_000];
        wanted[100_000..].copy_from_slice(&bytes[100_000..900_000]);
        let (quick, by_hand) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        copy_range(&from, &quick, 100_000, 800_000).unwrap();
        copy_by_hand(&from, &by_hand, 100_000..900_000).unwrap();
        for copy in [quick, by_hand] {
            let mut read = vec![0; 1_000_000];
            assert_eq!(read_full(&copy, &mut read, 0).unwrap(), 900_000);
            assert_eq!(read[..900_000], wanted);
        }
    }
}
