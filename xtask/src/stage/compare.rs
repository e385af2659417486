//! Whether what arrived is what was sent: the same names, and the same bytes in every file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::RunError;

const BLOCK_BYTES: usize = 1 << 20;

/// Compares two files, or two folders with all that is in them; the error names the first difference.
pub fn same(sent: &Path, arrived: &Path) -> Result<(), RunError> {
    let kind = |path: &Path| fs::symlink_metadata(path).map_err(RunError::disk("look at", path));
    match (kind(sent)?, kind(arrived)?) {
        (a, b) if a.is_dir() && b.is_dir() => same_folder(sent, arrived),
        (a, b) if a.is_file() && b.is_file() && a.len() == b.len() => same_file(sent, arrived),
        (a, b) => {
            let what = format!("{} has {} bytes, sent were {}", arrived.display(), b.len(), a.len());
            Err(RunError::Different { what })
        }
    }
}

fn same_folder(sent: &Path, arrived: &Path) -> Result<(), RunError> {
    let (of_sent, of_arrived) = (names(sent)?, names(arrived)?);
    if let Some(name) = of_sent.symmetric_difference(&of_arrived).next() {
        let what = format!("{} is on one side only", arrived.join(name).display());
        return Err(RunError::Different { what });
    }
    of_sent.iter().try_for_each(|name| same(&sent.join(name), &arrived.join(name)))
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>, RunError> {
    let read = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    read.map_err(RunError::disk("list", folder))
}

fn same_file(sent: &Path, arrived: &Path) -> Result<(), RunError> {
    let open = |path: &Path| File::open(path).map_err(RunError::disk("open", path));
    let (mut a, mut b) = (open(sent)?, open(arrived)?);
    let (mut of_a, mut of_b) = (Vec::with_capacity(BLOCK_BYTES), Vec::with_capacity(BLOCK_BYTES));
    for block in 0u64.. {
        read_block(&mut a, &mut of_a).map_err(RunError::disk("read", sent))?;
        read_block(&mut b, &mut of_b).map_err(RunError::disk("read", arrived))?;
        if of_a != of_b {
            let what = format!("{} has other bytes in MiB {block}", arrived.display());
            return Err(RunError::Different { what });
        }
        if of_a.is_empty() {
            break;
        }
    }
    Ok(())
}

/// As much as there is, up to a block.
fn read_block(file: &mut File, into: &mut Vec<u8>) -> std::io::Result<()> {
    into.clear();
    file.take(BLOCK_BYTES as u64).read_to_end(into).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_one_name_and_one_length_make_a_difference() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let verdict =
            || same(&dir.path().join("a"), &dir.path().join("b")).map_err(|error| error.to_string());
        let long = vec![7; BLOCK_BYTES + 5];
        for side in ["a", "b"] {
            put(&format!("{side}/deep/long"), &long);
            put(&format!("{side}/empty"), b"");
        }
        assert_eq!(verdict(), Ok(()));

        let mut other = long.clone();
        other[BLOCK_BYTES + 4] = 8;
        put("b/deep/long", &other);
        assert!(verdict().unwrap_err().contains("MiB 1"));
        put("b/deep/long", &long[1..]);
        assert!(verdict().unwrap_err().contains("bytes"));
        put("b/deep/long", &long);
        put("b/more", b"");
        assert!(verdict().unwrap_err().contains("more"));
    }
}
