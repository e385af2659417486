//! Nothing that the run started outlives it: not on Ctrl-C, not on a panic.
//!
//! Every process is the leader of a group of its own, and every group, network namespace, folder and mount is noted here
//! from before it is used until after it is gone. Dropping their owners clears them in the normal case and on a panic; the
//! thread of [`watch`] does it on SIGINT, SIGTERM and SIGHUP. Only a SIGKILL of the run itself leaves something behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::RunError;
use super::namespace::Namespace;

/// What a shell reports for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;

static LEFTOVERS: Mutex<Leftovers> =
    Mutex::new(Leftovers { groups: Vec::new(), namespaces: Vec::new(), folders: Vec::new() });

struct Leftovers {
    groups: Vec<Pid>,
    namespaces: Vec<Namespace>,
    folders: Vec<Folder>,
}

/// A folder that goes at the end, with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) is_mount: bool,
}

/// From now on a signal clears what is noted, and ends the run.
pub fn watch() -> Result<(), RunError> {
    let failed = |source| RunError::Start { program: "the watch for signals".into(), source };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // The lock is kept to the end, so that nothing new is started meanwhile.
            let leftovers = leftovers();
            leftovers.groups.iter().for_each(|group| kill(*group));
            leftovers.namespaces.iter().for_each(Namespace::remove);
            leftovers.folders.iter().for_each(Folder::remove);
            std::process::exit(EXIT_INTERRUPTED);
        }
    });
    Ok(())
}

/// Starts a process as the leader of a group, and notes the group.
pub(crate) fn spawn(command: &mut Command) -> io::Result<(Child, Pid)> {
    let mut leftovers = leftovers();
    let child = command.process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    leftovers.groups.push(group);
    Ok((child, group))
}

/// Kills what is left of a group, and forgets it.
pub(crate) fn end_group(group: Pid) {
    kill(group);
    leftovers().groups.retain(|noted| *noted != group);
}

/// Notes a namespace that is about to be made.
pub(crate) fn note_namespace(namespace: Namespace) {
    leftovers().namespaces.push(namespace);
}

/// Removes a namespace with what runs in it, and forgets it.
pub(crate) fn end_namespace(namespace: &Namespace) {
    namespace.remove();
    leftovers().namespaces.retain(|noted| noted != namespace);
}

/// Notes a folder that is about to be made.
pub(crate) fn note_folder(folder: Folder) {
    leftovers().folders.push(folder);
}

/// Removes a folder, and forgets it.
pub(crate) fn end_folder(folder: &Folder) {
    folder.remove();
    leftovers().folders.retain(|noted| noted != folder);
}

impl Folder {
    fn remove(&self) {
        if self.is_mount {
            drop(Command::new("umount").arg(&self.path).status());
        }
        remove_tree(&self.path);
    }
}

/// What is not there is gone as well.
fn remove_tree(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        eprintln!("warning: cannot remove {}: {error}", path.display());
    }
}

fn kill(group: Pid) {
    // The group may have ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
}

fn leftovers() -> MutexGuard<'static, Leftovers> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}
