//! What is shared of a folder and what is left out, each with a word about it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use drizzle_store::{Progress, ShareError, Shared, SkipReason};
use world::{World, make_folder, noise, rel, write};

fn names(shared: &Shared) -> Vec<&str> {
    shared.content().entries().iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn ignored_and_own_things_are_left_out_without_a_word_and_hidden_ones_are_in() {
    let world = World::new();
    let root = world.path("from");
    for name in [
        ".hidden",
        "a.tmp",
        "keep.tmp",
        "d/a.tmp",
        "d/b.log",
        "out/x",
        "d/out/x",
        ".gitignore",
        ".drizzle/partial/x",
    ] {
        write(&root.join(name), b"b", 0o644);
    }
    write(&root.join(".drizzle-part-0123456789abcdef-1"), b"left over", 0o600);
    write(&root.join(".gitignore"), b"*", 0o644);
    write(&root.join(".drizzleignore"), b"*.tmp\n!keep.tmp\n/out\n", 0o644);
    write(&root.join("d/.drizzleignore"), b"*.log\n", 0o644);
    let shared = world.share("from");
    assert!(shared.skipped().is_empty());
    assert_eq!(
        names(&shared),
        [".drizzleignore", ".gitignore", ".hidden", "d", "d/.drizzleignore", "d/out", "d/out/x", "keep.tmp"]
    );
}

#[test]
fn what_cannot_be_shared_is_named_with_its_reason() {
    let world = World::new();
    let root = world.path("from");
    write(&root.join("good"), b"b", 0o644);
    let odd = root.join(OsStr::from_bytes(b"not-utf8-\xff"));
    fs::write(&odd, "b").unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    symlink(OsStr::from_bytes(b"\xff"), root.join("link")).unwrap();
    let shared = world.share("from");
    assert_eq!(names(&shared), ["good"]);
    let reason_of = |path: &std::path::Path| {
        let path = path.strip_prefix(&root).unwrap();
        &shared.skipped().iter().find(|skipped| skipped.path.ends_with(path)).unwrap().reason
    };
    assert!(matches!(reason_of(&odd), SkipReason::NotUtf8));
    assert!(matches!(reason_of(&root.join("socket")), SkipReason::Kind));
    assert!(matches!(reason_of(&root.join("link")), SkipReason::LinkTarget));
    assert_eq!(shared.skipped().len(), 3);
}

#[test]
fn wrong_ignore_rules_are_reported_and_the_others_count() {
    let world = World::new();
    write(&world.path("from/a"), b"a", 0o644);
    write(&world.path("from/b"), b"b", 0o644);
    write(&world.path("from/.drizzleignore"), b"a\nx{\n", 0o644);
    let shared = world.share("from");
    assert_eq!(names(&shared), [".drizzleignore", "b"]);
    assert!(matches!(shared.skipped(), [only] if matches!(only.reason, SkipReason::IgnoreRules(_))));
}

#[test]
fn a_path_that_is_not_there_and_one_without_a_name_are_clear_errors() {
    let world = World::new();
    let share = |path: &std::path::Path| Shared::of_path(path, None, &world.index, &Progress::default());
    let error = share(&world.path("nothing")).unwrap_err();
    assert!(error.to_string().ends_with("nothing is not there"), "{error}");
    assert!(matches!(share("/".as_ref()), Err(ShareError::Name { .. })));
    let odd = world.path("x").with_file_name(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&odd).unwrap();
    assert!(matches!(share(&odd), Err(ShareError::NameNotUtf8 { .. })));
    let named = Shared::of_path(&odd, Some(rel("named")), &world.index, &Progress::default()).unwrap();
    assert_eq!(named.content().name(), &rel("named"));
    let _socket = UnixListener::bind(world.path("socket")).unwrap();
    let error = share(&world.path("socket")).unwrap_err();
    assert!(matches!(&error, ShareError::File(skipped) if matches!(skipped.reason, SkipReason::Kind)));
}

#[test]
fn a_link_given_by_the_user_is_followed_and_gives_the_name() {
    let world = World::new();
    make_folder(&world.path("real"));
    symlink(world.path("real"), world.path("link")).unwrap();
    let (real, link) = (world.share("real"), world.share("link"));
    assert_eq!(real.content().hash(), link.content().hash());
    assert_eq!(link.content().name(), &rel("link"));
}

#[test]
fn files_written_all_the_time_are_either_shared_right_or_skipped() {
    let world = World::new();
    let root = world.path("from");
    write(&root.join("still"), &noise(1, 200_000), 0o644);
    write(&root.join("busy"), &noise(2, 8_000_000), 0o644);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                fs::write(root.join("busy"), noise(round, 8_000_000)).unwrap();
            }
        });
        for _ in 0..5 {
            let shared = world.share("from");
            assert!(names(&shared).contains(&"still"));
            // Read at rest it would be there; if it is there, it was hashed as one state of the file.
            let busy = names(&shared).contains(&"busy");
            let skipped = shared.skipped().iter().any(|s| matches!(s.reason, SkipReason::Changing));
            assert!(busy != skipped);
        }
        stop.store(true, Relaxed);
    });
}

#[test]
fn work_ends_when_it_is_cancelled() {
    let world = World::new();
    make_folder(&world.path("from"));
    let progress = Progress::default();
    progress.cancel();
    let outcome = Shared::of_path(&world.path("from"), None, &world.index, &progress);
    assert!(matches!(outcome, Err(ShareError::Cancelled)));
    assert_eq!(progress.bytes_done(), 0);
}

#[test]
fn what_this_user_may_not_read_is_named() {
    let world = World::new();
    make_folder(&world.path("from"));
    let set_modes = |file, folder| {
        for (secret, mode) in [("big", file), ("many/1", folder)] {
            fs::set_permissions(world.path("from").join(secret), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set_modes(0o000, 0o000);
    let shared = world.share("from");
    set_modes(0o600, 0o700);
    if shared.skipped().is_empty() {
        eprintln!("this user may read everything, so nothing is shown here; run it as another than root");
        return;
    }
    let unreadable = |name: &str| {
        let is_it = |path: &std::path::Path| path.ends_with(name);
        shared.skipped().iter().any(|s| is_it(&s.path) && matches!(s.reason, SkipReason::Unreadable(_)))
    };
    assert!(unreadable("big") && unreadable("many/1"), "{:?}", shared.skipped());
    let names = names(&shared);
    assert!(!names.contains(&"big") && !names.contains(&"many/1/1"));
    assert!(names.contains(&"big-exact") && names.contains(&"many/1") && names.contains(&"many/2/2"));
}
