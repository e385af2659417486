//! What stands in the way in the target is named before or instead of being harmed, and no path leads out of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Arc;

use drizzle_model::{ContentHash, Entry, EntryKind, Manifest, Metadata, Mtime, SymlinkTarget};
use drizzle_store::{Content, DiskError, Download, Place, Progress, Shared};
use world::{World, fetch, make_folder, noise, rel, write};

fn try_open(world: &World, shared: &Shared) -> Result<Download, DiskError> {
    let place = Place { directory: world.path("to"), partial: None };
    Download::open(shared.content().clone(), &place, &world.index, &Progress::default())
}

const METADATA: Metadata = Metadata { mode: 0o755, mtime: Mtime::from_seconds(0) };

/// A folder that no disk holds.
fn open_folder(world: &World, manifest: Manifest) -> Result<Download, DiskError> {
    let hash = ContentHash::from_bytes(*blake3::hash(&drizzle_wire::encode_manifest(&manifest)).as_bytes());
    let place = Place { directory: world.path("to"), partial: None };
    Download::open(Content::folder(rel("f"), hash, manifest), &place, &world.index, &Progress::default())
}

fn world_with_folder() -> (World, Shared) {
    let world = World::new();
    make_folder(&world.path("from"));
    let shared = world.share("from");
    (world, shared)
}

#[test]
fn a_link_where_a_folder_is_due_is_refused_and_nothing_is_written_through_it() {
    for link in ["to/from", "to/from/many", "to/from/many/3", "to/.drizzle"] {
        let (world, shared) = world_with_folder();
        fs::create_dir(world.path("outside")).unwrap();
        fs::create_dir_all(world.path(link).parent().unwrap()).unwrap();
        symlink(world.path("outside"), world.path(link)).unwrap();
        let error = try_open(&world, &shared).unwrap_err();
        assert!(matches!(&error, DiskError::IsALink { path } if path.ends_with(link)), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(fs::read_dir(world.path("outside")).unwrap().count(), 0);
    }
}

/// Would fail if a content could put itself, by its name or by one within it, in the place of the data of another
/// download.
#[test]
fn a_content_with_a_name_of_ours_is_refused_before_anything_is_made() {
    let world = World::new();
    let bytes = noise(1, 10);
    write(&world.path("file"), &bytes, 0o644);
    let names = [".drizzle", ".drizzle/partial/0", "a/.drizzle/b", ".Drizzle", ".drizzle-part-0123-0"];
    for name in names {
        let index = &world.index;
        let shared =
            Shared::of_path(&world.path("file"), Some(rel(name)), index, &Progress::default()).unwrap();
        let error = try_open(&world, &shared).unwrap_err();
        assert!(matches!(&error, DiskError::Reserved { path } if path.ends_with(name)), "{error}");
        assert!(error.hint().is_some());
    }
    for name in names {
        // Nobody's scan gives such a manifest, so it is made by hand.
        let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
        let entry = |path| Entry { path: rel(path), metadata: METADATA, kind: EntryKind::Directory };
        let entries = parents.chain([name]).map(entry).collect();
        let error = open_folder(&world, Manifest::new(METADATA, entries).unwrap()).unwrap_err();
        assert!(matches!(&error, DiskError::Reserved { .. }), "{error}");
    }
    assert!(!world.path("to").exists());
    let allowed = Entry { path: rel(".drizzleignore"), metadata: METADATA, kind: EntryKind::Directory };
    assert!(open_folder(&world, Manifest::new(METADATA, vec![allowed]).unwrap()).is_ok());
}

/// Would fail if another user could have the folder ready in which the data is verified, and change it afterwards.
#[test]
fn a_partial_folder_of_another_user_is_refused_and_left_alone() {
    let (world, shared) = world_with_folder();
    let partial = world.path("to/.drizzle/partial").join(shared.content().hash().to_string());
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join("theirs"), "kept").unwrap();
    if chown(&partial, Some(65_534), None).is_err() {
        eprintln!("this user may not give folders away, so nothing is shown here; run it as root");
        return;
    }
    let error = try_open(&world, &shared).unwrap_err();
    assert!(
        matches!(&error, DiskError::Foreign { path } if *path == partial.canonicalize().unwrap()),
        "{error}"
    );
    assert!(error.hint().is_some());
    let left: Vec<_> = fs::read_dir(&partial).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["theirs"]);
    chown(&partial, Some(0), None).unwrap();
    assert!(try_open(&world, &shared).is_ok());
}

