//! The flat folder that a synchronizer keeps, relative to its directory descriptor.
//!
//! Laws: only regular files right in the folder are seen, read or replaced; no link is followed; a file comes into its place by a
//! rename, whole and with its time, and never over one that changed since it was looked at. Calls block.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use drizzle_model::Mtime;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod,
    fstat, fstatvfs, futimens, mkdirat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::limits::PIECE_BYTES;
use crate::name::{Name, OWN_FOLDER};
use crate::stamp::Stamp;
use crate::wares::{Ware, Wares};

/// Where parts lie, within [`OWN_FOLDER`].
const PART_FOLDER: &str = "classic";

/// A file of the folder, as it looked at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// When it was modified last.
    pub mtime: Mtime,
    /// How many bytes it has.
    pub size: u64,
}

impl LocalFile {
    /// Its time, as others are told.
    pub fn stamp(&self) -> Stamp {
        Stamp::of(self.mtime)
    }
}

/// Why a file was not put in its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The one that is there changed in the meantime, or appeared.
    #[error("the file here changed in the meantime")]
    Changed,
    /// Something else has the name.
    #[error("something that is no file has that name here")]
    InTheWay,
    /// No file can have that time.
    #[error("no file can have the time {0}")]
    Mtime(Box<str>),
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// A folder. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: Arc<OwnedFd>,
    parts: Arc<AtomicU64>,
}

