//! The hashes of files known from before, so that what has not changed is not read again.
//!
//! A record says what a file at a path looked like when it was hashed, and the hashes of its chunks. It counts only
//! while the file still looks so. The database is a memory, not a truth: when it is locked, damaged or gone, files are
//! hashed again and nothing else is lost, so every failure here is a warning.
//!
//! Several processes of one user share it, and redb locks the file while it is open; so it is open for a moment only: one
//! read pass or one write transaction for a whole folder. In keys a zero byte stands for the slash, which gives them the
//! order of `RelPath` and lets one pass over both answer for a whole folder.

use std::cmp::Ordering;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use drizzle_model::{Geometry, RelPath};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError,
    TransactionError,
};

use crate::signature::Signature;

/// From the key of a file to its signature and chunk hashes, one after another.
const HASHES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("hashes-1");
const FILE_NAME: &str = "hashes.redb";
/// The memory that the database may use; redb's own default is a gigabyte.
const CACHE_BYTES: usize = 8 << 20;
/// How long to wait for another process that has it open, which is milliseconds for 10,000 files.
const PATIENCE: Duration = Duration::from_millis(1500);
const RETRY_AFTER: Duration = Duration::from_millis(5);
/// Up to so many files are asked for one by one; for more, everything known below their folder is read in order.
const SINGLE_LOOKUPS_MAX: usize = 16;

/// Why the index was no help; files were hashed again, or will be next time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexWarning {
    /// Other processes keep it open.
    #[error("the index of known hashes is in use by another process; files are hashed again")]
    Busy,
    /// It could not be read, and a new one was begun.
    #[error("the index of known hashes was damaged and is now {}; files are hashed again", moved_to.display())]
    Damaged {
        /// Where the damaged one lies.
        moved_to: PathBuf,
    },
    /// It cannot be used.
    #[error("the index of known hashes cannot be used, so files are hashed again: {reason}")]
    Unusable {
        /// What the database or the system says.
        reason: String,
    },
}

/// Where the index lies. It is open only while it is used.
#[derive(Debug, Clone)]
pub struct Index {
    path: PathBuf,
}

/// What is remembered of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) signature: Signature,
    /// One for each chunk; none for an empty file.
    pub(crate) hashes: Vec<[u8; 32]>,
}

/// What a look into the index gave.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// For each path that was asked for.
    pub(crate) known: Vec<Option<Known>>,
    /// The keys of records below the folder that nobody asked for.
    pub(crate) others: Vec<Box<[u8]>>,
}

/// What to write, in one transaction.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) put: Vec<(Box<[u8]>, Known)>,
    pub(crate) remove: Vec<Box<[u8]>>,
}

/// A failure inside, before it is known what it means for the user.
#[derive(Debug)]
enum Failure {
    Busy,
    Damaged,
    Other(String),
}

impl Index {
    /// The index in a state directory, which need not exist yet.
    pub fn in_directory(state: &Path) -> Self {
        Self { path: state.join(FILE_NAME) }
    }

    /// What is known of `paths`, sorted, below `root`.
    pub(crate) fn look_up(&self, root: &Path, paths: &[&RelPath]) -> (Found, Option<IndexWarning>) {
        let nothing = || Found { known: vec![None; paths.len()], others: Vec::new() };
        if paths.is_empty() || !self.path.exists() {
            return (nothing(), None);
        }
        match guarded(|| self.read(root, paths)) {
            Ok(found) => (found, None),
            Err(failure) => (nothing(), Some(self.warn(failure))),
        }
    }

    /// Writes all changes in one transaction; does nothing when there is none.
    pub(crate) fn remember(&self, changes: &Changes) -> Option<IndexWarning> {
        if changes.put.is_empty() && changes.remove.is_empty() {
            return None;
        }
        match guarded(|| self.write(changes)) {
            Ok(()) => None,
            Err(Failure::Damaged) => {
                let warning = self.warn(Failure::Damaged);
                let again = guarded(|| self.write(changes));
                Some(again.map_or_else(|failure| self.warn(failure), |()| warning))
            }
            Err(failure) => Some(self.warn(failure)),
        }
    }

    fn read(&self, root: &Path, paths: &[&RelPath]) -> Result<Found, Failure> {
        let opened = patiently(|| builder().open_read_only(&self.path));
        match opened {
            Ok(database) => look_up_in(&database, root, paths),
            // It was not closed in order; to open it for writing repairs it.
            Err(DatabaseError::RepairAborted) => {
                look_up_in(&patiently(|| builder().create(&self.path))?, root, paths)
            }
            Err(e) => Err(e.into()),
        }
    }

