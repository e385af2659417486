//! What the tests of the disk share: folders with everything in them, a pump that plays the network, and snapshots.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use drizzle_model::{Bitmap, ChunkIndex, RelPath};
use drizzle_store::{Download, Index, Place, Progress, Shared, Source, Verdict};

/// How much the network gives at once.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

pub(crate) struct World {
    pub(crate) place: tempfile::TempDir,
    pub(crate) index: Index,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let index = Index::in_directory(&place.path().join("state"));
        Self { place, index }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn share(&self, name: &str) -> Shared {
        Shared::of_path(&self.path(name), None, &self.index, &Progress::default()).unwrap()
    }

    pub(crate) fn download(&self, shared: &Shared, target: &str) -> Arc<Download> {
        let place = Place { directory: self.path(target), partial: None };
        open(shared, &place, &self.index)
    }
}

pub(crate) fn open(shared: &Shared, place: &Place, index: &Index) -> Arc<Download> {
    Arc::new(Download::open(shared.content().clone(), place, index, &Progress::default()).unwrap())
}

pub(crate) fn rel(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

/// Bytes that differ everywhere, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut noise: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    noise.truncate(bytes);
    noise
}

pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    age(path, 1_000_000_000 + u64::from(bytes.len() as u32), 123_456_789);
}

/// Sets the modification time.
pub(crate) fn age(path: &Path, seconds: u64, nanoseconds: u32) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// A folder with every kind of thing: big and small files, empty ones, links, odd names and modes.
pub(crate) fn make_folder(root: &Path) {
    write(&root.join("big"), &noise(1, 3_000_001), 0o644);
    write(&root.join("big-exact"), &noise(2, 4 << 16), 0o640);
    write(&root.join("one-chunk"), &noise(3, 65_536), 0o600);
    write(&root.join("empty"), b"", 0o444);
    write(&root.join(".hidden"), b"seen", 0o755);
    write(&root.join("odd/a b\n'ü$.txt"), b"odd", 0o604);
    for number in 0..330 {
        write(
            &root.join(format!("many/{}/{number}", number % 7)),
            &noise(number, number as usize * 10),
            0o664,
        );
    }
    fs::create_dir_all(root.join("bare/inner")).unwrap();
    symlink("../big", root.join("odd/link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    fs::set_permissions(root.join("bare"), fs::Permissions::from_mode(0o555)).unwrap();
    for (folder, seconds) in [("bare/inner", 5), ("many/3", 6), ("odd", 7), ("", 8)] {
        age(&root.join(folder), 1_100_000_000 + seconds, 1);
    }
}

/// A thing's mode, modification time and content.
pub(crate) type Look = (u32, i64, i64, Vec<u8>);

/// Everything below a folder, and the folder itself. Link modes mean nothing, so they are left out.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Look> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let stat = fs::symlink_metadata(&path).unwrap();
        let (mode, content) = if stat.is_symlink() {
            (0, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes())
        } else if stat.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            (stat.mode(), Vec::new())
        } else {
            (stat.mode(), fs::read(&path).unwrap())
        };
        let look = (mode, stat.mtime(), stat.mtime_nsec(), content);
        all.insert(path.strip_prefix(root).unwrap().to_path_buf(), look);
    }
    all
}

/// A chunk as the source gives it, read in pieces.
pub(crate) fn read_chunk(source: &dyn Source, chunk: ChunkIndex) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    while (bytes.len() as u64) < source.chunk_bytes(chunk) {
        let count = source.read(chunk, bytes.len() as u64, &mut piece).unwrap();
        assert!(count > 0, "a source must not stand still");
        bytes.extend_from_slice(&piece[..count]);
    }
    bytes
}

/// Sends one chunk, in pieces.
pub(crate) fn send(download: &Arc<Download>, chunk: ChunkIndex, bytes: &[u8]) -> Verdict {
    let mut sink = download.begin(chunk).unwrap();
    for piece in bytes.chunks(PIECE_BYTES) {
        sink.write(piece).unwrap();
    }
    sink.finish().unwrap()
}

/// Sends all chunks that are missing; says which.
pub(crate) fn fetch(source: &dyn Source, download: &Arc<Download>) -> Bitmap {
    let mut fetched = Bitmap::empty(download.content().chunk_count());
    for chunk in download.verified().missing() {
        let bytes = read_chunk(source, chunk);
        assert_eq!(send(download, chunk, &bytes), Verdict::Verified, "chunk {chunk}");
        fetched.insert(chunk);
    }
    fetched
}
