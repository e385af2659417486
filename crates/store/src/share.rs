//! From a path to something shared: scan, hash what is not known, remember, and number the chunks.
//!
//! What was shared before from the same path is known by that alone, without the index: to look again costs a look at each
//! file, and reads what changed. Then a file that somebody is still writing is left out, and said to be so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use drizzle_model::{ChunkHashes, ContentHash, Entry, EntryKind, Manifest, Metadata, PathError, RelPath};
use rustix::fs::{FileType, lstat};

use crate::hash::{HashError, Job, hash_all};
use crate::index::{Changes, Index, IndexWarning, Known, key_of};
use crate::scan::{Item, ItemKind, Scan, SkipReason, Skipped, item};
use crate::shared::{Look, Served, Shared};
use crate::signature::metadata_of;
use crate::source::MemorySource;
use crate::tree::Tree;
use crate::unfinished::Unfinished;
use crate::{Content, DiskError, Progress};

/// A file that changes while it is read is read again, so many times in all.
const ATTEMPTS_MAX: usize = 3;

/// Why a path cannot be shared. The local disk or the user's choice is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It is not there, or this user may not read it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The one file to be shared cannot be.
    #[error(transparent)]
    File(Skipped),
    /// It has no last part that could be its name.
    #[error("{} cannot give the name: {reason}; say another with --name", path.display())]
    Name {
        /// What was to be shared.
        path: PathBuf,
        /// What is wrong with its last part.
        reason: PathError,
    },
    /// Its last part is not UTF-8.
    #[error("the name of {} is not UTF-8; say another with --name", path.display())]
    NameNotUtf8 {
        /// What was to be shared.
        path: PathBuf,
    },
    /// Entries came and went while it was scanned.
    #[error("{} changed while it was read; share it again when it is at rest", path.display())]
    Changing {
        /// What was to be shared.
        path: PathBuf,
    },
    /// It holds more chunks or entries than other peers take.
    #[error("{} holds too much to be shared as one", path.display())]
    TooLarge {
        /// What was to be shared.
        path: PathBuf,
    },
    /// The caller asked for the end.
    #[error("cancelled")]
    Cancelled,
}

impl Shared {
    /// Scans and hashes the file or folder at `path`, so that it can be served from where it lies. What is known
    /// to the index is not read. Without a name it gets the path's last part.
    pub fn of_path(
        path: &Path,
        name: Option<RelPath>,
        index: &Index,
        progress: &Progress,
    ) -> Result<Self, ShareError> {
        Means { index, progress, before: None }.share(path, name)
    }

    /// Looks again at what was shared from `path`, under the name it has. What looks as it did is not read.
    pub fn again(
        &self,
        path: &Path,
        unfinished: &Unfinished,
        index: &Index,
        progress: &Progress,
    ) -> Result<Self, ShareError> {
        let before = Some(Before { shared: self, unfinished });
        Means { index, progress, before }.share(path, Some(self.content().name().clone()))
    }
}

/// What was shared before, and what is left out of it now.
#[derive(Clone, Copy)]
struct Before<'a> {
    shared: &'a Shared,
    unfinished: &'a Unfinished,
}

/// What sharing knows from before, and who hears how far it is.
#[derive(Clone, Copy)]
struct Means<'a> {
    index: &'a Index,
    progress: &'a Progress,
    before: Option<Before<'a>>,
}

impl Means<'_> {
    fn share(self, path: &Path, name: Option<RelPath>) -> Result<Shared, ShareError> {
        let whole = path.canonicalize().map_err(|e| DiskError::of_std(path, e))?;
        let name = name.map_or_else(|| name_of(path, &whole), Ok)?;
        let stat = lstat(&whole).map_err(|e| DiskError::new(&whole, e))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            share_folder(whole, name, metadata_of(&stat), self)
        } else {
            share_file(whole, name, self)
        }
    }
}

fn name_of(path: &Path, whole: &Path) -> Result<RelPath, ShareError> {
    let last = path.file_name().or_else(|| whole.file_name()).unwrap_or_default();
    let last = last.to_str().ok_or_else(|| ShareError::NameNotUtf8 { path: path.into() })?;
    RelPath::new(last).map_err(|reason| ShareError::Name { path: path.into(), reason })
}