    fn write(&self, changes: &Changes) -> Result<(), Failure> {
        if let Some(directory) = self.path.parent() {
            let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
            created.map_err(|e| Failure::Other(format!("{}: {e}", directory.display())))?;
        }
        let database: Database = patiently(|| builder().create(&self.path))?;
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(HASHES)?;
            for key in &changes.remove {
                table.remove(&**key)?;
            }
            for (key, known) in &changes.put {
                table.insert(&**key, &*known.to_bytes())?;
            }
        }
        transaction.commit().map_err(redb::Error::from)?;
        Ok(())
    }

    fn warn(&self, failure: Failure) -> IndexWarning {
        match failure {
            Failure::Busy => IndexWarning::Busy,
            Failure::Other(reason) => IndexWarning::Unusable { reason },
            Failure::Damaged => {
                let moved_to = self.path.with_extension("redb.damaged");
                match std::fs::rename(&self.path, &moved_to) {
                    Ok(()) => IndexWarning::Damaged { moved_to },
                    Err(e) => IndexWarning::Unusable { reason: format!("{}: {e}", self.path.display()) },
                }
            }
        }
    }
}

/// The key of a file below `root`.
pub(crate) fn key_of(root: &Path, path: &RelPath) -> Box<[u8]> {
    let mut key = prefix_of(root);
    key.extend(path.as_str().bytes().map(zero_for_slash));
    key.into()
}

fn prefix_of(root: &Path) -> Vec<u8> {
    let mut key: Vec<u8> = root.as_os_str().as_bytes().iter().copied().map(zero_for_slash).collect();
    if key.last() != Some(&0) {
        key.push(0);
    }
    key
}

fn zero_for_slash(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

impl Known {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signature.to_bytes().to_vec();
        bytes.extend(self.hashes.as_flattened());
        bytes
    }

    /// None when the bytes are no record, or the hashes are not as many as a file of that size has chunks.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (signature, hashes) = bytes.split_first_chunk::<{ Signature::BYTES }>()?;
        let signature = Signature::from_bytes(signature)?;
        let (hashes, rest) = hashes.as_chunks::<32>();
        let expected = Geometry::for_size(signature.size)?.chunk_count() as usize;
        (rest.is_empty() && hashes.len() == expected).then(|| Self { signature, hashes: hashes.to_vec() })
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn patiently<T>(open: impl Fn() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    let started = Instant::now();
    loop {
        match open() {
            Err(DatabaseError::DatabaseAlreadyOpen) if started.elapsed() < PATIENCE => {
                thread::sleep(RETRY_AFTER);
            }
            done => return done,
        }
    }
}

/// The database asserts some of its laws; on a damaged file that must not end the process.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Damaged))
}

fn look_up_in(database: &impl ReadableDatabase, root: &Path, paths: &[&RelPath]) -> Result<Found, Failure> {
    let mut found = Found { known: vec![None; paths.len()], others: Vec::new() };
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(HASHES) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(found),
        table => table?,
    };
    if paths.len() <= SINGLE_LOOKUPS_MAX {
        for (path, known) in paths.iter().zip(&mut found.known) {
            let record = table.get(&*key_of(root, path))?;
            *known = record.and_then(|record| Known::from_bytes(record.value()));
        }
        return Ok(found);
    }
    let prefix = prefix_of(root);
    let mut end = prefix.clone();
    end.pop();
    end.push(1);
    let mut wanted = 0;
    for record in table.range::<&[u8]>(&*prefix..&*end)? {
        let (key, value) = record?;
        let key = key.value();
        match advance(paths, &mut wanted, &key[prefix.len()..]) {
            true => found.known[wanted] = Known::from_bytes(value.value()),
            false => found.others.push(key.into()),
        }
    }
    Ok(found)
}

/// Goes on to the path that is not before `key`; says whether it is it.
fn advance(paths: &[&RelPath], wanted: &mut usize, key: &[u8]) -> bool {
    while let Some(path) = paths.get(*wanted) {
        match path.as_str().bytes().map(zero_for_slash).cmp(key.iter().copied()) {
            Ordering::Less => *wanted += 1,
            other => return other == Ordering::Equal,
        }
    }
    false
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        let is_cut = |e: &io::Error| {
            matches!(
                e.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
            )
        };
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::Busy,
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. } => Self::Damaged,
            redb::Error::Io(e) if is_cut(&e) => Self::Damaged,
            other => Self::Other(other.to_string()),
        }
    }
}

macro_rules! failure_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

