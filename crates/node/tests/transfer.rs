//! Two or three nodes in one process, over real sockets and disks: what is shared arrives, whole and alike.

#![allow(clippy::unwrap_used)] // A test that cannot go on should say where, and stop.

use std::fs;
use std::path::Path;
use std::time::Duration;

use drizzle_model::Link;
use drizzle_node::{
    Afterwards, CaseClashes, Event, FetchError, FetchRequest, Fetched, Listen, Node, Settings, What,
};
use drizzle_tracker::Admission;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

fn settings(state: &Path) -> Settings {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // Each test tries; the first one wins.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let mut settings = Settings::new(state.to_owned());
    settings.listen = Listen { ip: [127, 0, 0, 1].into(), port: 0, otherwise_any_port: false };
    settings
}

async fn tracker_node(state: &Path) -> (Node, UnboundedReceiver<Event>) {
    let mut settings = settings(state);
    settings.embedded_tracker = Some(Admission::Invited);
    Node::start(settings).await.unwrap()
}

async fn share(node: &Node, path: &Path) -> Link {
    let network = node.join(node.own_invite().unwrap().clone()).await.unwrap();
    node.share(&network, path.to_owned(), None).await.unwrap().link
}

async fn fetch(node: &Node, link: Link, output: &Path) -> Result<Fetched, FetchError> {
    let network = node.join(link.invite.clone().unwrap()).await.unwrap();
    let request = FetchRequest {
        what: What::Link(Box::new(link)),
        output: output.to_owned(),
        partial_dir: None,
        afterwards: Afterwards::Leave,
        case_clashes: CaseClashes::Allowed,
    };
    tokio::time::timeout(Duration::from_secs(60), node.fetch(&network, request)).await.unwrap()
}

/// Bytes that are different everywhere.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn folder(root: &Path) -> std::path::PathBuf {
    let folder = root.join("a folder");
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("nothing"), b"").unwrap();
    fs::write(folder.join("big"), noise(3_000_000, 1)).unwrap();
    for n in 0..300 {
        fs::write(folder.join(format!("deep/er/{n}")), noise(n * 7, n as u64)).unwrap();
    }
    std::os::unix::fs::symlink("deep/er/5", folder.join("link")).unwrap();
    folder
}

fn assert_same(left: &Path, right: &Path) {
    let diff = std::process::Command::new("diff")
        .args(["-r", "--no-dereference"])
        .arg(left)
        .arg(right)
        .output()
        .unwrap();
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_arrives_whole_and_a_second_fetch_brings_nothing() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = folder(here.path());
    let (sharer, _events) = tracker_node(&here.path().join("state")).await;
    let link = share(&sharer, &folder).await;
    let (getter, _events) = Node::start(settings(&there.path().join("state"))).await.unwrap();
    let fetched = fetch(&getter, link.clone(), there.path()).await.unwrap();
    assert_same(&folder, &fetched.path);
    assert_eq!(fetched.from.get(&sharer.peer()), Some(&fetched.key.size));
    let again = fetch(&getter, link, there.path()).await.unwrap();
    assert!(again.from.is_empty(), "fetched again: {:?}", again.from);
    assert!(!there.path().join(".drizzle").exists());
    getter.shutdown().await;
    sharer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_arrives_through_a_peer_that_fetched_it_when_the_sharer_is_gone() {
    let (here, there, third) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = here.path().join("file");
    fs::write(&file, noise(20_000_000, 9)).unwrap();
    let (tracker, _events) = tracker_node(&here.path().join("tracker")).await;
    let invite = tracker.own_invite().unwrap().clone();
    let (sharer, _events) = Node::start(settings(&here.path().join("state"))).await.unwrap();
    let network = sharer.join(invite.clone()).await.unwrap();
    let link = sharer.share(&network, file.clone(), None).await.unwrap().link;

    let (middle, _events) = Node::start(settings(&there.path().join("state"))).await.unwrap();
    let network = middle.join(invite.clone()).await.unwrap();
    let request = FetchRequest {
        what: What::Name(link.name.clone()),
        output: there.path().to_owned(),
        partial_dir: None,
        afterwards: Afterwards::Seed,
        case_clashes: CaseClashes::Allowed,
    };
    middle.fetch(&network, request).await.unwrap();
    sharer.shutdown().await;

    let (last, _events) = Node::start(settings(&third.path().join("state"))).await.unwrap();
    let fetched = fetch(&last, link, third.path()).await.unwrap();
    assert_eq!(fetched.from.keys().copied().collect::<Vec<_>>(), [middle.peer()]);
    assert_same(&file, &fetched.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_file_that_changed_is_not_served_and_nothing_is_left_under_its_name() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = here.path().join("file");
    fs::write(&file, noise(500_000, 3)).unwrap();
    let (sharer, _events) = tracker_node(&here.path().join("state")).await;
    let link = share(&sharer, &file).await;
    fs::write(&file, noise(500_000, 4)).unwrap();
    let (getter, _events) = Node::start(settings(&there.path().join("state"))).await.unwrap();
    let error = fetch(&getter, link, there.path()).await.unwrap_err();
    assert!(matches!(error, FetchError::Integrity { .. }), "{error}");
    assert!(!there.path().join("file").exists());
}
