//! A lab with folders and content for one test.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::Duration;

use xtask::lab::{Event, Lab, Link, Peer, Rate, Seat, obstacle};
use xtask::stage::{self, Corpus, Scratch, Shape};

use crate::binary::binary;

/// Longer than anything takes here that works, on a busy machine too.
pub(crate) const FINISHED_WITHIN: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;
/// Room for the copies of what is fetched.
const ROOM_BYTES: u64 = 512 * MIB;

/// A lab, and a folder for each of its hosts.
pub(crate) struct Ground {
    /// Before the folders, so that what runs in it ends first.
    lab: Lab,
    homes: Vec<PathBuf>,
    scratch: Scratch,
}

impl Ground {
    /// None, with a word why, where there can be no lab.
    pub(crate) fn new(links: &[Link]) -> Option<Self> {
        Self::with_room(links, ROOM_BYTES)
    }

    /// The same, with room for so many bytes of copies.
    pub(crate) fn with_room(links: &[Link], bytes: u64) -> Option<Self> {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| stage::watch().unwrap());
        if let Some(reason) = obstacle() {
            eprintln!("skipped: {reason}");
            return None;
        }
        let scratch = Scratch::in_memory(&std::env::temp_dir(), bytes).unwrap();
        let home = |number| scratch.folder(&format!("host-{number}")).unwrap();
        let homes = (0..links.len()).map(home).collect();
        Some(Self { lab: Lab::new(links).unwrap(), homes, scratch })
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Where a process runs on that host.
    pub(crate) fn seat(&self, host: usize) -> Seat<'_> {
        Seat { binary: binary(), host: &self.lab.hosts()[host], home: &self.homes[host] }
    }

    /// A file on that host; the same bytes on every host.
    pub(crate) fn file(&self, host: usize, mebibytes: u64) -> Corpus {
        self.named_file(host, "data", mebibytes * MIB)
    }

    /// A file of that name and size on that host; the same bytes on every host.
    pub(crate) fn named_file(&self, host: usize, name: &str, bytes: u64) -> Corpus {
        let folder = self.scratch.folder(&format!("host-{host}/source")).unwrap();
        Corpus::write(&folder, name, Shape::File { bytes }).unwrap()
    }

    /// Fails unless what the host fetched is what was shared.
    #[track_caller]
    pub(crate) fn assert_arrived(&self, host: usize, corpus: &Corpus) {
        stage::same(&corpus.path(), &self.seat(host).output().join(&corpus.name)).unwrap();
    }
}

/// Links of one rate both ways.
pub(crate) fn even(mbit: u32, hosts: usize) -> Vec<Link> {
    vec![Link::even(Rate::mbit(mbit)); hosts]
}

/// Waits until all are done, and looks at the events of all as they come; the events `done`, in the order of the peers.
#[track_caller]
pub(crate) fn wait_for_all(peers: &mut [Peer], look: impl Fn(usize, &Event) + Sync) -> Vec<Event> {
    let look = &look;
    thread::scope(|scope| {
        let waiting: Vec<_> = peers
            .iter_mut()
            .enumerate()
            .map(|(number, peer)| {
                scope.spawn(move || peer.wait_until_done(FINISHED_WITHIN, |event| look(number, event)))
            })
            .collect();
        waiting.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    })
}

/// Waits until so many chunks have come.
pub(crate) fn wait_for_chunks(peer: &mut Peer, count: u64) {
    let mut seen = 0;
    let is_enough = |event: &Event| {
        seen += u64::from(event.is("chunk"));
        (seen >= count).then_some(())
    };
    peer.wait_for("fetch some chunks", FINISHED_WITHIN, is_enough).unwrap();
}

/// How many bytes a fetch got from others.
pub(crate) fn fetched(done: &Event) -> u64 {
    done["from"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap()).sum()
}

/// Changes a byte in each MiB of a file in memory, such that nobody can see it by its times: the kernel notes no time when
/// a page of shared memory is written through a mapping. Whether that could be done here.
pub(crate) fn alter_unseen(path: &Path) -> bool {
    let script = "import mmap, sys\n\
                  with open(sys.argv[1], 'r+b') as file, mmap.mmap(file.fileno(), 0) as view:\n \
                  for at in range(0, len(view), 1 << 16): view[at] ^= 1";
    let ended = std::process::Command::new("python3").args(["-c", script]).arg(path).status();
    ended.is_ok_and(|status| status.success())
}