fn share_folder(
    root: PathBuf,
    name: RelPath,
    metadata: Metadata,
    means: Means<'_>,
) -> Result<Shared, ShareError> {
    let tree = Tree::open(&root)?;
    // A folder that cannot be listed is an error of its own, not an empty folder with a remark.
    std::fs::read_dir(&root).map_err(|e| DiskError::of_std(&root, e))?;
    let mut scan = Scan::of_folder(&root);
    let (hashed, warnings) = hash_items(&tree, &mut scan, Forget::Vanished, means)?;
    let (entries, looks) = hashed.into_iter().unzip();
    let manifest = Manifest::new(metadata, entries).map_err(|e| match e {
        drizzle_model::ManifestError::TooManyChunks => ShareError::TooLarge { path: root.clone() },
        _ => ShareError::Changing { path: root.clone() },
    })?;
    let too_large = || ShareError::TooLarge { path: root.clone() };
    let bytes = drizzle_wire::encode_manifest(&manifest);
    if bytes.len() > drizzle_wire::MANIFEST_BYTES_MAX {
        return Err(too_large());
    }
    let manifest_source = MemorySource::new(bytes.into()).map_err(|_| too_large())?;
    let content = Content::folder(name, manifest_source.hash(), manifest);
    if content.chunk_count() > drizzle_wire::CHUNKS_MAX {
        return Err(too_large());
    }
    let served = Served { tree, paths: None, looks };
    Ok(Shared::new(content, served, Some(manifest_source), scan.skipped, warnings))
}

fn share_file(whole: PathBuf, name: RelPath, means: Means<'_>) -> Result<Shared, ShareError> {
    let file = |reason| ShareError::File(Skipped { path: whole.clone(), reason });
    let last = whole.file_name().unwrap_or_default();
    // What is no text has another path here. That two files may have the same one is no matter: each has a tree of its own, and
    // the index tells files apart by how they look.
    let path = RelPath::new(&last.to_string_lossy()).map_err(|e| file(SkipReason::Path(e)))?;
    let mut tree = Tree::open(whole.parent().unwrap_or(&whole))?;
    if last.to_str().is_none() {
        tree = tree.with_odd_name(path.clone(), last.to_owned());
    }
    let item = item(path.clone(), &whole).map_err(file)?;
    let mut scan = Scan { items: vec![item], skipped: Vec::new() };
    let (mut hashed, warnings) = hash_items(&tree, &mut scan, Forget::Nothing, means)?;
    let Some((entry, look)) = hashed.pop() else {
        let changing = || Skipped { path: whole.clone(), reason: SkipReason::Changing };
        return Err(ShareError::File(scan.skipped.pop().unwrap_or_else(changing)));
    };
    let EntryKind::File { geometry, hash, chunks } = entry.kind else {
        return Err(ShareError::Changing { path: whole });
    };
    if geometry.chunk_count() > drizzle_wire::CHUNKS_MAX {
        return Err(ShareError::TooLarge { path: whole });
    }
    let content = Content::file(name, entry.metadata, hash, geometry, chunks);
    let served = Served { tree, paths: Some(path), looks: vec![look] };
    Ok(Shared::new(content, served, None, scan.skipped, warnings))
}

/// Which records of files that are no longer there are taken out of the index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forget {
    Nothing,
    Vanished,
}

/// A file's hash from its chunks, and whether a later write is sure to change how the file looks.
struct Hashes {
    hash: ContentHash,
    chunks: ChunkHashes,
    is_sure: bool,
}

/// An entry and, of a file, how it looked.
type Hashed = (Entry, Option<Look>);

