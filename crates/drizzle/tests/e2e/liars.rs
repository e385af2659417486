//! Peers that lie: alone they bring a fetch to its end with a clear word and leave nothing; beside an honest
//! one they cost a moment.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use drizzle_model::Invite;
use rustix::process::Signal;

use crate::support::folder::{assert_no_diff, assert_nothing_under_a_name};
use crate::support::home::Home;
use crate::support::lie::Lie;
use crate::support::noise;
use crate::support::peer::Peer;
use crate::support::process::{Ended, text};
use crate::support::raw_manifest::RawManifest;
use crate::support::swarm::{Sharer, Tracker};
use crate::support::wares::Wares;
use crate::support::words;

/// Many chunks, the last one no whole one, so that a false size shows.
const SIZE: usize = (2 << 20) + 12_345;
/// Whoever has nobody but liars is done with them in so long, on a busy machine too.
const ALONE_MAX: Duration = Duration::from_secs(40);

/// Another content for each lie: who has it is asked by its hash.
fn data(lie: Lie) -> Vec<u8> {
    noise::bytes(SIZE, 7 + lie as u64)
}

/// All at once, since most of them wait for somebody. What is wrong with any of them is told of all.
fn each(lies: &[Lie], of: impl Fn(Lie) -> Result<(), String> + Sync) {
    let wrong: Vec<String> = thread::scope(|scope| {
        let of = &of;
        let running: Vec<_> = lies.iter().map(|&lie| scope.spawn(move || of(lie))).collect();
        running
            .into_iter()
            .filter_map(|thread| thread.join().unwrap_or_else(|panic| Err(message(&panic))).err())
            .collect()
    });
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), lies.len(), wrong.join("\n\n"));
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned())
}

/// The peer that the other tests make lie is understood when it does not. Without this, they could show that
/// it speaks another language.
#[test]
fn a_peer_of_another_hand_is_understood() {
    let (tracker, here) = (Tracker::start(), Home::new());
    let file = Wares::file("data", data(Lie::None));
    let manifest = RawManifest::default().directory("d").file("d/f", b"in a folder").link("l", "d/f");
    let folder = Wares::folder("folder", manifest.bytes(), manifest.files.clone());
    let links = [file.link(&tracker.invite()), folder.link(&tracker.invite())];
    let peers = [file, folder].map(|wares| Peer::start(&tracker.invite(), wares, Lie::None));
    let got = here.run(words!["get", &links[0], &links[1], "-o", here.out()]);
    got.assert_code(0);
    assert_eq!(fs::read(here.out().join("data")).unwrap(), data(Lie::None));
    assert_eq!(fs::read(here.out().join("folder/l")).unwrap(), b"in a folder");
    let from: BTreeSet<_> =
        got.all("done").iter().flat_map(|done| done["from"].as_object().unwrap().keys()).collect();
    let ids = peers.each_ref().map(|peer| peer.id.to_string());
    assert_eq!(from, BTreeSet::from_iter(&ids));
}

/// How a fetch may end that has nobody but one liar.
const OF_CONTENT: &[i32] = &[4];
const OF_PROTOCOL: &[i32] = &[4, 5];
const OF_SILENCE: &[i32] = &[5];
const OF_ADMISSION: &[i32] = &[5, 7];

/// Fetches from each liar alone, and fails unless each fetch ends in time, with one of the codes, and leaves
/// nothing.
fn assert_alone(expected: &[(Lie, &[i32])]) {
    let tracker = Tracker::start();
    let (lies, invite): (Vec<Lie>, _) = (expected.iter().map(|(lie, _)| *lie).collect(), tracker.invite());
    each(&lies, |lie| {
        let here = Home::new();
        let wares = Wares::file(&format!("{lie:?}"), data(lie));
        let link = wares.link(&invite);
        let _peer = Peer::start(&invite, wares, lie);
        let (_, codes) = expected.iter().find(|(of, _)| *of == lie).unwrap();
        // Who may be silent ends it by patience alone. A lie ends it by being heard, and has all the time for that.
        let impatient = if *codes == OF_CONTENT { words![] } else { words!["--patience", "4"] };
        let got = here.start_get(&link, impatient).end();
        assert_nothing_under_a_name(&here.out());
        let is_right = got.code.is_some_and(|code| codes.contains(&code)) && got.took < ALONE_MAX;
        if is_right { Ok(()) } else { Err(format!("{lie:?}: expected one of {codes:?}: {got:?}")) }
    });
}

