//! Getting one file from classic peers over real sockets: from honest ones of either dialect, and from those that lie, break off, flood or
//! vanish. Whatever they do, what lies in the folder stays, and nothing else is left there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use drizzle_classic::{Dialect, Folder, Gauge, GetError, Got, Name, Rates, Wanted, get};
use drizzle_model::Mtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

/// What a peer sends; then it closes.
#[derive(Clone)]
enum Reply {
    Bytes(Vec<u8>),
    /// And then tears the connection down.
    Torn(Vec<u8>),
}

fn framed(bytes: &[u8]) -> Reply {
    announced(bytes.len() as u64, bytes)
}

fn announced(length: u64, bytes: &[u8]) -> Reply {
    Reply::Bytes([format!("Content-Length: {length}\n").as_bytes(), bytes].concat())
}

fn bare(bytes: &[u8]) -> Reply {
    Reply::Bytes(bytes.to_vec())
}

fn nothing() -> Reply {
    bare(b"")
}

/// A peer that answers its callers as it is told, by what was asked and how often it was called before.
async fn peer(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reply, calls) = (Arc::new(reply), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let (reply, before) = (Arc::clone(&reply), calls.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(async move {
                let mut asked = [0; 512];
                let received = tcp.read(&mut asked).await.unwrap_or(0);
                let (bytes, is_torn) = match reply(std::str::from_utf8(&asked[..received]).unwrap(), before) {
                    Reply::Bytes(bytes) => (bytes, false),
                    Reply::Torn(bytes) => (bytes, true),
                };
                // Whoever has enough hangs up.
                let _ = tcp.write_all(&bytes).await;
                if is_torn {
                    let _ = socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO));
                }
            });
        }
    });
    address
}

/// A port that nobody listens on: it is bound, so that no other test can have it either.
fn nobody() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

const TIME: i64 = 1_700_000_000;

async fn get_from(dir: &Path, holders: &[(SocketAddr, Dialect)]) -> Result<Got, GetError> {
    let wanted = Wanted {
        name: Name::new("file").unwrap(),
        mtime: Mtime::new(TIME, 250_000_000).unwrap(),
        holders: holders.to_vec(),
    };
    let folder = Folder::open(dir).unwrap();
    get(folder, &wanted, &Rates::default(), &Gauge::default(), |_, _| {}).await
}

/// Fails unless this and nothing else is in the folder.
#[track_caller]
fn assert_holds(dir: &Path, bytes: Option<&[u8]>) {
    let names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    match bytes {
        None => assert!(names.is_empty(), "{names:?}"),
        Some(bytes) => {
            assert_eq!(names, ["file"]);
            assert_eq!(std::fs::read(dir.join("file")).unwrap(), bytes);
        }
    }
}

fn mtime(dir: &Path) -> Duration {
    let modified = std::fs::metadata(dir.join("file")).unwrap().modified().unwrap();
    modified.duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

/// Of either dialect, with the time that the directory names. A peer that shows to be of the other dialect is asked in that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_comes_from_a_peer_of_either_dialect() {
    let large: Vec<u8> = (0..300_001).map(|n| (n % 251) as u8).collect();
    let own = large.clone();
    let lf = peer(move |asked, _| if asked == "file\n" { framed(&own) } else { nothing() }).await;
    let own = large.clone();
    let unframed = peer(move |_, _| bare(&own)).await;
    for (address, dialect) in
        [(lf, Dialect::Lf), (lf, Dialect::Both), (unframed, Dialect::Unframed), (unframed, Dialect::Lf)]
    {
        let dir = tempfile::tempdir().unwrap();
        let got = get_from(dir.path(), &[(address, dialect)]).await.unwrap();
        assert_eq!(got, Got { size: large.len() as u64, from: Some(address) });
        assert_holds(dir.path(), Some(&large));
        assert_eq!(mtime(dir.path()), Duration::new(TIME as u64, 250_000_000));
    }
}

