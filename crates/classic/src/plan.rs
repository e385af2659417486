//! What a synchronizer does next: which files to fetch, and what to say to the tracker. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drizzle_model::Mtime;

use crate::folder::LocalFile;
use crate::limits::{AHEAD_MAX, AT_REST_AFTER, FILES_PER_PEER_MAX};
use crate::message::{DirectoryMessage, Entry, OwnFile};
use crate::name::Name;
use crate::stamp::Stamp;

/// The files of the folder.
pub(crate) type Files = BTreeMap<Name, LocalFile>;

/// What earlier fetches brought: the time as the directory had it, and the file as it lay there then. A disk may keep times
/// less exactly than they were told, and such a file would be fetched for ever.
#[derive(Debug, Default)]
pub(crate) struct Brought(BTreeMap<Name, (Stamp, LocalFile)>);

impl Brought {
    pub(crate) fn note(&mut self, name: Name, told: Stamp, lies: LocalFile) {
        self.0.insert(name, (told, lies));
    }

    /// The time of a file of the folder.
    pub(crate) fn stamp(&self, name: &Name, file: &LocalFile) -> Stamp {
        match self.0.get(name) {
            Some((told, lies)) if lies == file => told.clone(),
            _ => file.stamp(),
        }
    }

    fn holds(&self, name: &Name, file: &LocalFile) -> bool {
        self.0.get(name).is_some_and(|(_, lies)| lies == file)
    }
}

/// The entries that are newer than what is here, and that a file can be as new as. `own` is where this peer serves, as the tracker may name it.
pub(crate) fn wanted<'a>(
    directory: &'a DirectoryMessage,
    files: &Files,
    brought: &Brought,
    own: SocketAddr,
) -> Vec<(&'a Name, &'a Entry)> {
    let is_newer = |name: &Name, entry: &Entry| {
        let is_newer = |file| entry.mtime.is_newer_than(&brought.stamp(name, file));
        entry.mtime.mtime().is_some() && files.get(name).is_none_or(is_newer)
    };
    let of_others = directory.files.iter().filter(|(_, entry)| entry.address != own);
    of_others.filter(|(name, entry)| is_newer(name, entry)).collect()
}

/// What to say to the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// All the files, on the connection that is there.
    Files(Vec<OwnFile>),
    /// Only that this peer lives.
    Keepalive,
    /// All the files, but on a new connection: this tracker expects them at its beginning alone.
    Anew,
}

/// What to say after the first message, in which `told` was said, when there is `own` now.
///
/// To a tracker that takes lists at any time whatever is different here. To another one only what others would miss, since it
/// costs a connection: a file that the directory does not have, or not as new, and that it was not told.
pub(crate) fn next_word(told: &[OwnFile], own: Vec<OwnFile>, directory: &DirectoryMessage) -> Say {
    if directory.takes_lists {
        return if own == told { Say::Keepalive } else { Say::Files(own) };
    }
    let is_missed = |file: &OwnFile| {
        let entry = directory.files.get(&file.name);
        entry.is_none_or(|entry| file.mtime.is_newer_than(&entry.mtime)) && !told.contains(file)
    };
    if own.iter().any(is_missed) { Say::Anew } else { Say::Keepalive }
}

/// The files as they are told, when it is `now`; no more than a tracker takes.
///
/// What is still being written is not told. Others would fetch the half of it, as new as this moment; and when the writer then
/// gives it the older time of its original, as copying programs do, the half would come back here as the newer one.
pub(crate) fn own_files(files: &Files, brought: &Brought, now: Mtime) -> Vec<OwnFile> {
    let may_be_told =
        |name: &Name, file: &LocalFile| brought.holds(name, file) || is_at_rest(file.mtime, now);
    let own = files
        .iter()
        .filter(|(name, file)| may_be_told(name, file))
        .map(|(name, file)| OwnFile { name: name.clone(), mtime: brought.stamp(name, file) });
    own.take(FILES_PER_PEER_MAX).collect()
}

