//! From a path to something shared: scan, hash what is not known, remember, and number the chunks.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use drizzle_model::{ChunkHashes, ContentHash, Entry, EntryKind, Manifest, Metadata, PathError, RelPath};
use rustix::fs::{FileType, lstat};

use crate::hash::{HashError, Job, hash_all};
use crate::index::{Changes, Index, IndexWarning, Known, key_of};
use crate::scan::{Item, ItemKind, Scan, SkipReason, Skipped, item};
use crate::shared::{Served, Shared};
use crate::signature::{Signature, metadata_of};
use crate::source::MemorySource;
use crate::tree::Tree;
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
        let whole = path.canonicalize().map_err(|e| DiskError::of_std(path, e))?;
        let name = name.map_or_else(|| name_of(path, &whole), Ok)?;
        let stat = lstat(&whole).map_err(|e| DiskError::new(&whole, e))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            share_folder(whole, name, metadata_of(&stat), index, progress)
        } else {
            share_file(whole, name, index, progress)
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
    index: &Index,
    progress: &Progress,
) -> Result<Shared, ShareError> {
    let tree = Tree::open(&root)?;
    // A folder that cannot be listed is an error of its own, not an empty folder with a remark.
    std::fs::read_dir(&root).map_err(|e| DiskError::of_std(&root, e))?;
    let mut scan = Scan::of_folder(&root);
    let (hashed, warnings) = hash_items(&tree, &mut scan, Forget::Vanished, index, progress)?;
    let (entries, signatures) = hashed.into_iter().unzip();
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
    let served = Served { tree, paths: None, signatures };
    Ok(Shared::new(content, served, Some(manifest_source), scan.skipped, warnings))
}

fn share_file(
    whole: PathBuf,
    name: RelPath,
    index: &Index,
    progress: &Progress,
) -> Result<Shared, ShareError> {
    let file = |reason| ShareError::File(Skipped { path: whole.clone(), reason });
    let last =
        whole.file_name().and_then(std::ffi::OsStr::to_str).ok_or_else(|| file(SkipReason::NotUtf8))?;
    let path = RelPath::new(last).map_err(|e| file(SkipReason::Path(e)))?;
    let tree = Tree::open(whole.parent().unwrap_or(&whole))?;
    let item = item(path.clone(), &whole).map_err(file)?;
    let mut scan = Scan { items: vec![item], skipped: Vec::new() };
    let (mut hashed, warnings) = hash_items(&tree, &mut scan, Forget::Nothing, index, progress)?;
    let Some((entry, signature)) = hashed.pop() else {
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
    let served = Served { tree, paths: Some(path), signatures: vec![signature] };
    Ok(Shared::new(content, served, None, scan.skipped, warnings))
}

/// Which records of files that are no longer there are taken out of the index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forget {
    Nothing,
    Vanished,
}

/// A file's hash from its chunks.
type Hashes = (ContentHash, ChunkHashes);
/// An entry and, of a file, how it looked.
type Hashed = (Entry, Option<Signature>);

fn hash_items(
    tree: &Tree,
    scan: &mut Scan,
    forget: Forget,
    index: &Index,
    progress: &Progress,
) -> Result<(Vec<Hashed>, Vec<IndexWarning>), ShareError> {
    let files: Vec<usize> = positions_of_files(&scan.items);
    let paths: Vec<&RelPath> = files.iter().map(|&at| &scan.items[at].path).collect();
    let (found, mut warning) = index.look_up(tree.path(), &paths);
    let mut hashes: Vec<Option<Hashes>> = Vec::new();
    hashes.resize_with(scan.items.len(), || None);
    for (&at, known) in files.iter().zip(found.known) {
        hashes[at] = known.and_then(|known| recall(&scan.items[at].kind, known));
    }
    let unknown: Vec<usize> = files.into_iter().filter(|&at| hashes[at].is_none()).collect();
    let mut changes = Changes::default();
    hash_unknown(tree, scan, &mut hashes, unknown, progress, &mut changes)?;
    if forget == Forget::Vanished {
        changes.remove = found.others;
    }
    let warning_of_write = index.remember(&changes);
    let entries = std::mem::take(&mut scan.items).into_iter().zip(hashes).filter_map(entry_of).collect();
    Ok((entries, warning.take().into_iter().chain(warning_of_write).collect()))
}

fn positions_of_files(items: &[Item]) -> Vec<usize> {
    let is_file = |item: &Item| matches!(item.kind, ItemKind::File { .. });
    items.iter().enumerate().filter(|(_, item)| is_file(item)).map(|(at, _)| at).collect()
}

/// The hashes of a file that looks as it did.
fn recall(kind: &ItemKind, known: Known) -> Option<Hashes> {
    match kind {
        ItemKind::File { signature, geometry } if *signature == known.signature => {
            ChunkHashes::of_own(*geometry, known.hashes).ok()
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
                    note(tree, &scan.items[job.file], &job, &found, now, changes);
                    hashes[job.file] = ChunkHashes::of_own(job.geometry, found).ok();
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

fn note(tree: &Tree, item: &Item, job: &Job, hashes: &[[u8; 32]], now: SystemTime, changes: &mut Changes) {
    if let Some(signature) = job.expected.filter(|signature| signature.is_settled(now)) {
        let known = Known { signature, hashes: hashes.to_vec() };
        changes.put.push((key_of(tree.path(), &item.path), known));
    }
}

fn skipped(tree: &Tree, path: &RelPath, error: HashError) -> Skipped {
    let reason = match error {
        HashError::Disk(DiskError::Io { source, .. }) => SkipReason::Unreadable(source),
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
    let (kind, signature) = match item.kind {
        ItemKind::Directory => (EntryKind::Directory, None),
        ItemKind::Symlink { target } => (EntryKind::Symlink { target }, None),
        ItemKind::File { signature, geometry } => {
            let (hash, chunks) = hashes?;
            (EntryKind::File { geometry, hash, chunks }, Some(signature))
        }
    };
    Some((Entry { path: item.path, metadata: item.metadata, kind }, signature))
}
