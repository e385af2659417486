//! Files that hold one private key: PKCS#8, mode 0600, there wholly or not at all.
//!
//! A new file is written under another name, locked if need be, and only then linked to its own name, which fails
//! when that name is taken. So two processes never make two keys under one name, and a crash leaves no half key.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::key_pair::KeyPair;

/// More than any key file holds; a longer file is no key, and is not read into memory.
const FILE_LEN_MAX: u64 = 4096;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The local disk: the file or its folder cannot be made, read or locked.
    #[error("cannot {action} the key file {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The local disk: the file is no key, or one that was damaged.
    #[error(
        "the key file {} is damaged; put it back from a copy, or delete it to start with a new key and thus a new id",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Every place for a key is held by a running process.
    #[error("all {slots} keys in {} are in use by running processes; name another state directory", dir.display())]
    AllInUse {
        /// The folder.
        dir: PathBuf,
        /// How many keys were tried.
        slots: usize,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for a new key")]
    NoRandomness,
}

impl KeyFileError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// Whether a key is for one process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Locked for as long as the file is open.
    Exclusive,
    /// Any process may read it.
    Shared,
}

/// The key in the file, which is made when it is not there. `None`: another process holds its lock.
///
/// The lock lasts as long as the file that is given back is open.
pub(crate) fn load_or_create(path: &Path, sharing: Sharing) -> Result<Option<(KeyPair, File)>, KeyFileError> {
    loop {
        match OpenOptions::new().read(true).open(path) {
            Ok(file) => return load(path, file, sharing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(KeyFileError::io("open", path, error)),
        }
        // None: another process was faster, and its file is there now.
        if let Some(created) = create(path, sharing)? {
            return Ok(Some(created));
        }
    }
}

fn load(path: &Path, mut file: File, sharing: Sharing) -> Result<Option<(KeyPair, File)>, KeyFileError> {
    if sharing == Sharing::Exclusive && !lock(path, &file)? {
        return Ok(None);
    }
    forbid_others(&file).map_err(|error| KeyFileError::io("protect", path, error))?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(FILE_LEN_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| KeyFileError::io("read", path, error))?;
    match KeyPair::from_pkcs8(&bytes) {
        Ok(pair) => Ok(Some((pair, file))),
        Err(_) => Err(KeyFileError::Damaged { path: path.to_owned() }),
    }
}

/// A copied state directory may have brought loose modes with it.
fn forbid_others(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn lock(path: &Path, file: &File) -> Result<bool, KeyFileError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(KeyFileError::io("lock", path, error)),
    }
}

fn create(path: &Path, sharing: Sharing) -> Result<Option<(KeyPair, File)>, KeyFileError> {
    if let Some(dir) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| KeyFileError::io("make the folder of", path, error))?;
    }
    let pair = KeyPair::generate().map_err(|_| KeyFileError::NoRandomness)?;
    let unfinished = unfinished_name(path);
    let made = write(&unfinished, &pair).and_then(|file| {
        if sharing == Sharing::Exclusive {
            file.try_lock()?;
        }
        std::fs::hard_link(&unfinished, path).map(|()| file)
    });
    let removed = std::fs::remove_file(&unfinished);
    match made {
        Ok(file) => {
            removed.map_err(|error| KeyFileError::io("finish", path, error))?;
            Ok(Some((pair, file)))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => Ok(None),
        Err(error) => Err(KeyFileError::io("make", path, error)),
    }
}

/// A name beside `path` that no other thread or running process uses.
fn unfinished_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{count}.new", std::process::id()));
    name.into()
}

fn write(path: &Path, pair: &KeyPair) -> io::Result<File> {
    let der = pair.to_pkcs8().map_err(|_| io::Error::other("the new key cannot be encoded"))?;
    // What a crashed process of the same number left behind.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(der.as_ref())?;
    file.sync_all()?;
    Ok(file)
}
