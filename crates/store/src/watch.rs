//! Tells that something at or below a path may have changed, as the system reports it.
//!
//! It says too much rather than too little: whoever hears it looks again. What it cannot promise is that everything is heard:
//! the system's limits, other machines' writes to a network file system, and writes through mapped memory are beyond it. So
//! whoever needs to know looks from time to time all the same.
//!
//! A path is watched together with the folder that holds it, so that it is heard when it comes back or is replaced. Drizzle's
//! own leftovers are not spoken of. Symbolic links below a path are not followed.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::{fs, io};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::reserved::is_reserved;

const WATCHES_LIMIT: &str = "fs.inotify.max_user_watches";
const INSTANCES_LIMIT: &str = "fs.inotify.max_user_instances";

/// Something that may have happened at a watched path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stir {
    /// Something came, went or changed.
    Changed,
    /// A file was written, and is perhaps still open.
    Writing(PathBuf),
    /// A file that was open for writing was closed, or is gone.
    Closed(PathBuf),
    /// A part of it is not watched any more.
    Blind(WatchError),
}

/// Why something is not watched. The system's limits, or the local disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// A limit of the system is reached.
    #[error("the system watches no more folders for this user: the limit {limit}{} is reached", shown(*.value))]
    Limit {
        /// Which: the name of a system setting.
        limit: &'static str,
        /// What it is set to, where that is known.
        value: Option<u64>,
    },
    /// Anything else.
    #[error("it cannot be watched: {0}")]
    Other(String),
}

fn shown(value: Option<u64>) -> String {
    value.map(|value| format!(" = {value}")).unwrap_or_default()
}

impl WatchError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Limit { limit, value } => {
                let more = value.unwrap_or(0).saturating_mul(4).max(if *limit == WATCHES_LIMIT {
                    1 << 20
                } else {
                    1024
                });
                Some(format!("raise it: sysctl {limit}={more}, and write that to /etc/sysctl.d to keep it"))
            }
            Self::Other(_) => None,
        }
    }

    fn limit(limit: &'static str) -> Self {
        let path = Path::new("/proc/sys").join(limit.replace('.', "/"));
        let value = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        Self::Limit { limit, value }
    }
}