#[test]
fn a_link_planted_while_files_come_is_not_followed() {
    let (world, shared) = world_with_folder();
    let download = Arc::new(try_open(&world, &shared).unwrap());
    fs::create_dir(world.path("outside")).unwrap();
    symlink(world.path("outside"), world.path("to/from/many")).unwrap();
    let mut errors = 0;
    for chunk in shared.content().chunks() {
        let mut sink = download.begin(chunk).unwrap();
        match sink.write(&world::read_chunk(&shared, chunk)) {
            Ok(()) => drop(sink.finish().unwrap()),
            Err(DiskError::IsALink { .. }) => errors += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(errors > 0);
    assert_eq!(fs::read_dir(world.path("outside")).unwrap().count(), 0);
    assert!(download.finish(&world.index).is_err());
}

#[test]
fn a_file_where_a_folder_is_due_and_a_folder_where_a_file_is_due_are_named() {
    for file in ["to/from", "to/from/many", "to/from/bare/inner"] {
        let (world, shared) = world_with_folder();
        write(&world.path(file), b"the user's", 0o644);
        let error = try_open(&world, &shared).unwrap_err();
        assert!(matches!(&error, DiskError::NotAFolder { path } if path.ends_with(file)), "{error}");
        assert_eq!(fs::read(world.path(file)).unwrap(), b"the user's");
    }
    for folder in ["to/from/big", "to/from/many/1/1", "to/from/empty", "to/from/odd/link"] {
        let (world, shared) = world_with_folder();
        fs::create_dir_all(world.path(folder)).unwrap();
        let error = try_open(&world, &shared).unwrap_err();
        assert!(matches!(&error, DiskError::NotAFile { path } if path.ends_with(folder)), "{error}");
    }
}

#[test]
fn a_link_where_a_file_is_due_is_replaced_and_not_written_through() {
    let (world, shared) = world_with_folder();
    write(&world.path("outside"), b"the user's", 0o644);
    fs::create_dir_all(world.path("to/from")).unwrap();
    for name in ["big", "one-chunk", "empty"] {
        symlink(world.path("outside"), world.path("to/from").join(name)).unwrap();
    }
    let download = Arc::new(try_open(&world, &shared).unwrap());
    fetch(&shared, &download);
    download.finish(&world.index).unwrap();
    assert_eq!(world::snapshot(&world.path("to/from")), world::snapshot(&world.path("from")));
    assert_eq!(fs::read(world.path("outside")).unwrap(), b"the user's");
}

#[test]
fn links_that_leave_the_folder_are_not_made_and_the_rest_is() {
    let link = |path, target| Entry {
        path: rel(path),
        metadata: METADATA,
        kind: EntryKind::Symlink { target: SymlinkTarget::new(target).unwrap() },
    };
    let entries = vec![link("absolute", "/etc/passwd"), link("good", "up"), link("up", "../x")];
    let world = World::new();
    let download = open_folder(&world, Manifest::new(METADATA, entries).unwrap()).unwrap();
    let finished = download.finish(&world.index).unwrap();
    assert_eq!(finished.refused, [rel("absolute"), rel("up")]);
    assert_eq!(fs::read_dir(world.path("to/f")).unwrap().count(), 1);
    assert_eq!(fs::read_link(world.path("to/f/good")).unwrap().to_str(), Some("up"));
}

#[test]
fn without_the_right_to_write_the_error_says_so_and_the_users_folder_is_left_alone() {
    let (world, shared) = world_with_folder();
    fs::create_dir(world.path("to")).unwrap();
    fs::set_permissions(world.path("to"), fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = try_open(&world, &shared);
    let mode = fs::metadata(world.path("to")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o555, "the user's folder keeps its mode");
    match outcome {
        Err(DiskError::Permission { .. }) => {}
        Ok(_) => {
            eprintln!(
                "this user may write everywhere, so nothing is shown here; run it as another than root"
            );
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_full_disk_is_found_before_and_while_writing_and_what_is_verified_stays() {
    let world = World::new();
    let target = world.path("to");
    fs::create_dir(&target).unwrap();
    let mount = |args: &[&str]| std::process::Command::new("mount").args(args).arg(&target).status();
    if !mount(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).is_ok_and(|status| status.success()) {
        eprintln!("this user may not mount, so nothing is shown here; run it as root");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        write(&world.path("large/file"), &noise(1, 3 << 20), 0o644);
        let large = world.share("large");
        let error = try_open(&world, &large).unwrap_err();
        assert!(
            matches!(error, DiskError::TooSmall { needed: 3_145_728, available: ..2_097_153, .. }),
            "{error}"
        );
        write(&world.path("small/file"), &noise(1, 3 << 19), 0o644);
        let small = world.share("small");
        let download = Arc::new(try_open(&world, &small).unwrap());
        fs::write(target.join("other"), noise(2, 1 << 20)).unwrap();
        let mut full = None;
        for chunk in small.content().chunks() {
            let mut sink = download.begin(chunk).unwrap();
            match sink.write(&world::read_chunk(&small, chunk)) {
                Ok(()) => assert_eq!(sink.finish().unwrap(), drizzle_store::Verdict::Verified),
                Err(error) => {
                    assert_eq!(sink.finish().unwrap(), drizzle_store::Verdict::Corrupt);
                    full = Some(error);
                }
            }
        }
        assert!(matches!(full, Some(DiskError::Full { .. })), "{full:?}");
        let verified = download.verified();
        assert!(!verified.is_empty() && !verified.is_full());
        drop(download);
        fs::remove_file(target.join("other")).unwrap();
        let download = Arc::new(try_open(&world, &small).unwrap());
        assert_eq!(download.verified(), verified);
        fetch(&small, &download);
        download.finish(&world.index).unwrap();
        assert_eq!(world::snapshot(&target.join("small")), world::snapshot(&world.path("small")));
    });
    assert!(std::process::Command::new("umount").arg(&target).status().unwrap().success());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
