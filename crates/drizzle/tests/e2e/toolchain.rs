//! Real folders: the Rust toolchain that runs here, a slice of it or the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::folder::{assert_no_diff, assert_same_listing, listing};
use crate::support::home::Home;
use crate::support::process::number;
use crate::support::swarm::Sharer;

/// Asks for the whole; see the top of this program.
const WHOLE: &str = "DRIZZLE_E2E_WHOLE";
/// The slice holds so many files and bytes at most.
const FILES_MAX: usize = 600;
const BYTES_MAX: u64 = 100 << 20;

fn sysroot() -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end()))
}

/// Copies what comes first in the order of names, with its times.
fn copy_slice(from: &Path, to: &Path) {
    let (mut files, mut bytes) = (0, 0);
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let mut entries: Vec<_> = fs::read_dir(from.join(&path)).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        fs::create_dir_all(to.join(&path)).unwrap();
        for entry in entries {
            let (kind, path) = (entry.file_type().unwrap(), path.join(entry.file_name()));
            let size = entry.metadata().unwrap().len();
            if kind.is_dir() {
                waiting.insert(0, path);
            } else if kind.is_file() && files < FILES_MAX && bytes + size <= BYTES_MAX {
                fs::copy(entry.path(), to.join(path)).unwrap();
                (files, bytes) = (files + 1, bytes + size);
            }
        }
    }
}

/// B3: a tree as programs make it, with files of all sizes, is the same at the other end; a second fetch
/// brings nothing. Would fail for whatever the made-up folders of the other tests do not think of.
#[test]
fn the_toolchain_arrives() {
    let Some(sysroot) = sysroot() else { return eprintln!("skipped, since there is no rustc here") };
    let (there, here) = (Home::new(), Home::new());
    let is_whole = std::env::var_os(WHOLE).is_some();
    let top = if is_whole { sysroot.clone() } else { there.join("toolchain") };
    if !is_whole {
        copy_slice(&sysroot, &top);
    }
    let sharer = Sharer::start(&there, &top);
    let got = here.get(&sharer.link());
    got.assert_code(0);
    let done = got.only("done");
    println!("{} bytes in {} chunks took {} s", done["size"], sharer.shared["chunks"], done["seconds"]);
    assert_eq!(got.fetched(), number(&sharer.shared["size"]));
    let received = here.out().join(top.file_name().unwrap());
    assert_no_diff(&top, &received);
    if !is_whole {
        // All in memory at once; too much for the whole.
        assert_same_listing(&listing(&top), &listing(&received));
    }
    assert_eq!(here.get(&sharer.link()).assert_code(0).fetched(), 0);
}
