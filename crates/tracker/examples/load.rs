//! A load for a tracker, and for whatever else answers HTTP, to be measured by: `cargo xtask bench tracker` uses it.
//!
//! ```text
//! load prepare DIR PEERS FILES_EACH FILES      writes a catalogue of so many peers with so many files each, of so many different ones
//! load renew INVITE CONNECTIONS SECONDS [RATE] each connection is a peer that renews its lease, over TLS, with its ticket
//! load pages INVITE PAGES                      pages of the listing, one after another
//! load plain HOST:PORT PATH CONNECTIONS SECONDS [RATE]
//! ```
//!
//! Every connection has one request under way at a time. Without a rate it sends the next one when it has its answer; with a rate all
//! requests have their times, and one that cannot be sent at its time, since the one before is still under way, counts from then on.
//! Prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a tool for whoever works on this crate"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drizzle_model::{ContentHash, ContentKind, FileKey, Invite, Mtime, PeerId, RelPath};
use drizzle_net::{Dialer, Expect, Identity, Protocol};
use drizzle_tracker::{Change, Claim, Client, DiskStore, Registration, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// Changes in one transaction of what is prepared.
const CHANGES_AT_ONCE: usize = 50_000;
const PAGE_FILES: usize = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = match words[..] {
        ["prepare", dir, peers, each, files] => {
            prepare(Path::new(dir), number(peers), number(each), number(files))
        }
        ["renew", invite, connections, seconds, ref rate @ ..] => {
            let lines = renewals(&invite.parse().unwrap(), number(connections)).await;
            run(lines, Course::new(seconds, rate)).await
        }
        ["pages", invite, pages] => read_pages(&invite.parse().unwrap(), number(pages)).await,
        ["plain", at, path, connections, seconds, ref rate @ ..] => {
            let request = format!("GET {path} HTTP/1.1\r\nhost: load\r\n\r\n");
            let mut lines = Vec::new();
            for _ in 0..number(connections) {
                let tcp = TcpStream::connect(at).await.unwrap();
                tcp.set_nodelay(true).unwrap();
                lines.push(Line::new(tcp, request.clone()));
            }
            run(lines, Course::new(seconds, rate)).await
        }
        _ => panic!("expected prepare, renew, pages or plain with what they need, received {words:?}"),
    };
    println!("{answer}");
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// How long a run takes, and how many requests a second are sent; as many as can be without a figure.
#[derive(Clone, Copy)]
struct Course {
    length: Duration,
    rate: Option<u64>,
}

impl Course {
    fn new(seconds: &str, rate: &[&str]) -> Self {
        Self { length: Duration::from_secs(number(seconds)), rate: rate.first().map(|rate| number(rate)) }
    }
}

/// A connection with what it asks again and again.
struct Line<S> {
    stream: S,
    request: Vec<u8>,
    buffer: Vec<u8>,
    answer_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    fn new(stream: S, request: String) -> Self {
        Self { stream, request: request.into_bytes(), buffer: vec![0; 64 << 10], answer_bytes: 0 }
    }

    /// Asks, and reads the whole answer: its body.
    async fn ask(&mut self) -> &[u8] {
        self.stream.write_all(&self.request).await.unwrap();
        self.stream.flush().await.unwrap();
        let mut read = 0;
        let head = loop {
            read += self.read(read).await;
            if let Some(end) = self.buffer[..read].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let len = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        let end = head + len.unwrap();
        while read < end {
            read += self.read(read).await;
        }
        self.answer_bytes = end;
        &self.buffer[head..end]
    }

    async fn read(&mut self, from: usize) -> usize {
        if from == self.buffer.len() {
            self.buffer.resize(2 * from, 0);
        }
        let read = self.stream.read(&mut self.buffer[from..]).await.unwrap();
        assert!(read > 0, "the other side hung up");
        read
    }
}

/// Lets all connections ask until the time is over; the figures.
async fn run<S: AsyncRead + AsyncWrite + Unpin + 'static>(lines: Vec<Line<S>>, course: Course) -> Value {
    let began = Instant::now();
    let end = began + course.length;
    let count = lines.len() as u32;
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = lines
        .into_iter()
        .zip(0_u32..)
        .map(|(mut line, place)| {
            local.spawn_local(async move {
                let every =
                    course.rate.map(|rate| Duration::from_secs(1) * count / u32::try_from(rate).unwrap());
                let mut due = began + every.unwrap_or_default() * place / count;
                let mut took = Vec::new();
                while Instant::now() < end {
                    let mut sent = Instant::now();
                    if let Some(every) = every {
                        if due > sent {
                            sleep_until(due).await;
                            sent = Instant::now();
                        } else {
                            sent = due;
                        }
                        due += every;
                    }
                    line.ask().await;
                    took.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    local
        .run_until(async {
            for task in tasks {
                all.append(&mut task.await.unwrap());
            }
        })
        .await;
    figures(all, began.elapsed())
}

fn figures(mut took_us: Vec<u32>, elapsed: Duration) -> Value {
    took_us.sort_unstable();
    let at = |share: f64| took_us[((took_us.len() - 1) as f64 * share) as usize];
    json!({
        "requests": took_us.len(),
        "seconds": elapsed.as_secs_f64(),
        "per_second": took_us.len() as f64 / elapsed.as_secs_f64(),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "max_us": at(1.0),
    })
}

/// A peer that has joined, and its own connection.
async fn peer(invite: &Invite) -> (drizzle_net::Connection, String) {
    let identity = Identity::ephemeral().unwrap();
    let client = Client::new(invite.clone(), identity.id(), Dialer::new(&identity));
    client.register(7441, &[]).await.unwrap();
    let ticket = URL_SAFE_NO_PAD.encode(client.membership().unwrap().ticket.to_bytes());
    let expect = Expect::Network(invite.network);
    let address = &invite.addresses[0];
    (Dialer::new(&identity).dial(address, Protocol::Api, expect).await.unwrap(), ticket)
}

async fn renewals(invite: &Invite, connections: u64) -> Vec<Line<drizzle_net::Connection>> {
    let mut lines = Vec::new();
    for _ in 0..connections {
        let (connection, ticket) = peer(invite).await;
        let body = r#"{"port":7441}"#;
        let request = format!(
            "POST /v1/renew HTTP/1.1\r\nhost: tracker\r\nauthorization: Bearer {ticket}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        lines.push(Line::new(connection, request));
    }
    lines
}

async fn read_pages(invite: &Invite, pages: u64) -> Value {
    let (connection, ticket) = peer(invite).await;
    let mut line = Line::new(connection, String::new());
    let (mut after, mut files, mut bytes, mut took) = (String::new(), 0, 0, Vec::new());
    let began = Instant::now();
    for _ in 0..pages {
        line.request = format!(
            "GET /v1/files?limit={PAGE_FILES}{after} HTTP/1.1\r\nhost: tracker\r\nauthorization: Bearer {ticket}\r\n\r\n"
        )
        .into_bytes();
        let asked = Instant::now();
        let body = line.ask().await;
        took.push(asked.elapsed().as_micros() as u32);
        let page: Value = serde_json::from_slice(body).unwrap();
        files += page["files"].as_array().unwrap().len();
        bytes += line.answer_bytes;
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    let mut figures = figures(took, began.elapsed());
    figures["files"] = json!(files);
    figures["bytes"] = json!(bytes);
    figures
}

fn prepare(dir: &Path, peers: u64, each: u64, files: u64) -> Value {
    let began = Instant::now();
    let mut store = DiskStore::open(dir).unwrap();
    let mut changes = Vec::new();
    for number in 0..peers {
        let peer = peer_id(number);
        let address = SocketAddr::from(([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 7441));
        changes.push(Change::Peer { peer, address });
        changes.extend((0..each).map(|n| {
            let key = key((number * each + n) % files);
            let file = Registration { key, mtime: Mtime::from_seconds(1_700_000_000), claim: Claim::All };
            Change::Registered { peer, file, unix_s: 1_700_000_000 }
        }));
        if changes.len() >= CHANGES_AT_ONCE {
            store.commit(&changes).unwrap();
            changes.clear();
        }
    }
    store.commit(&changes).unwrap();
    json!({"registrations": peers * each, "seconds": began.elapsed().as_secs_f64()})
}

/// A name of 28 bytes, in an order that is not that of registration.
fn key(number: u64) -> FileKey {
    let name = format!("data/{:016x}.bin-{:02}", mix(number), number % 100);
    let hash: Vec<u8> = (0..4).flat_map(|part| mix(number ^ part << 60).to_be_bytes()).collect();
    FileKey {
        name: RelPath::new(&name).unwrap(),
        hash: ContentHash::from_bytes(hash.try_into().unwrap()),
        size: 1 << 20,
        chunks: 16,
        kind: ContentKind::File,
    }
}

fn peer_id(number: u64) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&mix(number).to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ number >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ number >> 32
}
