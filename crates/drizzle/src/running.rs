//! Which processes of this user run on this state directory, for `drizzle status`.
//!
//! Each process keeps one file, `run/PID.json`, and holds its lock as long as it lives: a file whose lock is free is
//! that of a process that died, and whoever sees it removes it. The lock of the folder orders those who write,
//! replace and remove. Nothing but `status` depends on any of this.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::secret_file::create_private;

/// A longer file is not one of ours.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// More names than this are not told: `status` is for a person.
const NAMES_MAX: usize = 1000;

/// What a process tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The command.
    pub(crate) role: String,
    /// When it started, in seconds since 1970.
    pub(crate) started: u64,
    /// Where it listens.
    pub(crate) listen: Option<String>,
    /// Its key.
    pub(crate) peer: Option<String>,
    /// What it shares or fetches.
    pub(crate) names: Vec<String>,
}

impl Process {
    /// This process.
    pub(crate) fn this(role: &str) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let pid = std::process::id();
        Self { pid, role: role.to_owned(), started, listen: None, peer: None, names: Vec::new() }
    }
}

/// This process's file, which is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Announcement {
    folder: PathBuf,
    file: File,
    process: Process,
}

impl Announcement {
    /// Writes the file and takes its lock.
    pub(crate) fn publish(state_dir: &Path, process: Process) -> io::Result<Self> {
        let folder = state_dir.join("run");
        fs::create_dir_all(&folder)?;
        let _ordered = lock_folder(&folder)?;
        let path = path_of(&folder, process.pid);
        // Nobody alive has this number but this process.
        let _ = fs::remove_file(&path);
        let file = create_private(&path)?;
        file.lock()?;
        let mut announcement = Self { folder, file, process };
        announcement.write()?;
        Ok(announcement)
    }

    /// Adds a name to what the process shares or fetches.
    pub(crate) fn add_name(&mut self, name: &str) -> io::Result<()> {
        if self.process.names.len() < NAMES_MAX {
            self.process.names.push(name.to_owned());
        }
        let _ordered = lock_folder(&self.folder)?;
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.process)?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&text)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = fs::remove_file(path_of(&self.folder, self.process.pid));
    }
}

/// The processes that live. Removes the files of those that do not.
pub(crate) fn list(state_dir: &Path) -> io::Result<Vec<Process>> {
    let folder = state_dir.join("run");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let _ordered = lock_folder(&folder)?;
    let mut processes = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            processes.extend(read_living(&path));
        }
    }
    processes.sort_by_key(|process: &Process| (process.started, process.pid));
    Ok(processes)
}

fn path_of(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.json"))
}

fn lock_folder(folder: &Path) -> io::Result<File> {
    let path = folder.join("lock");
    let lock = match create_private(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(&path)?,
        other => other?,
    };
    lock.lock()?;
    Ok(lock)
}

/// A process's file, if its process lives; removed if it does not.
fn read_living(path: &Path) -> Option<Process> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = fs::remove_file(path);
            return None;
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(_)) => return None,
    }
    let mut text = Vec::new();
    (&mut file).take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> Process {
        Process { pid, ..Process::this("share") }
    }

    #[test]
    fn the_living_are_listed_with_what_they_do() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(list(dir.path()).unwrap(), []);
        let mut first = Announcement::publish(dir.path(), process(1)).unwrap();
        let second = Announcement::publish(dir.path(), process(2)).unwrap();
        first.add_name("models").unwrap();
        first.add_name("m").unwrap();
        let names = |dir| list(dir).unwrap().into_iter().map(|process| process.names).collect::<Vec<_>>();
        assert_eq!(names(dir.path()), [vec!["models".to_owned(), "m".to_owned()], vec![]]);
        drop(first);
        assert_eq!(names(dir.path()).len(), 1);
        drop(second);
        assert_eq!(names(dir.path()).len(), 0);
    }

    /// A process killed with -9 leaves its file and no lock.
    #[test]
    fn the_files_of_the_dead_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let alive = Announcement::publish(dir.path(), process(1)).unwrap();
        let dead = dir.path().join("run").join("2.json");
        fs::write(&dead, serde_json::to_vec(&process(2)).unwrap()).unwrap();
        assert_eq!(list(dir.path()).unwrap(), vec![alive.process.clone()]);
        assert!(!dead.exists());
    }

    #[test]
    fn a_number_that_comes_again_is_a_new_process() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("run")).unwrap();
        fs::write(dir.path().join("run").join("1.json"), "{\"pid\":1,\"ro").unwrap();
        let again = Announcement::publish(dir.path(), process(1)).unwrap();
        assert_eq!(list(dir.path()).unwrap(), vec![again.process.clone()]);
    }
}