/// Would fail if one bad holder were the end, or left a part behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_holder_is_tried_when_one_does_not_give_it() {
    let short = peer(|_, _| announced(9, b"shor")).await;
    let torn = peer(|_, _| Reply::Torn(b"Content-Length: 9\nhalf".to_vec())).await;
    let huge = peer(|_, _| announced(u64::MAX, b"no disk has room for it")).await;
    let unsteady = peer(|_, before| bare(format!("other bytes each time {before}").as_bytes())).await;
    let lost = peer(|_, _| nothing()).await;
    let garbled = peer(|_, _| bare(b"Content-Length: -5\nthe file")).await;
    let noise = peer(|_, _| announced(3, b"too long")).await;
    let nobody = nobody();
    let bad = [
        (nobody.local_addr().unwrap(), Dialect::Lf),
        (short, Dialect::Lf),
        (torn, Dialect::Both),
        (huge, Dialect::Lf),
        (unsteady, Dialect::Unframed),
        (lost, Dialect::Lf),
        (lost, Dialect::Unframed),
        // No file may begin with what should have been a header.
        (garbled, Dialect::Lf),
    ];
    let dir = tempfile::tempdir().unwrap();
    let good = peer(|_, _| framed(b"the file")).await;
    let got = get_from(dir.path(), &[&bad[..], &[(good, Dialect::Lf)]].concat()).await.unwrap();
    assert_eq!(got.from, Some(good));
    assert_holds(dir.path(), Some(b"the file"));
    let dir = tempfile::tempdir().unwrap();
    let alone = get_from(dir.path(), &[(noise, Dialect::Lf)]).await.unwrap();
    assert_eq!(alone.size, 3, "what is behind the announced length is not part of the file");
    for holder in bad {
        let dir = tempfile::tempdir().unwrap();
        match get_from(dir.path(), &[holder]).await.unwrap_err() {
            GetError::NoRoom { needed: u64::MAX, available } if holder.0 == huge => assert!(available > 0),
            GetError::NoSource { reasons } => assert_eq!(reasons.len(), 1, "{reasons:?}"),
            other => panic!("{other}"),
        }
        assert_holds(dir.path(), None);
    }
}

/// What is there and has bytes is the user's. The same file is found to be there, and gets its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_stays_unless_it_is_empty() {
    let good = peer(|asked, _| if asked.ends_with('\n') { framed(b"theirs") } else { bare(b"theirs") }).await;
    for dialect in [Dialect::Lf, Dialect::Unframed] {
        let holders = [(good, dialect)];
        for other in [&b"of another length"[..], b"unlike"] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("file"), other).unwrap();
            assert!(matches!(get_from(dir.path(), &holders).await, Err(GetError::Exists)));
            assert_holds(dir.path(), Some(other));
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        get_from(dir.path(), &holders).await.unwrap();
        assert_holds(dir.path(), Some(b"theirs"));
        let same = get_from(dir.path(), &holders).await.unwrap();
        assert_eq!(same, Got { size: 6, from: None });
        assert_eq!(mtime(dir.path()), Duration::new(TIME as u64, 250_000_000));
        for make in [
            |path: &Path| std::fs::create_dir(path),
            |path: &Path| std::os::unix::fs::symlink("/etc/hostname", path),
        ] {
            let dir = tempfile::tempdir().unwrap();
            make(&dir.path().join("file")).unwrap();
            assert!(matches!(get_from(dir.path(), &holders).await, Err(GetError::InTheWay)));
        }
    }
}

/// A bare reply has no length, but once it is longer than the file that lies there it can only be another one. Would fail if it were read to
/// its end, which takes 64 GiB of the disk and of somebody's time: it is called twice then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_of_a_bare_reply_is_read_than_can_be_of_use() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let endless = peer(move |_, before| {
        counted.store(before + 1, Ordering::Relaxed);
        bare(&vec![7; 8 << 20])
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "ours").unwrap();
    let got = get_from(dir.path(), &[(endless, Dialect::Unframed)]).await;
    assert!(matches!(got, Err(GetError::Exists)));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_holds(dir.path(), Some(b"ours"));
}

/// An empty file comes from a peer that answers otherwise for what it does not have. One that announces nothing for that, too, may have
/// lost the file, and an empty one in its place would be wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_is_only_made_when_it_is_one() {
    let certain = peer(|asked, _| if asked == "file\n" { framed(b"") } else { nothing() }).await;
    let dir = tempfile::tempdir().unwrap();
    let got = get_from(dir.path(), &[(certain, Dialect::Lf)]).await.unwrap();
    assert_eq!(got.size, 0);
    assert_holds(dir.path(), Some(b""));
    let doubtful = peer(|_, _| framed(b"")).await;
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(get_from(dir.path(), &[(doubtful, Dialect::Lf)]).await, Err(GetError::NoSource { .. })));
    assert_holds(dir.path(), None);
}

/// Waits until something is seen on the disk. Nobody tells of that, so it is looked for.
async fn until(is_seen: impl Fn() -> bool) {
    let seen = async {
        while !is_seen() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap();
}

/// Given up in the middle, nothing of it is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let getting = tokio::spawn(async move { get_from(&path, &[(address, Dialect::Lf)]).await });
    let (mut tcp, _) = listener.accept().await.unwrap();
    tcp.write_all(b"Content-Length: 9\nhalf").await.unwrap();
    until(|| dir.path().join(".drizzle").exists()).await;
    getting.abort();
    assert!(getting.await.unwrap_err().is_cancelled());
    // A thread may still be at the disk.
    until(|| !dir.path().join(".drizzle").exists()).await;
    assert_holds(dir.path(), None);
}