fn hash_items(
    tree: &Tree,
    scan: &mut Scan,
    forget: Forget,
    means: Means<'_>,
) -> Result<(Vec<Hashed>, Vec<IndexWarning>), ShareError> {
    let mut hashes: Vec<Option<Hashes>> = Vec::new();
    hashes.resize_with(scan.items.len(), || None);
    let mut changes = Changes::default();
    let mut files: Vec<usize> = positions_of_files(&scan.items);
    if let Some(before) = means.before.filter(|before| before.shared.is_of(tree.path())) {
        let vanished = before.recall(&scan.items, &files, &mut hashes);
        if forget == Forget::Vanished {
            changes.remove = vanished.into_iter().map(|path| key_of(tree.path(), path)).collect();
        }
        files.retain(|&at| hashes[at].is_none());
        leave_out(tree, scan, &mut files, before.unfinished);
    }
    let paths: Vec<&RelPath> = files.iter().map(|&at| &scan.items[at].path).collect();
    let (found, warning) = means.index.look_up(tree.path(), &paths);
    for (&at, known) in files.iter().zip(found.known) {
        hashes[at] = known.and_then(|known| recall(&scan.items[at].kind, known));
    }
    files.retain(|&at| hashes[at].is_none());
    hash_unknown(tree, scan, &mut hashes, files, means.progress, &mut changes)?;
    if forget == Forget::Vanished && means.before.is_none() {
        changes.remove = found.others;
    }
    let warning_of_write = means.index.remember(&changes);
    let entries = std::mem::take(&mut scan.items).into_iter().zip(hashes).filter_map(entry_of).collect();
    Ok((entries, warning.into_iter().chain(warning_of_write).collect()))
}

impl<'a> Before<'a> {
    /// Takes over the hashes of files that look as they did. Says which files are no longer there.
    fn recall(self, items: &[Item], files: &[usize], hashes: &mut [Option<Hashes>]) -> Vec<&'a RelPath> {
        let known: HashMap<&RelPath, usize> = self.shared.files().collect();
        let mut is_there = vec![false; self.shared.content().entries().len()];
        for &at in files {
            let Some(&entry) = known.get(&items[at].path) else { continue };
            is_there[entry] = true;
            hashes[at] = self.known_hashes(entry, &items[at].kind);
        }
        self.shared.files().filter(|&(_, entry)| !is_there[entry]).map(|(path, _)| path).collect()
    }

    fn known_hashes(self, entry: usize, kind: &ItemKind) -> Option<Hashes> {
        let (ItemKind::File { signature, .. }, Some(look)) = (kind, self.shared.look(entry)) else {
            return None;
        };
        let EntryKind::File { hash, chunks, .. } = &self.shared.content().entries()[entry].kind else {
            return None;
        };
        let is_known = look.is_sure && look.signature == *signature;
        is_known.then(|| Hashes { hash: *hash, chunks: chunks.clone(), is_sure: true })
    }
}

/// Takes files that somebody is still writing out of those to be hashed, and says so.
fn leave_out(tree: &Tree, scan: &mut Scan, files: &mut Vec<usize>, unfinished: &Unfinished) {
    let now = SystemTime::now();
    files.retain(|&at| {
        let item = &scan.items[at];
        let path = tree.path_of(&item.path);
        let is_unfinished = unfinished.holds(now, &path, item.metadata.mtime);
        if is_unfinished {
            scan.skipped.push(Skipped { path, reason: SkipReason::Unfinished });
        }
        !is_unfinished
    });
}

fn positions_of_files(items: &[Item]) -> Vec<usize> {
    let is_file = |item: &Item| matches!(item.kind, ItemKind::File { .. });
    items.iter().enumerate().filter(|(_, item)| is_file(item)).map(|(at, _)| at).collect()
}

/// The hashes of a file that looks as it did.
fn recall(kind: &ItemKind, known: Known) -> Option<Hashes> {
    match kind {
        ItemKind::File { signature, geometry } if *signature == known.signature => {
            let (hash, chunks) = ChunkHashes::of_own(*geometry, known.hashes).ok()?;
            Some(Hashes { hash, chunks, is_sure: true })
        }
        _ => None,
    }
}

