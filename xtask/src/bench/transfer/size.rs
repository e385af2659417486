//! How much is transferred: what the figures are asked for, or a quick look.

use crate::stage::Shape;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How many MiB of the huge file are data; the rest is holes.
const HUGE_FILE_BLOCKS: u64 = 128;
/// Room for what programs keep beside the content.
const ROOM_BESIDE_BYTES: u64 = 512 * MIB;

/// A full run or a quick one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Full,
    Quick,
}

impl Size {
    pub(crate) fn file(self) -> Shape {
        Shape::File { bytes: self.pick(GIB, 64 * MIB) }
    }

    pub(crate) fn folder(self) -> Shape {
        let (files, sub_folders) = self.pick((10_000, 100), (1_000, 10));
        Shape::Folder { files, sub_folders, file_bytes: 4 * KIB as u32 }
    }

    pub(crate) fn huge_file(self) -> Shape {
        let bytes = self.pick(16 * GIB, 256 * MIB);
        Shape::SparseFile { bytes, stretch_bytes: bytes / HUGE_FILE_BLOCKS }
    }

    /// Source and target of the file, and of the folder, whose files take a page and an inode each.
    pub(crate) fn memory_needed(self) -> u64 {
        2 * self.file().bytes() + 4 * self.folder().bytes() + ROOM_BESIDE_BYTES
    }

    /// The target, whose holes may have been filled, and what the source holds.
    pub(crate) fn disk_needed(self) -> u64 {
        self.huge_file().bytes() + HUGE_FILE_BLOCKS * MIB + ROOM_BESIDE_BYTES
    }

    fn pick<T>(self, full: T, quick: T) -> T {
        if self == Self::Full { full } else { quick }
    }
}