impl From<notify::Error> for WatchError {
    fn from(error: notify::Error) -> Self {
        match &error.kind {
            notify::ErrorKind::MaxFilesWatch => Self::limit(WATCHES_LIMIT),
            // No more descriptors for the watcher itself: each user has so many watchers.
            notify::ErrorKind::Io(io)
                if io.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) =>
            {
                Self::limit(INSTANCES_LIMIT)
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Who is told. Called from a thread of the watcher, so it must not wait.
type Tell = Arc<dyn Fn(Stir) + Send + Sync>;
type Targets = Arc<RwLock<HashMap<PathBuf, Vec<Tell>>>>;

/// Watches any number of paths, by one watcher of the system.
pub struct Watcher {
    system: Mutex<System>,
    targets: Targets,
}

struct System {
    watcher: RecommendedWatcher,
    /// Folders that are watched without what is below them.
    shallow: HashSet<PathBuf>,
}

impl Watcher {
    /// Begins, with nothing to watch.
    pub fn start() -> Result<Self, WatchError> {
        let targets = Targets::default();
        let of_handler = Arc::clone(&targets);
        // Openings and readings are not asked for: there is one for each file that is served.
        let kinds = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
        let config = Config::default().with_follow_symlinks(false).with_event_kinds(kinds);
        let watcher = RecommendedWatcher::new(move |event| hear(&of_handler, event), config)?;
        Ok(Self { system: Mutex::new(System { watcher, shallow: HashSet::new() }), targets })
    }

    /// Tells from now on of what happens at `path`, and below it if it is a folder, until the watcher is dropped. Should only a
    /// part of it be watched, that is told, and the error says why.
    pub fn watch(&self, path: &Path, tell: impl Fn(Stir) + Send + Sync + 'static) -> Result<(), WatchError> {
        let given = std::path::absolute(path).map_err(|e| WatchError::Other(e.to_string()))?;
        let real = path.canonicalize().unwrap_or_else(|_| given.clone());
        let tell: Tell = Arc::new(tell);
        {
            let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
            targets.entry(real.clone()).or_default().push(Arc::clone(&tell));
            if given != real {
                targets.entry(given.clone()).or_default().push(tell);
            }
        }
        if given != real {
            self.watch_parent(&given)?;
        }
        self.watch_parent(&real)?;
        self.watch_below(&real)
    }

    /// Watches what is below a path anew, since another folder is there now. Who is told stays the same.
    pub fn watch_again(&self, path: &Path) -> Result<(), WatchError> {
        match path.canonicalize() {
            Ok(real) => self.watch_below(&real),
            Err(_) => Ok(()),
        }
    }

    fn watch_parent(&self, path: &Path) -> Result<(), WatchError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        if !system.shallow.contains(parent) {
            system.watcher.watch(parent, RecursiveMode::NonRecursive)?;
            system.shallow.insert(parent.to_owned());
        }
        Ok(())
    }

    fn watch_below(&self, path: &Path) -> Result<(), WatchError> {
        if !path.is_dir() {
            return Ok(());
        }
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(system.watcher.watch(path, RecursiveMode::Recursive)?)
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

fn hear(targets: &Targets, event: notify::Result<Event>) {
    let targets = targets.read().unwrap_or_else(PoisonError::into_inner);
    let tell_all = |stir: &Stir| targets.values().flatten().for_each(|tell| tell(stir.clone()));
    match event {
        // The system lost count, so anything may have happened.
        Ok(event) if event.need_rescan() || event.paths.is_empty() => tell_all(&Stir::Changed),
        Ok(event) => event.paths.iter().for_each(|path| tell_of(&targets, path, event.kind)),
        // What came and went before it could be watched.
        Err(error) if is_gone(&error) => tell_all(&Stir::Changed),
        Err(error) => tell_all(&Stir::Blind(error.into())),
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Tells those who watch the path or a folder above it.
fn tell_of(targets: &HashMap<PathBuf, Vec<Tell>>, path: &Path, kind: EventKind) {
    for at in path.ancestors() {
        let Some(tells) = targets.get(at) else { continue };
        let below = path.strip_prefix(at).unwrap_or(Path::new(""));
        if !below.iter().any(|name| is_reserved(name.as_bytes())) {
            tells.iter().for_each(|tell| tell(stir(path, kind)));
        }
    }
}

fn stir(path: &Path, kind: EventKind) -> Stir {
    match kind {
        EventKind::Modify(ModifyKind::Data(_)) => Stir::Writing(path.to_owned()),
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Remove(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Stir::Closed(path.to_owned()),
        _ => Stir::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(20);

    fn watched(path: &Path) -> (Watcher, Receiver<Stir>) {
        let (sender, stirs) = channel();
        let watcher = Watcher::start().unwrap();
        watcher.watch(path, move |stir| drop(sender.send(stir))).unwrap();
        (watcher, stirs)
    }

    /// Waits until that was told, whatever was told before.
    #[track_caller]
    fn until(stirs: &Receiver<Stir>, expected: &Stir) {
        while stirs.recv_timeout(LONG).unwrap() != *expected {}
    }

    #[test]
    fn a_file_below_is_written_and_closed_and_goes() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap().join("d");
        fs::create_dir(&root).unwrap();
        let (_watcher, stirs) = watched(&root);
        fs::create_dir(root.join("new")).unwrap();
        until(&stirs, &Stir::Changed);
        let file = root.join("f");
        fs::write(&file, "text").unwrap();
        until(&stirs, &Stir::Writing(file.clone()));
        until(&stirs, &Stir::Closed(file.clone()));
        fs::remove_file(&file).unwrap();
        until(&stirs, &Stir::Closed(file));
    }

    #[test]
    fn a_single_file_is_told_of_when_it_is_replaced_and_its_neighbours_are_not() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::write(root.join("f"), "old").unwrap();
        let (_watcher, stirs) = watched(&root.join("f"));
        fs::write(root.join("g"), "new").unwrap();
        fs::create_dir(root.join("h")).unwrap();
        fs::rename(root.join("g"), root.join("f")).unwrap();
        // The first that is heard, though others came before.
        assert_eq!(stirs.recv_timeout(LONG).unwrap(), Stir::Changed);
    }

    #[test]
    fn what_drizzle_itself_leaves_is_not_told_of() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".drizzle/partial")).unwrap();
        let (_watcher, stirs) = watched(&root);
        fs::write(root.join(".drizzle/partial/x"), "part").unwrap();
        fs::write(root.join(".drizzle-part-0"), "part").unwrap();
        fs::write(root.join("f"), "whole").unwrap();
        let first = stirs.recv_timeout(LONG).unwrap();
        assert!(first == Stir::Changed || first == Stir::Writing(root.join("f")), "{first:?}");
        let rest = stirs.iter().take_while(|stir| *stir != Stir::Closed(root.join("f")));
        assert!(rest.into_iter().all(|stir| stir == Stir::Changed || stir == Stir::Writing(root.join("f"))));
    }

    #[test]
    fn limits_are_named_with_what_to_do() {
        let limit = WatchError::from(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        assert!(limit.to_string().contains("fs.inotify.max_user_watches"), "{limit}");
        assert!(limit.hint().unwrap().contains("sysctl fs.inotify.max_user_watches="));
    }
}