impl Folder {
    /// The folder of that path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { dir: Arc::new(dir), parts: Arc::default() })
    }

    /// The files that take part, with their names.
    pub fn files(&self) -> io::Result<Vec<(Name, LocalFile)>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&*self.dir)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().ok().and_then(Name::new) else { continue };
            if let Looked::File(file) = self.look(&name)? {
                files.push((name, file));
            }
        }
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(files)
    }

    /// The file of that name, if there is one.
    pub(crate) fn file(&self, name: &Name) -> Result<Option<LocalFile>, PlaceError> {
        match self.look(name)? {
            Looked::Nothing => Ok(None),
            Looked::File(file) => Ok(Some(file)),
            Looked::Other => Err(PlaceError::InTheWay),
        }
    }

    /// The hash of a file; none when it is not, or no longer, the one that looks like that.
    pub(crate) fn hash(&self, name: &Name, file: &LocalFile) -> io::Result<Option<blake3::Hash>> {
        let Some(mut opened) = self.open_file(name).filter(|opened| opened.opened == *file) else {
            return Ok(None);
        };
        let (mut hasher, mut offset, mut piece) = (blake3::Hasher::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            match opened.read_at(offset, &mut piece)? {
                0 => return Ok(Some(hasher.finalize())),
                read => {
                    hasher.update(&piece[..read]);
                    offset += read as u64;
                }
            }
        }
    }

    /// Gives a file its time, if it still looks like that.
    pub(crate) fn set_time(&self, name: &Name, file: &LocalFile, stamp: &Stamp) -> Result<(), PlaceError> {
        let mtime = stamp.mtime().ok_or_else(|| PlaceError::Mtime(stamp.as_str().into()))?;
        let opened = self.open_file(name).filter(|opened| opened.opened == *file);
        let opened = opened.ok_or(PlaceError::Changed)?;
        if mtime != file.mtime {
            set_mtime(&opened.file, mtime)?;
        }
        Ok(())
    }

    /// A regular file, without following a link or waiting for anything: a pipe of that name would never open.
    fn open_file(&self, name: &Name) -> Option<OpenFile> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&*self.dir, name.as_str(), flags, Mode::empty()).ok()?);
        match looked(&fstat(&file).ok()?) {
            Looked::File(opened) => Some(OpenFile { file, opened }),
            _ => None,
        }
    }

    fn look(&self, name: &Name) -> io::Result<Looked> {
        match statat(&*self.dir, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(looked(&stat)),
            Err(Errno::NOENT) => Ok(Looked::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// A new file to write to, that comes into its place later or not at all.
    pub(crate) fn part(&self) -> io::Result<Part> {
        loop {
            let folder = self.part_folder()?;
            let number = self.parts.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{number}", std::process::id());
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(&folder, &*name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => {
                    let (whole, file) = (self.clone(), File::from(file));
                    return Ok(Part { whole, folder, name, file, is_placed: false });
                }
                // Left by a process of that number; or the folder was swept just now.
                Err(Errno::EXIST | Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn part_folder(&self) -> io::Result<OwnedFd> {
        let own = make_folder(&*self.dir, OWN_FOLDER)?;
        match make_folder(&own, PART_FOLDER) {
            // The other one was swept just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(make_folder(&*self.dir, OWN_FOLDER)?, PART_FOLDER)
            }
            made => made,
        }
    }

    /// Puts the part in the place of a file that still looks like `before`, with that time.
    pub(crate) fn place(
        &self,
        mut part: Part,
        name: &Name,
        stamp: &Stamp,
        before: Option<&LocalFile>,
    ) -> Result<LocalFile, PlaceError> {
        let mtime = stamp.mtime().ok_or_else(|| PlaceError::Mtime(stamp.as_str().into()))?;
        if let Ok(stat) = statat(&*self.dir, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            // Whoever kept others from reading the old one does not want them to read the new one.
            fchmod(&part.file, Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o777))
                .map_err(io::Error::from)?;
        }
        set_mtime(&part.file, mtime)?;
        // Nobody could tell by its time that it is empty after a power failure, and it would be given to others as the newest.
        part.file.sync_all()?;
        match (self.look(name)?, before) {
            (Looked::Other, _) => return Err(PlaceError::InTheWay),
            (Looked::File(now), Some(before)) if now == *before => {}
            (Looked::Nothing, None) => {}
            _ => return Err(PlaceError::Changed),
        }
        self.rename(&part, name, before.is_some())?;
        part.is_placed = true;
        match looked(&fstat(&part.file).map_err(io::Error::from)?) {
            Looked::File(file) => Ok(file),
            _ => Err(PlaceError::InTheWay),
        }
    }

    fn rename(&self, part: &Part, name: &Name, replaces: bool) -> Result<(), PlaceError> {
        let flags = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        match renameat_with(&part.folder, &*part.name, &*self.dir, name.as_str(), flags) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) if !replaces => Err(PlaceError::Changed),
            // Not every file system knows how to replace nothing; that nothing was there has been looked at.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if !replaces => {
                Ok(renameat(&part.folder, &*part.name, &*self.dir, name.as_str()).map_err(io::Error::from)?)
            }
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Removes the folder of parts, if it is empty, so that nothing is left behind.
    pub(crate) fn sweep(&self) {
        let nested = format!("{OWN_FOLDER}/{PART_FOLDER}");
        if unlinkat(&*self.dir, &*nested, AtFlags::REMOVEDIR).is_ok() {
            let _ = unlinkat(&*self.dir, OWN_FOLDER, AtFlags::REMOVEDIR);
        }
    }

    /// Removes parts that an earlier run left behind.
    pub(crate) fn sweep_old(&self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(own) = openat(&*self.dir, OWN_FOLDER, flags, Mode::empty()) else { return Ok(()) };
        let Ok(parts) = openat(own, PART_FOLDER, flags, Mode::empty()) else { return Ok(()) };
        for entry in Dir::read_from(&parts)? {
            let name = entry?.file_name().to_owned();
            let of_process = name.to_str().ok().and_then(|name| name.split_once('-')?.0.parse::<i32>().ok());
            let runs = of_process
                .and_then(rustix::process::Pid::from_raw)
                .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH));
            if of_process.is_some() && !runs {
                unlinkat(&parts, &name, AtFlags::empty())?;
            }
        }
        self.sweep();
        Ok(())
    }
}

impl Wares for Folder {
    fn open(&self, name: &str) -> Option<Box<dyn Ware>> {
        Some(Box::new(self.open_file(&Name::new(name)?)?))
    }
}

struct OpenFile {
    file: File,
    opened: LocalFile,
}

impl Ware for OpenFile {
    fn size(&self) -> u64 {
        self.opened.size
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        match looked(&fstat(&self.file)?) {
            Looked::File(now) if now == self.opened => Ok(read),
            // Half of it is the old one and half the new one, and it would count as the old one everywhere.
            _ => Err(io::Error::other("it changed while it was sent")),
        }
    }
}

/// A file that is being written. Gone when it is dropped, unless it came into its place.
#[derive(Debug)]
pub(crate) struct Part {
    /// The folder that it is for.
    whole: Folder,
    folder: OwnedFd,
    name: String,
    file: File,
    is_placed: bool,
}

impl Part {
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// How much room there is; none where the file system does not know.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let stat = fstatvfs(&self.file).ok().filter(|stat| stat.f_blocks > 0)?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = unlinkat(&self.folder, &*self.name, AtFlags::empty());
            // Whoever wanted it may be gone by now.
            self.whole.sweep();
        }
    }
}

