//! Ways out of the target folder, in what is fetched and in what lies there already: none is taken.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::folder::{assert_nothing_under_a_name, listing};
use crate::support::home::Home;
use crate::support::lie::Lie;
use crate::support::peer::Peer;
use crate::support::process::text;
use crate::support::raw_manifest::RawManifest;
use crate::support::swarm::{Sharer, Tracker};
use crate::support::wares::Wares;

/// Paths that would leave the target, as only a hostile program writes them. Would fail if one of them were
/// followed, or if the part of the folder that is harmless were taken: what is wrong is its maker's whole.
#[test]
fn a_manifest_that_leaves_its_folder_is_refused() {
    let tracker = Tracker::start();
    let empty = RawManifest::default;
    let manifests = [
        empty().file("../evil", b"x"),
        empty().directory("..").file("../evil", b"x"),
        empty().file("/tmp/drizzle-evil", b"x"),
        empty().directory("a").file("a/../../evil", b"x"),
        empty().file("a/./b", b"x"),
        empty().file("", b"x"),
        empty().file("a\0b", b"x"),
        empty().file("a//b", b"x"),
        empty().link("l", "/tmp").file("l/evil", b"x"),
        empty().link("l", "..").file("l/evil", b"x"),
        empty().file("a", b"x").file("a", b"y"),
        empty().file("b", b"x").file("a", b"y"),
        empty().file("no parent/evil", b"x"),
        empty().file(&"n".repeat(256), b"x"),
        empty().file("\u{1}", b"x").link("z", ""),
    ];
    let outside = Path::new("/tmp/drizzle-evil");
    for (n, manifest) in manifests.into_iter().enumerate() {
        let here = Home::new();
        let wares = Wares::folder(&format!("folder {n}"), manifest.bytes(), manifest.files.clone());
        let link = wares.link(&tracker.invite());
        let _peer = Peer::start(&tracker.invite(), wares, Lie::None);
        let got = here.get(&link);
        got.assert_error(4, "integrity", "manifest");
        assert_nothing_under_a_name(&here.out());
        let mut names: Vec<_> = fs::read_dir(here.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.retain(|name| name != "out");
        assert_eq!(names, ["state"], "nothing beside the target");
        assert!(!outside.exists());
    }
}

/// A link that leads out of the folder is not made and nothing is written through it; all else is there, and
/// the exit code says that not all is.
#[test]
fn a_link_that_leads_out_is_named_and_all_else_is_there() {
    let (there, here) = (Home::new(), Home::new());
    let top = there.join("folder");
    fs::create_dir_all(top.join("d")).unwrap();
    fs::write(top.join("d/f"), "inside").unwrap();
    let leading_out = ["/etc/passwd", "../..", "d/../../x", "../folder/d"];
    for (n, target) in leading_out.iter().enumerate() {
        std::os::unix::fs::symlink(target, top.join(format!("out {n}"))).unwrap();
    }
    std::os::unix::fs::symlink("d/f", top.join("inside")).unwrap();
    let sharer = Sharer::start(&there, &top);
    let got = here.get(&sharer.link());
    got.assert_error(1, "other", "out 0");
    let left_out: Vec<_> = got.only("done")["left_out"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(left_out, ["out 0", "out 1", "out 2", "out 3"]);
    let received: Vec<_> = listing(&here.out().join("folder")).into_keys().collect();
    assert_eq!(received, ["", "d", "d/f", "inside"].map(PathBuf::from));
}

/// A link that lies in the target already is not followed, whatever is behind it. Would fail if a folder that
/// is fetched were written through it into a place that the user did not name.
#[test]
fn a_link_in_the_target_is_not_followed() {
    let (there, here) = (Home::new(), Home::new());
    fs::create_dir_all(there.join("folder/d/e")).unwrap();
    fs::write(there.join("folder/d/e/f"), "new").unwrap();
    let sharer = Sharer::start(&there, &there.join("folder"));
    for linked in ["d", "d/e"] {
        let (out, elsewhere) = (here.out().join("folder"), here.join("elsewhere"));
        fs::create_dir_all(elsewhere.join("e")).unwrap();
        fs::create_dir_all(out.join(linked).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join(linked)).unwrap();
        here.get(&sharer.link()).assert_error(6, "disk", "symbolic link");
        assert_eq!(fs::read_dir(elsewhere.join("e")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
        fs::remove_dir_all(here.out()).unwrap();
    }
}