fn is_at_rest(mtime: Mtime, now: Mtime) -> bool {
    let nanoseconds =
        |time: Mtime| i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanoseconds());
    let age = nanoseconds(now) - nanoseconds(mtime);
    age >= AT_REST_AFTER.as_nanos() as i128 || -age > AHEAD_MAX.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> SocketAddr {
        "127.0.0.1:1".parse().unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn file(seconds: i64) -> LocalFile {
        LocalFile { mtime: Mtime::from_seconds(seconds), size: 1 }
    }

    fn files(of: &[(&str, i64)]) -> Files {
        of.iter().map(|(text, seconds)| (name(text), file(*seconds))).collect()
    }

    fn directory(of: &[(&str, &str, &str)]) -> DirectoryMessage {
        let entry = |(text, address, mtime): &(&str, &str, &str)| {
            let mtime = Stamp::parse(mtime).unwrap();
            (name(text), Entry { address: address.parse().unwrap(), mtime, is_unframed: false })
        };
        DirectoryMessage { files: of.iter().map(entry).collect(), ..DirectoryMessage::default() }
    }

    /// S2.5: what is newer elsewhere, and nothing else.
    #[test]
    fn what_is_newer_elsewhere_is_wanted() {
        let directory = directory(&[
            ("new", "127.0.0.1:2", "10"),
            ("newer", "127.0.0.1:2", "10.5"),
            ("same", "127.0.0.1:2", "10.0"),
            ("older", "127.0.0.1:2", "9"),
            ("own", "127.0.0.1:1", "99"),
            ("of no time", "127.0.0.1:2", "1e300"),
        ]);
        let here = files(&[("newer", 10), ("same", 10), ("older", 10)]);
        let wanted = wanted(&directory, &here, &Brought::default(), own());
        assert_eq!(wanted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["new", "newer"]);
    }

    /// On a disk that keeps whole seconds a file would be fetched again for ever.
    #[test]
    fn a_disk_with_coarse_times_fetches_once() {
        let directory = directory(&[("a", "127.0.0.1:2", "10.5")]);
        let mut brought = Brought::default();
        brought.note(name("a"), Stamp::parse("10.5").unwrap(), file(10));
        assert!(wanted(&directory, &files(&[("a", 10)]), &brought, own()).is_empty());
        assert_eq!(wanted(&directory, &files(&[("a", 9)]), &brought, own()).len(), 1, "another file by now");
    }

    #[test]
    fn a_tracker_hears_of_changes_in_the_way_it_understands() {
        let none = Brought::default();
        let own = |files: &Files| own_files(files, &none, Mtime::from_seconds(1000));
        let told = own(&files(&[("a", 10)]));
        let mut known = directory(&[("a", "127.0.0.1:1", "10"), ("b", "127.0.0.1:2", "5")]);
        let word = |files: &Files, directory: &DirectoryMessage| next_word(&told, own(files), directory);
        assert_eq!(word(&files(&[("a", 10)]), &known), Say::Keepalive);
        assert_eq!(word(&files(&[("a", 10), ("b", 5)]), &known), Say::Keepalive, "b is known from another");
        assert_eq!(word(&files(&[("a", 10), ("c", 5)]), &known), Say::Anew);
        assert_eq!(word(&files(&[("a", 11)]), &known), Say::Anew);
        // One that it does not take over is told once.
        assert_eq!(word(&files(&[("a", 10)]), &directory(&[])), Say::Keepalive);
        known.takes_lists = true;
        assert!(matches!(word(&files(&[("a", 10), ("b", 5)]), &known), Say::Files(_)));
        assert_eq!(word(&files(&[("a", 10)]), &known), Say::Keepalive);
    }

    /// A copy that keeps its original's time is as new as now until it is whole. Told of by then, half of it would come back as the
    /// newer file, over the whole one.
    #[test]
    fn what_is_being_written_is_not_told() {
        let mut brought = Brought::default();
        brought.note(name("fetched"), Stamp::parse("1000").unwrap(), file(1000));
        let here = files(&[
            ("fetched", 1000),
            ("growing", 999),
            ("old", 998),
            ("of another clock", 1050),
            ("of 2100", 4_102_444_800),
        ]);
        let told = own_files(&here, &brought, Mtime::from_seconds(1000));
        let names: Vec<_> = told.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["fetched", "of 2100", "old"]);
        let later = own_files(&here, &brought, Mtime::from_seconds(1052));
        assert_eq!(later.len(), here.len(), "all are at rest by now");
    }
}
