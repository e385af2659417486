//! A serving peer over real sockets: what callers of each dialect get, and that whoever asks for nothing, or for what is not
//! here, costs little and ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use drizzle_classic::limits::{LF_WAIT, REQUEST_TIMEOUT, SERVED_PER_HOST_MAX};
use drizzle_classic::{Counter, Folder};
use drizzle_net::RateLimiter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Larger than what is read at once, and than what the system keeps for a slow reader.
const LARGE: usize = 5_000_001;

async fn serve(dir: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = Folder::open(dir).unwrap();
    tokio::spawn(Counter::new(Arc::new(folder), RateLimiter::unlimited()).run(listener));
    address
}

fn folder() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..LARGE).map(|n| (n % 251) as u8).collect();
    std::fs::write(dir.path().join("large"), &large).unwrap();
    std::fs::write(dir.path().join("file A.txt"), "of A").unwrap();
    std::fs::write(dir.path().join("empty"), "").unwrap();
    (dir, large)
}

/// Between two pieces of a request, so that each is read by itself. Nobody tells when it was.
const PIECE_EVERY: Duration = Duration::from_millis(30);

async fn call(address: SocketAddr, pieces: &[&str]) -> TcpStream {
    loop {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (mut sent, mut longest) = (Instant::now(), Duration::ZERO);
        for (position, piece) in pieces.iter().enumerate() {
            if position > 0 {
                tokio::time::sleep(PIECE_EVERY).await;
                longest = longest.max(sent.elapsed());
            }
            tcp.write_all(piece.as_bytes()).await.unwrap();
            sent = Instant::now();
        }
        // Whoever pauses longer has said all: on a busy machine that happens, and then it is said once more.
        if longest < LF_WAIT / 2 {
            return tcp;
        }
    }
}

async fn ask(address: SocketAddr, pieces: &[&str]) -> Vec<u8> {
    let mut reply = Vec::new();
    // Who sent more than was read is torn down; what came before counts.
    let _ = call(address, pieces).await.read_to_end(&mut reply).await;
    reply
}

/// S2.6: with an LF the length goes ahead, without one the bytes come alone, however the request is cut.
#[tokio::test]
async fn each_dialect_gets_its_reply() {
    let (dir, large) = folder();
    let at = serve(dir.path()).await;
    let framed = |bytes: &[u8]| [format!("Content-Length: {}\n", bytes.len()).as_bytes(), bytes].concat();
    assert_eq!(ask(at, &["file A.txt\n"]).await, framed(b"of A"));
    assert_eq!(ask(at, &["file", " A.txt", "\n"]).await, framed(b"of A"));
    assert_eq!(ask(at, &["empty\n"]).await, framed(b""));
    assert!(ask(at, &["large\n"]).await == framed(&large));
    assert_eq!(ask(at, &["file A.txt"]).await, b"of A");
    assert_eq!(ask(at, &["file", " A.txt"]).await, b"of A");
    assert!(ask(at, &["large"]).await == large);
    let mut ended = call(at, &["file A.txt"]).await;
    ended.shutdown().await.unwrap();
    let mut reply = Vec::new();
    ended.read_to_end(&mut reply).await.unwrap();
    assert_eq!(reply, b"of A", "of somebody who says no more");
}

/// Programs that take the header with one read get it and nothing else.
#[tokio::test]
async fn the_header_comes_by_itself() {
    let (dir, _) = folder();
    let at = serve(dir.path()).await;
    let mut caller = call(at, &["file A.txt\n"]).await;
    let mut once = [0; 1024];
    let received = caller.read(&mut once).await.unwrap();
    assert_eq!(&once[..received], b"Content-Length: 4\n");
}

#[tokio::test]
async fn what_is_not_here_is_closed_without_a_byte() {
    let (dir, _) = folder();
    let within = dir.path().join("within");
    std::fs::create_dir(&within).unwrap();
    std::fs::write(within.join("large"), "large").unwrap();
    let at = serve(&within).await;
    let too_long = "x".repeat(1000);
    for name in ["none", "../large", "/etc/passwd", ".", "", "large\0", &too_long] {
        let reply = ask(at, &[&format!("{name}\n")]).await;
        assert!(reply.is_empty(), "{name}: {reply:?}");
    }
}

/// Whoever reads slowly gets all of it.
#[tokio::test]
async fn a_slow_reader_gets_all_of_it() {
    let (dir, large) = folder();
    let at = serve(dir.path()).await;
    let mut caller = call(at, &["large"]).await;
    let (mut reply, mut piece) = (Vec::new(), vec![0; 100_000]);
    loop {
        match caller.read(&mut piece).await.unwrap() {
            0 => break,
            received => reply.extend_from_slice(&piece[..received]),
        }
        // This is the slowness that is meant.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(reply == large);
}

/// As many half-silent callers as one host may have do not keep the host waiting for longer than a request may take.
#[tokio::test]
async fn silent_callers_end() {
    let (dir, _) = folder();
    let at = serve(dir.path()).await;
    let mut silent = Vec::new();
    for _ in 0..SERVED_PER_HOST_MAX {
        silent.push(call(at, &["l"]).await);
    }
    // Half a name is waited on for less long than nothing at all: for a third of a second, where that takes fifteen.
    let began = Instant::now();
    for mut caller in silent {
        let mut reply = Vec::new();
        caller.read_to_end(&mut reply).await.unwrap();
        assert!(reply.is_empty());
    }
    assert!(began.elapsed() < REQUEST_TIMEOUT, "{:?}", began.elapsed());
    assert_eq!(ask(at, &["file A.txt"]).await, b"of A");
}