failure_from!(DatabaseError, StorageError, TableError, TransactionError);

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn rel(path: &str) -> RelPath {
        RelPath::new(path).unwrap()
    }

    fn known(place: &Path) -> Known {
        let file = fs::File::open(place).unwrap();
        Known { signature: Signature::of(&file).unwrap(), hashes: Vec::new() }
    }

    /// An index that knows some files, and what it knows of each.
    fn filled(place: &tempfile::TempDir, keys: &[(&str, &str)]) -> (Index, Known) {
        fs::write(place.path().join("empty"), "").unwrap();
        let known = known(&place.path().join("empty"));
        let index = Index::in_directory(&place.path().join("state"));
        let put =
            keys.iter().map(|(root, path)| (key_of(root.as_ref(), &rel(path)), known.clone())).collect();
        assert!(index.remember(&Changes { put, remove: Vec::new() }).is_none());
        (index, known)
    }

    #[test]
    fn a_folder_is_told_from_its_neighbours_with_similar_names() {
        let place = tempfile::tempdir().unwrap();
        let inside = ["a", "a-b", "a/b", "z"];
        let mut keys: Vec<_> = inside.map(|path| ("/r/s", path)).into();
        keys.extend([("/r", "s-t"), ("/r", "s"), ("/r/s0", "a"), ("/r/s/z", "more")]);
        let (index, known) = filled(&place, &keys);
        let mut wanted: Vec<RelPath> = ["a/b", "a-b", "z", "b"].map(rel).into();
        wanted.extend((0..SINGLE_LOOKUPS_MAX).map(|number| rel(&format!("none/{number}"))));
        wanted.sort();
        let (found, warning) = index.look_up("/r/s".as_ref(), &wanted.iter().collect::<Vec<_>>());
        assert!(warning.is_none());
        for (path, known_of_it) in wanted.iter().zip(found.known) {
            assert_eq!(known_of_it, inside.contains(&path.as_str()).then(|| known.clone()), "{path}");
        }
        let others: Vec<_> =
            [("/r/s", "a"), ("/r/s/z", "more")].map(|(r, p)| key_of(r.as_ref(), &rel(p))).into();
        assert_eq!(found.others, others);
        let (few, _) = index.look_up("/".as_ref(), &[&rel("r/s/a/b"), &rel("r/s/b")]);
        assert_eq!(few.known, [Some(known), None]);
    }

    #[test]
    fn a_damaged_database_is_moved_aside_and_a_new_one_begun() {
        for (from, to) in
            [(0, 9), (0, 64), (0, 4096), (64, 300), (4096, 8192), (4096, 1 << 20), (8192, 1 << 20)]
        {
            let place = tempfile::tempdir().unwrap();
            let (index, known) = filled(&place, &[("/r", "a")]);
            let mut bytes = fs::read(&index.path).unwrap();
            let to = to.min(bytes.len());
            bytes[from..to].fill(0xa5);
            fs::write(&index.path, &bytes).unwrap();
            let path = rel("a");
            // Whether damage shows at the reading or at the writing depends on what was hit; it never ends in a panic.
            let (found, read_warning) = index.look_up("/r".as_ref(), &[&path]);
            assert!(found.known == [None] || found.known == [Some(known.clone())]);
            let changes =
                Changes { put: vec![(key_of("/r".as_ref(), &path), known.clone())], remove: Vec::new() };
            let write_warning = index.remember(&changes);
            for warning in read_warning.iter().chain(&write_warning) {
                assert!(
                    matches!(warning, IndexWarning::Damaged { moved_to } if moved_to.exists()),
                    "{warning}"
                );
            }
            let (found, warning) = index.look_up("/r".as_ref(), &[&path]);
            assert_eq!((found.known, warning.is_none()), (vec![Some(known)], true), "{from}..{to}");
        }
    }

    #[test]
    fn a_database_that_stays_locked_is_done_without() {
        let place = tempfile::tempdir().unwrap();
        let (index, _) = filled(&place, &[("/r", "a")]);
        let open = Database::open(&index.path).unwrap();
        let (found, warning) = index.look_up("/r".as_ref(), &[&rel("a")]);
        assert!(matches!(warning, Some(IndexWarning::Busy)));
        assert_eq!(found.known, [None]);
        drop(open);
        assert!(index.look_up("/r".as_ref(), &[&rel("a")]).0.known[0].is_some());
    }

    #[test]
    fn many_processes_at_once_all_get_their_turn() {
        let place = tempfile::tempdir().unwrap();
        let (index, known) = filled(&place, &[("/r", "a")]);
        // Each waits for the others for so long and no longer, so there are few of them, for a slow disk.
        thread::scope(|scope| {
            for number in 0..4 {
                let (index, known) = (&index, &known);
                scope.spawn(move || {
                    for round in 0..5 {
                        let key = key_of("/r".as_ref(), &rel(&format!("{number}/{round}")));
                        let changes = Changes { put: vec![(key, known.clone())], remove: Vec::new() };
                        assert!(index.remember(&changes).is_none());
                        assert!(index.look_up("/r".as_ref(), &[&rel("a")]).1.is_none());
                    }
                });
            }
        });
        let all: Vec<RelPath> = (0..20).map(|n| rel(&format!("{}/{}", n / 5, n % 5))).collect();
        let (found, _) = index.look_up("/r".as_ref(), &all.iter().collect::<Vec<_>>());
        assert!(found.known.iter().all(Option::is_some));
    }
}
