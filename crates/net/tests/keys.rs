//! Keys on a real disk: each process its own, kept across restarts, readable by nobody else, damage reported.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Barrier};
use std::thread;

use drizzle_model::JoinSecret;
use drizzle_net::{Identity, KeyFileError, NetworkKey};

#[test]
fn identities_of_one_folder_differ_and_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("not/there/yet");
    let (first, second) = (Identity::claim(&state).unwrap(), Identity::claim(&state).unwrap());
    assert_ne!(first.id(), second.id());
    let ids = (first.id(), second.id());
    drop((first, second));
    let (first, second) = (Identity::claim(&state).unwrap(), Identity::claim(&state).unwrap());
    assert_eq!((first.id(), second.id()), ids);
}

/// The lock is the value's: a clone keeps the identity taken.
#[test]
fn an_identity_is_free_when_its_last_clone_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = Identity::claim(dir.path()).unwrap();
    let (id, clone) = (first.id(), first.clone());
    drop(first);
    assert_ne!(Identity::claim(dir.path()).unwrap().id(), id);
    drop(clone);
    assert_eq!(Identity::claim(dir.path()).unwrap().id(), id);
}

/// Everybody starts at the same moment in an empty folder.
#[test]
fn many_at_once_never_share_an_identity() {
    const MANY: usize = 16;
    let dir = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(MANY));
    let threads: Vec<_> = (0..MANY)
        .map(|_| {
            let (start, path) = (start.clone(), dir.path().to_owned());
            thread::spawn(move || {
                start.wait();
                Identity::claim(&path).unwrap()
            })
        })
        .collect();
    let identities: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let ids: HashSet<_> = identities.iter().map(Identity::id).collect();
    assert_eq!(ids.len(), MANY);
    let names: HashSet<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, (0..MANY).map(|slot| format!("peer-{slot}.key").into()).collect());
}

#[test]
fn key_files_are_readable_by_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (peer, network) = (dir.path().join("peer-0.key"), dir.path().join("network.key"));
    Identity::claim(dir.path()).unwrap();
    NetworkKey::load_or_create(&network).unwrap();
    for path in [&peer, &network] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600, "{path:?}");
        // A copy of the folder may have come with other modes.
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    Identity::claim(dir.path()).unwrap();
    NetworkKey::load_or_create(&network).unwrap();
    for path in [&peer, &network] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600, "{path:?}");
    }
}

#[test]
fn a_damaged_key_file_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("peer-0.key");
    Identity::claim(dir.path()).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() - 1], &changed, b"", b"not a key", &[0; 100_000]] {
        fs::write(&path, damaged).unwrap();
        let error = Identity::claim(dir.path()).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(path.to_str().unwrap()) && message.contains("delete it"), "{message}");
        // It is the user's to delete, not ours to replace.
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn a_place_that_cannot_hold_a_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = Identity::claim(&file).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }));
    assert!(error.to_string().contains("a-file"), "{error}");
}

#[test]
fn a_networks_key_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("network.key");
    let id = NetworkKey::load_or_create(&path).unwrap().id();
    assert_eq!(NetworkKey::load_or_create(&path).unwrap().id(), id);
}

/// Who holds the secret of a ring has its key: pinned, since another derivation would part old members from new ones.
#[test]
fn a_rings_key_comes_from_its_secret() {
    let key = |byte| NetworkKey::from_secret(&JoinSecret::from_bytes([byte; 32])).id();
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
    assert_eq!(key(0).to_string(), "cec60218cc85bf99899be2248eabaaee226ff3883a451be68a6eec36003f83bb");
}