/// Hashes files, those that change meanwhile again, and notes for the index what is at rest.
fn hash_unknown(
    tree: &Tree,
    scan: &mut Scan,
    hashes: &mut [Option<Hashes>],
    mut unknown: Vec<usize>,
    progress: &Progress,
    changes: &mut Changes,
) -> Result<(), ShareError> {
    for attempt in 1..=ATTEMPTS_MAX {
        if unknown.is_empty() {
            break;
        }
        let now = SystemTime::now();
        let jobs: Vec<Job> = unknown.iter().filter_map(|&at| job_of(at, &scan.items[at])).collect();
        let open = |at: usize| tree.open_file(&scan.items[at].path);
        let outcomes = hash_all(&jobs, &open, progress);
        let mut changed = Vec::new();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Ok(found) => {
                    let is_sure = job.expected.is_some_and(|signature| signature.is_settled(now));
                    if is_sure {
                        note(tree, &scan.items[job.file], &job, &found, changes);
                    }
                    let own = ChunkHashes::of_own(job.geometry, found).ok();
                    hashes[job.file] = own.map(|(hash, chunks)| Hashes { hash, chunks, is_sure });
                }
                Err(HashError::Cancelled) => return Err(ShareError::Cancelled),
                Err(HashError::Changed) if attempt < ATTEMPTS_MAX => changed.push(job.file),
                Err(error) => scan.skipped.push(skipped(tree, &scan.items[job.file].path, error)),
            }
        }
        unknown = changed.into_iter().filter(|&at| look_again(tree, scan, at)).collect();
    }
    Ok(())
}

fn job_of(file: usize, item: &Item) -> Option<Job> {
    match &item.kind {
        ItemKind::File { signature, geometry } => Some(Job {
            file,
            geometry: *geometry,
            chunks: 0..geometry.chunk_count(),
            expected: Some(*signature),
        }),
        ItemKind::Directory | ItemKind::Symlink { .. } => None,
    }
}

fn note(tree: &Tree, item: &Item, job: &Job, hashes: &[[u8; 32]], changes: &mut Changes) {
    if let Some(signature) = job.expected {
        let known = Known { signature, hashes: hashes.to_vec() };
        changes.put.push((key_of(tree.path(), &item.path), known));
    }
}

fn skipped(tree: &Tree, path: &RelPath, error: HashError) -> Skipped {
    let reason = match error {
        HashError::Disk(DiskError::Io { source, .. }) => SkipReason::Unreadable(source),
        // The path is named already.
        HashError::Disk(DiskError::Permission { .. }) => {
            SkipReason::Unreadable(std::io::ErrorKind::PermissionDenied.into())
        }
        HashError::Disk(DiskError::NotFound { .. }) => {
            SkipReason::Unreadable(std::io::ErrorKind::NotFound.into())
        }
        HashError::Disk(error) => SkipReason::Unreadable(std::io::Error::other(error.to_string())),
        HashError::Read(errno) => SkipReason::Unreadable(errno.into()),
        HashError::Changed | HashError::Cancelled => SkipReason::Changing,
    };
    Skipped { path: tree.path_of(path), reason }
}

/// Takes a file that changed as it is now; says whether it still is a file.
fn look_again(tree: &Tree, scan: &mut Scan, at: usize) -> bool {
    let path = scan.items[at].path.clone();
    match item(path.clone(), &tree.path_of(&path)) {
        Ok(item) if matches!(item.kind, ItemKind::File { .. }) => {
            scan.items[at] = item;
            true
        }
        _ => {
            scan.skipped.push(skipped(tree, &path, HashError::Changed));
            false
        }
    }
}

fn entry_of((item, hashes): (Item, Option<Hashes>)) -> Option<Hashed> {
    let (kind, look) = match item.kind {
        ItemKind::Directory => (EntryKind::Directory, None),
        ItemKind::Symlink { target } => (EntryKind::Symlink { target }, None),
        ItemKind::File { signature, geometry } => {
            let Hashes { hash, chunks, is_sure } = hashes?;
            (EntryKind::File { geometry, hash, chunks }, Some(Look { signature, is_sure }))
        }
    };
    Some((Entry { path: item.path, metadata: item.metadata, kind }, look))
}
