//! What is transferred: one large file, a folder of many small ones, a huge file that is mostly holes.
//!
//! The bytes are BLAKE3's extended output, the same in every run: nothing compresses, and no two blocks are alike.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::RunError;

const BLOCK_BYTES: usize = 1 << 20;

/// A file or a folder of that name, in a folder where nothing else is.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The folder that it lies in.
    pub parent: PathBuf,
    /// Its name there.
    pub name: String,
    /// What it looks like.
    pub shape: Shape,
}

/// What it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One file.
    File {
        /// Its size.
        bytes: u64,
    },
    /// One block of data at the start of each stretch, and a hole up to the next.
    SparseFile {
        /// Its size, holes included.
        bytes: u64,
        /// From one block of data to the next.
        stretch_bytes: u64,
    },
    /// Files of one size, spread over folders.
    Folder {
        /// How many files.
        files: u32,
        /// In how many folders.
        sub_folders: u32,
        /// The size of each file.
        file_bytes: u32,
    },
}

impl Corpus {
    /// Writes it below `parent`.
    pub fn write(parent: &Path, name: &str, shape: Shape) -> Result<Self, RunError> {
        let corpus = Self { parent: parent.to_owned(), name: name.to_owned(), shape };
        let path = corpus.path();
        let mut noise = Noise::new(name);
        let written = match shape {
            Shape::File { bytes } => write_file(&path, bytes, &mut noise),
            Shape::SparseFile { bytes, stretch_bytes } => {
                write_sparse_file(&path, bytes, stretch_bytes, &mut noise)
            }
            Shape::Folder { file_bytes, .. } => corpus
                .files()
                .iter()
                .try_for_each(|file| write_small_file(&parent.join(file), file_bytes, &mut noise)),
        };
        written.map_err(RunError::disk("write", &path))?;
        Ok(corpus)
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// All files, by their paths from `parent`.
    pub fn files(&self) -> Vec<PathBuf> {
        let Shape::Folder { files, sub_folders, .. } = self.shape else {
            return vec![PathBuf::from(&self.name)];
        };
        let path = |file| {
            Path::new(&self.name)
                .join(format!("folder-{:03}", file % sub_folders))
                .join(format!("file-{file:05}"))
        };
        (0..files).map(path).collect()
    }
}

impl Shape {
    /// Content bytes, holes included.
    pub fn bytes(self) -> u64 {
        match self {
            Self::File { bytes } | Self::SparseFile { bytes, .. } => bytes,
            Self::Folder { files, file_bytes, .. } => u64::from(files) * u64::from(file_bytes),
        }
    }
}

struct Noise(blake3::OutputReader);

impl Noise {
    fn new(seed: &str) -> Self {
        Self(blake3::Hasher::new_derive_key("drizzle benchmark data").update(seed.as_bytes()).finalize_xof())
    }

    fn block(&mut self, bytes: usize) -> Vec<u8> {
        let mut block = vec![0; bytes];
        self.0.fill(&mut block);
        block
    }
}

fn write_file(path: &Path, bytes: u64, noise: &mut Noise) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut left = bytes;
    while left > 0 {
        let block = noise.block(usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES));
        file.write_all(&block)?;
        left -= block.len() as u64;
    }
    file.flush()
}

fn write_sparse_file(path: &Path, bytes: u64, stretch_bytes: u64, noise: &mut Noise) -> std::io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes)?;
    for at in (0..bytes / stretch_bytes).map(|stretch| stretch * stretch_bytes) {
        file.write_all_at(&noise.block(BLOCK_BYTES), at)?;
    }
    Ok(())
}

fn write_small_file(path: &Path, bytes: u32, noise: &mut Noise) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, noise.block(bytes as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_shapes_are_what_they_say_and_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = Corpus::write(dir.path(), "file", Shape::File { bytes: 3_000_001 }).unwrap();
        let first = fs::read(file.path()).unwrap();
        assert_eq!(first.len(), 3_000_001);
        Corpus::write(dir.path(), "file", file.shape).unwrap();
        assert!(first == fs::read(file.path()).unwrap(), "a second writing gives other bytes");

        let shape = Shape::Folder { files: 25, sub_folders: 10, file_bytes: 100 };
        let folder = Corpus::write(dir.path(), "folder", shape).unwrap();
        assert_eq!((folder.files().len(), fs::read_dir(folder.path()).unwrap().count()), (25, 10));
        let sizes = folder.files().into_iter().map(|path| fs::metadata(dir.path().join(path)).unwrap().len());
        assert_eq!(sizes.sum::<u64>(), shape.bytes());
    }

    #[test]
    fn the_sparse_file_takes_little_room() {
        let dir = tempfile::tempdir().unwrap();
        let shape = Shape::SparseFile { bytes: 64 << 20, stretch_bytes: 16 << 20 };
        let found = fs::metadata(Corpus::write(dir.path(), "sparse", shape).unwrap().path()).unwrap();
        assert_eq!(found.len(), 64 << 20);
        assert!((4 << 20..=8 << 20).contains(&(found.blocks() * 512)), "{} blocks", found.blocks());
    }
}