/// S0.10, S4.4: with nobody else, a fetch from a liar ends in bounded time: with 4 where something false was
/// told of the content, with 4 or 5 where the protocol was broken, with 5 where nothing came. Would fail if
/// it hung, or put anything under the file's name.
#[test]
fn a_liar_alone_brings_nothing() {
    assert_alone(&[
        (Lie::GarbageBeforeTls, OF_PROTOCOL),
        (Lie::SilentBeforeTls, OF_SILENCE),
        (Lie::SilentAfterTls, OF_SILENCE),
        (Lie::HangsUp, OF_SILENCE),
        (Lie::FalseTicket, OF_ADMISSION),
        (Lie::EndlessFrame, OF_PROTOCOL),
        (Lie::EndlessTalk, OF_PROTOCOL),
        (Lie::FalseCount, OF_CONTENT),
        (Lie::SizeUp, OF_CONTENT),
        (Lie::SizeDown, OF_CONTENT),
        (Lie::FalseHashes, OF_CONTENT),
        (Lie::OtherHashes, OF_PROTOCOL),
        (Lie::WrongBytes, OF_CONTENT),
        (Lie::TooLong, OF_CONTENT),
        (Lie::Unasked, OF_PROTOCOL),
    ]);
}

/// S0.10: bytes that come and never make a chunk are no reason to go on waiting for ever.
#[test]
fn a_liar_that_drips_brings_nothing() {
    assert_alone(&[(Lie::TooShort, OF_PROTOCOL), (Lie::Gap, OF_PROTOCOL), (Lie::SilentInChunk, OF_SILENCE)]);
}

/// One fetch with a liar and an honest source, which answers only after `until`.
fn beside_an_honest_one(invite: &Invite, lie: Lie, until: fn(&Peer)) -> (Ended, String) {
    let (there, here) = (Home::new(), Home::new());
    let name = format!("{lie:?}");
    let file = there.file(&name, &data(lie));
    let wares = Wares::file(&name, data(lie));
    let link = wares.link(invite);
    let honest = Sharer::start_with(&there, &file, words!["--tracker", invite.to_string()]);
    honest.process.signal(Signal::STOP);
    let liar = Peer::start(invite, wares, lie);
    let get = here.start_get(&link, words!["--refresh", "1"]);
    until(&liar);
    honest.process.signal(Signal::CONT);
    let got = get.end();
    got.assert_code(0);
    assert_no_diff(&file, &here.out().join(&name));
    (got, liar.id.to_string())
}

/// Fails unless each fetch completes beside an honest source, and names the liar just where that is expected. Where it
/// is, the honest source answers only after the fetch hung up on the liar: who was not judged in time is not named.
fn assert_beside(lies: &[Lie], is_named: bool) {
    let tracker = Tracker::start();
    let invite = tracker.invite();
    let until = if is_named { Peer::was_hung_up_on } else { Peer::has_lied };
    each(lies, |lie| {
        let (got, liar) = beside_an_honest_one(&invite, lie, until);
        let named: BTreeSet<_> = got.all("refused").iter().map(|refused| text(&refused["peer"])).collect();
        let expected = BTreeSet::from_iter(is_named.then_some(liar));
        if named == expected {
            Ok(())
        } else {
            Err(format!("{lie:?}: {expected:?} should be refused: {got:?}"))
        }
    });
}

/// S1.8: beside an honest source the file completes although the other one says nothing, or nothing of use.
/// Would fail if such a one were waited for, or if an honest one were blamed.
#[test]
fn who_says_nothing_beside_an_honest_peer_only_costs_a_moment() {
    let silent = [
        Lie::GarbageBeforeTls,
        Lie::SilentBeforeTls,
        Lie::SilentAfterTls,
        Lie::HangsUp,
        Lie::FalseTicket,
        Lie::SilentInChunk,
        Lie::TooShort,
    ];
    assert_beside(&silent, false);
}

