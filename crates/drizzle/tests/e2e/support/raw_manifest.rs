//! Manifests written byte by byte, as the protocol's page describes them: so also those that no honest
//! program writes.

use super::wares::Goods;

/// Permission bits, seconds and nanoseconds of everything in these manifests.
const METADATA: [u8; 14] = [0xed, 0x01, 0, 0xd2, 0x49, 0x6b, 0, 0, 0, 0, 0, 0, 0, 0];

/// A manifest, and the content of its files by entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawManifest {
    entries: Vec<u8>,
    count: u32,
    pub(crate) files: Vec<Vec<u8>>,
}

impl RawManifest {
    pub(crate) fn directory(self, path: &str) -> Self {
        self.entry(path, 0, &[], &[])
    }

    /// A file of one chunk at most.
    pub(crate) fn file(self, path: &str, bytes: &[u8]) -> Self {
        let goods = Goods::new(bytes.to_vec());
        let rest = [&(bytes.len() as u64).to_le_bytes()[..], goods.hash.as_bytes()].concat();
        self.entry(path, 1, &rest, bytes)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(path, 2, &text(target), &[])
    }

    fn entry(mut self, path: &str, kind: u8, rest: &[u8], content: &[u8]) -> Self {
        self.entries.extend([&text(path)[..], &METADATA, &[kind], rest].concat());
        self.files.push(content.to_vec());
        self.count += 1;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let version = 1u16.to_le_bytes();
        [b"drizzle manifest", &version[..], &METADATA, &self.count.to_le_bytes(), &self.entries].concat()
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}
