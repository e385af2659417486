//! What an earlier process left in a ring's folder: of that only what is wanted stays.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use drizzle_model::ContentHash;

/// What an earlier process left.
pub(crate) struct Leftovers<'a> {
    /// The blob of each record that it left.
    pub(crate) wanted: &'a [ContentHash],
    /// Whether those are all; if not, no file is deleted.
    pub(crate) is_sure: bool,
}

/// Makes the folders, and removes what nobody wants. Where it is not sure what is wanted, whole files are put aside.
pub(super) fn clear_folders(folder: &Path, partial: &Path, left: &Leftovers<'_>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::create_dir_all(partial)?;
    let wanted: HashSet<OsString> = left.wanted.iter().map(|blob| blob.to_string().into()).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() || wanted.contains(&entry.file_name()) {
            continue;
        }
        if left.is_sure {
            fs::remove_file(entry.path())?;
        } else {
            let aside = folder.join("aside");
            fs::create_dir_all(&aside)?;
            fs::rename(entry.path(), aside.join(entry.file_name()))?;
        }
    }
    for entry in fs::read_dir(partial)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            // A copy of the owner's own file that was cut off.
            fs::remove_file(entry.path())?;
        } else if !wanted.contains(&entry.file_name()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a node that cannot read what it kept deleted the files, at this start or the next.
    #[test]
    fn no_file_is_deleted_while_it_is_not_sure_what_is_wanted() {
        let ring = tempfile::tempdir().unwrap();
        let (files, partial) = (ring.path().join("files"), ring.path().join("partial"));
        let [known, unknown] = [1, 2].map(|byte| ContentHash::from_bytes([byte; 32]));
        clear_folders(&files, &partial, &Leftovers { wanted: &[], is_sure: true }).unwrap();
        for blob in [known, unknown] {
            fs::write(files.join(blob.to_string()), b"bytes").unwrap();
            fs::create_dir(partial.join(blob.to_string())).unwrap();
        }
        let aside = files.join("aside").join(unknown.to_string());
        for is_sure in [false, true] {
            clear_folders(&files, &partial, &Leftovers { wanted: &[known], is_sure }).unwrap();
            assert!(files.join(known.to_string()).exists() && aside.exists());
            assert!(partial.join(known.to_string()).exists() && !partial.join(unknown.to_string()).exists());
        }
        fs::write(files.join(unknown.to_string()), b"bytes").unwrap();
        clear_folders(&files, &partial, &Leftovers { wanted: &[known], is_sure: true }).unwrap();
        assert!(!files.join(unknown.to_string()).exists());
    }
}