/// S4.4: beside an honest source the file completes, and whoever sent something else than it has is named.
/// Would fail if the wrong chunk were kept, or the honest one blamed.
#[test]
fn who_sends_something_false_beside_an_honest_peer_is_named() {
    assert_beside(&[Lie::WrongBytes, Lie::TooLong], true);
}

/// S1.8, S4.4: so it is with whoever tells something false of the content before any of it is asked for, or
/// breaks the protocol. Would fail if what one peer says of a content were held against another.
#[test]
fn who_tells_something_false_beside_an_honest_peer_costs_a_moment() {
    let tracker = Tracker::start();
    let invite = tracker.invite();
    each(TOLD, |lie| {
        let (got, liar) = beside_an_honest_one(&invite, lie, Peer::has_lied);
        let others: Vec<_> =
            got.all("refused").into_iter().filter(|refused| refused["peer"] != liar).collect();
        if others.is_empty() { Ok(()) } else { Err(format!("{lie:?}: an honest peer is refused: {got:?}")) }
    });
}

/// The same, and the liar is named.
#[test]
fn who_tells_something_false_beside_an_honest_peer_is_named() {
    assert_beside(TOLD, true);
}

/// What is false about the content before any of it is asked for, and what is against the protocol.
const TOLD: &[Lie] = &[
    Lie::EndlessFrame,
    Lie::EndlessTalk,
    Lie::FalseCount,
    Lie::SizeUp,
    Lie::SizeDown,
    Lie::FalseHashes,
    Lie::OtherHashes,
    Lie::Gap,
    Lie::Unasked,
];

/// B3, S4.4: the same within folders, where many small files are one chunk: one wrong byte in any of them, or in the
/// manifest, and neither that file nor anything that the manifest names is believed.
#[test]
fn a_folder_with_one_wrong_byte_is_not_believed() {
    let (tracker, here) = (Tracker::start(), Home::new());
    let manifest = RawManifest::default().directory("d").file("d/f", b"in a folder").file("d/g", b"as well");
    let wares = Wares::folder("folder", manifest.bytes(), manifest.files.clone());
    let link = wares.link(&tracker.invite());
    for lie in [Lie::WrongBytes, Lie::WrongFiles] {
        let liar = Peer::start(&tracker.invite(), wares.clone(), lie);
        here.get(&link).assert_error(4, "integrity", "folder");
        // The other file is right by its own hash, and may be there.
        assert!(!here.out().join("folder/d/f").exists(), "{lie:?}");
        let honest = Peer::start(&tracker.invite(), wares.clone(), Lie::None);
        let got = here.get(&link);
        got.assert_code(0);
        assert_eq!(
            got.only("done")["from"].as_object().unwrap().keys().collect::<Vec<_>>(),
            [&honest.id.to_string()]
        );
        assert_eq!(fs::read(here.out().join("folder/d/g")).unwrap(), b"as well");
        fs::remove_dir_all(here.out()).unwrap();
        drop(liar);
    }
}

/// S4.4, S4.6: a file changes under the one who shares it. It is refused and named; alone the fetch ends with
/// 4 and nothing is left, beside an honest source it completes. Would fail if what is there now were sent as
/// what was shared.
#[test]
fn a_file_that_changed_after_it_was_shared_is_refused() {
    let tracker = Tracker::start();
    let (changing, honest, here) = (Home::new(), Home::new(), Home::new());
    let bytes = noise::bytes(SIZE, 99);
    let (file, same) = (changing.file("data", &bytes), honest.file("data", &bytes));
    let mut changed = Sharer::start_at(&tracker, &changing, &file);
    let mut other = bytes.clone();
    other[SIZE / 2] ^= 1;
    fs::write(&file, other).unwrap();
    let alone = here.get(&changed.link());
    alone.assert_error(4, "integrity", "data");
    assert_eq!(alone.only("refused")["peer"], changed.peer);
    assert_nothing_under_a_name(&here.out());
    changed.process.until_said("no longer");
    let _honest = Sharer::start_at(&tracker, &honest, &same);
    here.get(&changed.link()).assert_code(0);
    assert_no_diff(&same, &here.out().join("data"));
}
