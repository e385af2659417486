//! A folder for one run, in memory or on disk, that goes when its owner goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::statvfs;

use super::RunError;
use super::leftovers::{self, Folder};

/// How many this run has made, which tells them apart.
static SCRATCHES: AtomicU32 = AtomicU32::new(0);

const SHARED_MEMORY: &str = "/dev/shm";

/// Removes the folder with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: Folder,
}

impl Scratch {
    /// A folder in memory with that much room: where shared memory lies, or on a tmpfs of its own where that is small.
    pub fn in_memory(fallback: &Path, bytes_needed: u64) -> Result<Self, RunError> {
        if check_room(Path::new(SHARED_MEMORY), bytes_needed).is_ok() {
            return Self::make(Path::new(SHARED_MEMORY));
        }
        let mut scratch = Self::make(fallback)?;
        scratch.mount(bytes_needed)?;
        Ok(scratch)
    }

    /// A folder below `parent`, with that much room.
    pub fn on_disk(parent: &Path, bytes_needed: u64) -> Result<Self, RunError> {
        let scratch = Self::make(parent)?;
        check_room(scratch.path(), bytes_needed)?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    /// A new empty folder within.
    pub fn folder(&self, name: &str) -> Result<PathBuf, RunError> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).map_err(RunError::disk("create", &path))?;
        Ok(path)
    }

    fn make(parent: &Path) -> Result<Self, RunError> {
        let sequence = SCRATCHES.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("drizzle-bench-{}-{sequence}", std::process::id()));
        let folder = Folder { path, is_mount: false };
        leftovers::note_folder(folder.clone());
        let scratch = Self { folder };
        fs::create_dir_all(scratch.path()).map_err(RunError::disk("create", scratch.path()))?;
        // Servers that drop their rights must still be able to read what they serve.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(scratch.path(), open).map_err(RunError::disk("open", scratch.path()))?;
        Ok(scratch)
    }

    fn mount(&mut self, bytes_needed: u64) -> Result<(), RunError> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={bytes_needed},mode=755"), "drizzle-bench"])
            .arg(self.path());
        let mounted = mount.status().map_err(|source| RunError::Start { program: "mount".into(), source })?;
        if !mounted.success() {
            return check_room(Path::new(SHARED_MEMORY), bytes_needed);
        }
        let folder = Folder { is_mount: true, ..self.folder.clone() };
        leftovers::note_folder(folder.clone());
        self.folder = folder;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        leftovers::end_folder(&self.folder);
    }
}

fn check_room(path: &Path, needed: u64) -> Result<(), RunError> {
    let room = statvfs(path).map_err(|error| RunError::disk("measure", path)(error.into()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let path = path.display().to_string();
    if free < needed { Err(RunError::NoRoom { path, needed, free }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_with_its_content_and_refuses_what_does_not_fit() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::on_disk(parent.path(), 1).unwrap();
        let within = scratch.folder("deep/er").unwrap();
        fs::write(within.join("file"), "x").unwrap();
        let path = scratch.path().to_owned();
        drop(scratch);
        assert!(!path.exists());
        let refused = Scratch::on_disk(parent.path(), u64::MAX).unwrap_err();
        assert!(matches!(refused, RunError::NoRoom { needed: u64::MAX, .. }), "{refused}");
        assert!(!path.exists());
    }
}