enum Looked {
    Nothing,
    File(LocalFile),
    Other,
}

fn looked(stat: &Stat) -> Looked {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Looked::Other;
    }
    // What the system says is below a second.
    let mtime = Mtime::new(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    Looked::File(LocalFile {
        mtime: mtime.unwrap_or_default(),
        size: u64::try_from(stat.st_size).unwrap_or(0),
    })
}

fn make_folder(at: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    match mkdirat(&at, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

fn set_mtime(file: &File, mtime: Mtime) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds(), tv_nsec: mtime.nanoseconds().into() },
    };
    Ok(futimens(file, &times)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text).unwrap()
    }

    /// What lies outside, below, behind a link or is no file is neither announced nor served.
    #[test]
    fn only_files_right_in_the_folder_are_there() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let dir = outside.path().join("dir");
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/below"), "b").unwrap();
        fs::write(dir.join("file"), "f").unwrap();
        symlink("../secret", dir.join("link")).unwrap();
        symlink("file", dir.join("inner-link")).unwrap();
        rustix::fs::mkfifoat(CWD, dir.join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let folder = Folder::open(&dir).unwrap();
        let _part = folder.part().unwrap();
        let names: Vec<String> = folder.files().unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["file"]);
        let absolute = outside.path().join("secret");
        for asked in [
            "../secret",
            "link",
            "inner-link",
            "sub/below",
            "sub",
            "pipe",
            ".",
            "..",
            "",
            ".drizzle",
            "./file",
        ]
        .into_iter()
        .chain([absolute.to_str().unwrap()])
        {
            assert!(folder.open(asked).is_none(), "{asked}");
        }
        assert_eq!(folder.open("file").unwrap().size(), 1);
    }

    /// What is overwritten in place while it is sent would arrive as a mixture of both, with the time of the old one.
    #[test]
    fn a_file_that_changes_is_not_sent_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old bytes").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let mut ware = folder.open("a").unwrap();
        let mut half = [0; 4];
        assert_eq!(ware.read_at(0, &mut half).unwrap(), 4);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"new", 6).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(ware.read_at(4, &mut half).is_err());
    }

    #[test]
    fn a_file_comes_whole_with_its_time_and_over_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let part = |bytes: &[u8]| {
            let part = folder.part().unwrap();
            part.write_at(0, bytes).unwrap();
            part
        };
        let first = folder.place(part(b"one"), &name("a"), &stamp("1700000000.25"), None).unwrap();
        assert_eq!(folder.files().unwrap(), [(name("a"), first.clone())]);
        assert_eq!(first.stamp().as_str(), "1700000000.25");
        let unexpected = folder.place(part(b"two"), &name("a"), &stamp("1800000000"), None);
        assert!(matches!(unexpected, Err(PlaceError::Changed)));
        let second = folder.place(part(b"two"), &name("a"), &stamp("1800000000"), Some(&first)).unwrap();
        assert_eq!(second.mtime, Mtime::from_seconds(1_800_000_000));
        assert!(matches!(
            folder.place(part(b"three"), &name("a"), &stamp("1900000000"), Some(&first)),
            Err(PlaceError::Changed)
        ));
        assert!(matches!(
            folder.place(part(b"x"), &name("b"), &stamp("1e300"), None),
            Err(PlaceError::Mtime(_))
        ));
        fs::create_dir(dir.path().join("sub")).unwrap();
        assert!(matches!(
            folder.place(part(b"x"), &name("sub"), &stamp("1"), None),
            Err(PlaceError::InTheWay)
        ));
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"two");
        folder.sweep();
        assert!(!dir.path().join(OWN_FOLDER).exists(), "nothing is left behind");
    }

    #[test]
    fn parts_of_processes_that_are_gone_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let parts = dir.path().join(OWN_FOLDER).join(PART_FOLDER);
        let own = folder.part().unwrap();
        fs::write(parts.join("2147483647-0"), "left").unwrap();
        folder.sweep_old().unwrap();
        assert_eq!(fs::read_dir(&parts).unwrap().count(), 1);
        drop(own);
        folder.sweep_old().unwrap();
        assert!(!dir.path().join(OWN_FOLDER).exists());
    }
}
