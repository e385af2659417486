//! How fast one process sends a file to another over this crate's connections, beside plain TCP.
//!
//!     cargo run --release -p drizzle-net --example throughput -- /dev/shm [MIB [CONNECTIONS [ROUNDS]]]
//!
//! Each end does what a peer does: one reads the file and sends pieces of 256 KiB with a small header, the other hashes
//! each piece and writes it to its place. The folder should be on tmpfs, or the disk is measured.

#![allow(clippy::unwrap_used, clippy::panic, reason = "it measures or it fails")]

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use drizzle_model::Address;
use drizzle_net::{Accepted, Acceptor, Dialer, Expect, Identity, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const PIECE_LEN: usize = 256 << 10;
const HEADER_LEN: usize = 16;

#[derive(Clone, Copy)]
struct Shape {
    pieces: usize,
    connections: usize,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, default: usize| args.get(at).map_or(default, |text| text.parse().unwrap());
    if args.first().is_some_and(|first| first == "receive") {
        return receive(&args[1], &args[2], Path::new(&args[3]), number(4, 0)).await;
    }
    let dir = Path::new(args.first().map_or("/dev/shm", String::as_str));
    let shape = Shape { pieces: number(1, 1024) << 20 >> 18, connections: number(2, 2) };
    let source = dir.join("drizzle-throughput-source");
    write_source(&source, shape);
    for _ in 0..number(3, 3) {
        for transport in ["plain", "tls"] {
            let seconds = send(transport, &source, dir, shape).await;
            let gib_per_s = (shape.pieces * PIECE_LEN) as f64 / seconds / f64::from(1 << 30);
            println!("{transport:>5}: {seconds:.3} s, {gib_per_s:.2} GiB/s");
        }
    }
    std::fs::remove_file(source).unwrap();
}

fn write_source(path: &Path, shape: Shape) {
    let file = File::create(path).unwrap();
    for piece in 0..shape.pieces {
        let mut content = vec![0; PIECE_LEN];
        blake3::Hasher::new().update(&piece.to_le_bytes()).finalize_xof().fill(&mut content);
        file.write_all_at(&content, (piece * PIECE_LEN) as u64).unwrap();
    }
}

/// Sends the file to a process of its own, and gives the time that this one took.
async fn send(transport: &str, source: &Path, dir: &Path, shape: Shape) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = dir.join("drizzle-throughput-target");
    let mut receiver = Command::new(env::current_exe().unwrap())
        .args(["receive", transport, &listener.local_addr().unwrap().to_string()])
        .arg(&target)
        .arg(shape.connections.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let acceptor = Acceptor::new(&Identity::ephemeral().unwrap(), None).unwrap();
    let file = Arc::new(File::open(source).unwrap());
    let mut tasks = JoinSet::new();
    for first in 0..shape.connections {
        let tcp = listener.accept().await.unwrap().0;
        let (acceptor, file, is_tls) = (acceptor.clone(), Arc::clone(&file), transport == "tls");
        tasks.spawn(async move {
            if is_tls {
                let Ok(Accepted::Peer(_, connection)) = acceptor.accept(tcp).await else { panic!("no peer") };
                send_pieces(connection, &file, first, shape).await;
            } else {
                tcp.set_nodelay(true).unwrap();
                send_pieces(tcp, &file, first, shape).await;
            }
        });
    }
    tasks.join_all().await;
    let mut line = String::new();
    BufReader::new(receiver.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(receiver.wait().unwrap().success());
    compare(source, &target, shape);
    std::fs::remove_file(target).unwrap();
    line.trim().parse().unwrap()
}

fn compare(source: &Path, target: &Path, shape: Shape) {
    let (source, target) = (File::open(source).unwrap(), File::open(target).unwrap());
    let (mut a, mut b) = (vec![0; PIECE_LEN], vec![0; PIECE_LEN]);
    for piece in 0..shape.pieces {
        source.read_exact_at(&mut a, (piece * PIECE_LEN) as u64).unwrap();
        target.read_exact_at(&mut b, (piece * PIECE_LEN) as u64).unwrap();
        assert!(a == b, "piece {piece} differs");
    }
}

async fn send_pieces(
    mut stream: impl AsyncWrite + AsyncRead + Unpin,
    file: &File,
    first: usize,
    shape: Shape,
) {
    let (mut header, mut content) = ([0; HEADER_LEN], vec![0; PIECE_LEN]);
    for piece in (first..shape.pieces).step_by(shape.connections) {
        header[..8].copy_from_slice(&(piece as u64).to_be_bytes());
        file.read_exact_at(&mut content, (piece * PIECE_LEN) as u64).unwrap();
        let sent = stream.write_vectored(&[IoSlice::new(&header), IoSlice::new(&content)]).await.unwrap();
        if let Some(rest) = sent.checked_sub(HEADER_LEN) {
            stream.write_all(&content[rest..]).await.unwrap();
        }
    }
    stream.shutdown().await.unwrap();
    // The receiver closes when it has all.
    let _ = stream.read_u8().await;
}

async fn receive(transport: &str, address: &str, target: &Path, connections: usize) {
    let address: Address = address.parse().unwrap();
    let dialer = Dialer::new(&Identity::ephemeral().unwrap());
    let file = Arc::new(File::create(target).unwrap());
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (dialer, address, file, is_tls) =
            (dialer.clone(), address.clone(), Arc::clone(&file), transport == "tls");
        tasks.spawn(async move {
            if is_tls {
                let connection = dialer.dial(&address, Protocol::Peer, Expect::AnyPeer).await.unwrap();
                receive_pieces(connection, &file).await;
            } else {
                let tcp = TcpStream::connect((address.host(), address.port())).await.unwrap();
                receive_pieces(tcp, &file).await;
            }
        });
    }
    tasks.join_all().await;
    println!("{:.6}", start.elapsed().as_secs_f64());
}

/// Which pieces come over which connection is the sender's choice.
async fn receive_pieces(mut stream: impl AsyncRead + Unpin, file: &File) {
    let (mut header, mut content) = ([0; HEADER_LEN], vec![0; PIECE_LEN]);
    while stream.read_exact(&mut header).await.is_ok() {
        stream.read_exact(&mut content).await.unwrap();
        std::hint::black_box(blake3::hash(&content));
        let piece = u64::from_be_bytes(*header.first_chunk().unwrap());
        file.write_all_at(&content, piece * PIECE_LEN as u64).unwrap();
    }
}
