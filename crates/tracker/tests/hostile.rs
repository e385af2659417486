//! Strangers that send garbage, too much, too slowly or nothing: they get their answer or their end, and others do not
//! wait for them (S0.1).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::time::{Duration, Instant};

use drizzle_directory::limits::PARTIAL_CHUNKS_PER_PEER_MAX;
use drizzle_net::{Connection, Dialer, Expect, Identity, Protocol};
use drizzle_tracker::limits::{
    BODY_BYTES_MAX, HEAD_BYTES_MAX, JOIN_BYTES_MAX, LARGE_BODIES_BYTES, REASON_BYTES_MAX,
};
use drizzle_tracker::{Admission, Claim};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{Tracker, registration};

/// What an honest peer may have to wait for an answer: some milliseconds, and here more, for a machine that does other work as well.
/// Whoever waited for a stranger would wait for a time-out.
const SOON: Duration = Duration::from_secs(4);
/// For so long work is watched that takes the tracker longer.
const WORK: Duration = Duration::from_secs(6);
/// Longer than any answer takes that comes at all.
const LONG: Duration = Duration::from_secs(30);

async fn check_honest(tracker: &Tracker) {
    let client = tracker.client();
    client.register(1, &[registration("a", 1, Claim::All)]).await.unwrap();
    let asked = Instant::now();
    assert_eq!(client.files(None, 9).await.unwrap().files.len(), 1);
    assert!(asked.elapsed() < SOON, "an honest peer waited {:?}", asked.elapsed());
}

async fn tls(tracker: &Tracker, identity: &Identity) -> Connection {
    let expect = Expect::Network(tracker.server.network().id());
    Dialer::new(identity).dial(&tracker.address.into(), Protocol::Api, expect).await.unwrap()
}

/// Sends the bytes and reads until the tracker hangs up, for a while.
async fn exchange(mut stream: Connection, request: &[u8]) -> String {
    // The tracker may hang up before it has read all.
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, ticket: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A member of the network that does not use the client.
async fn member(tracker: &Tracker) -> (Identity, String) {
    use base64::Engine;
    let identity = Identity::ephemeral().unwrap();
    let ticket = tracker.server.local_client(identity.id()).join().await.unwrap().ticket;
    (identity, base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(ticket.to_bytes()))
}

#[tokio::test]
async fn garbage_gets_an_error_and_an_end() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, _) = member(&tracker).await;
    let long_head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(2 * HEAD_BYTES_MAX));
    let many_heads = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"{\"port\": 8000, \"files\": []}\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        long_head.as_bytes(),
        many_heads.as_bytes(),
    ] {
        let answer = exchange(tls(&tracker, &identity).await, garbage).await;
        let start = String::from_utf8_lossy(&garbage[..garbage.len().min(40)]).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{start:?}: {answer}");
    }
    check_honest(&tracker).await;
}

#[tokio::test]
async fn bodies_that_are_too_large_or_no_json_are_refused() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, ticket) = member(&tracker).await;
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    let answer = exchange(tls(&tracker, &identity).await, &post("/v1/register", &ticket, &large)).await;
    assert!(answer.is_empty() || answer.contains("413"), "{answer}");
    let join = vec![b' '; JOIN_BYTES_MAX + 1];
    let answer = exchange(tls(&tracker, &identity).await, &post("/v1/join", "", &join)).await;
    assert!(answer.contains("413"), "{answer}");
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{\"port\":0,\"files\":[]}",
        b"{\"port\":70000,\"files\":[]}",
        b"\xff",
    ] {
        let answer = exchange(tls(&tracker, &identity).await, &post("/v1/register", &ticket, body)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""kind":"malformed""#), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    let reason = "x".repeat(REASON_BYTES_MAX + 1);
    let hash = "00".repeat(32);
    let report = format!(
        r#"{{"name":"a","hash":"{hash}","size":1,"chunks":1,"source":"{hash}","reason":"{reason}"}}"#
    );
    let answer =
        exchange(tls(&tracker, &identity).await, &post("/v1/reports", &ticket, report.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("at most 256 bytes"), "{answer}");
    // Nested deeper than any stack would like.
    let deep = "[".repeat(1 << 20);
    let answer =
        exchange(tls(&tracker, &identity).await, &post("/v1/register", &ticket, deep.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    check_honest(&tracker).await;
}

/// Chunked bodies announce no length, and must not get around the limit.
#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, ticket) = member(&tracker).await;
    let mut request = format!(
        "POST /v1/register HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..=BODY_BYTES_MAX >> 20 {
        request.extend_from_slice(b"100000\r\n");
        request.resize(request.len() + (1 << 20), b' ');
        request.extend_from_slice(b"\r\n");
    }
    let answer = exchange(tls(&tracker, &identity).await, &request).await;
    assert!(answer.is_empty() || answer.contains("413"), "{answer}");
    check_honest(&tracker).await;
}

#[tokio::test]
async fn calls_that_are_none_say_so() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, ticket) = member(&tracker).await;
    let (call, method) = ("no-such-call", "method-not-allowed");
    for (call, kind) in [
        ("GET /v1/join", method),
        ("POST /v1/files", method),
        ("GET /", call),
        ("GET /v1/filesx", call),
        ("DELETE /v1/leave", method),
    ] {
        let head = format!(
            "{call} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\nconnection: close\r\n\r\n"
        );
        let answer = exchange(tls(&tracker, &identity).await, head.as_bytes()).await;
        assert!(answer.contains(&format!(r#""kind":"{kind}""#)), "{call}: {answer}");
    }
    for query in ["after=x", "limit=-1", "limit=x", "after=%ff", "nonsense=1", "limit=1&limit=2"] {
        let head = format!(
            "GET /v1/files?{query} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\nconnection: close\r\n\r\n"
        );
        let answer = exchange(tls(&tracker, &identity).await, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed"), "{query}: {answer}");
    }
    for query in ["", "name=a&hash=b", "hash=12", "name=../x", "name="] {
        let head = format!(
            "GET /v1/locate?{query} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\nconnection: close\r\n\r\n"
        );
        let answer = exchange(tls(&tracker, &identity).await, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{query}: {answer}");
    }
}

/// Connections that say nothing, requests that never end, answers that nobody reads: none is in the way of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_and_slow_connections_delay_nobody() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, ticket) = member(&tracker).await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(TcpStream::connect(tracker.address).await.unwrap());
    }
    let mut half_open = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(tracker.address).await.unwrap();
        stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
        half_open.push(stream);
    }
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = tls(&tracker, &identity).await;
        let head = format!(
            "POST /v1/register HTTP/1.1\r\nauthorization: Bearer {ticket}\r\ncontent-length: 9000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"{").await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    let mut half_heads = Vec::new();
    for _ in 0..20 {
        let mut stream = tls(&tracker, &identity).await;
        stream.write_all(b"GET /v1/fi").await.unwrap();
        stream.flush().await.unwrap();
        half_heads.push(stream);
    }
    check_honest(&tracker).await;
}

/// Large bodies share a budget: when slow strangers have taken all of it, others are told to come back, at once, and small
/// requests are answered as ever.
#[tokio::test]
async fn large_bodies_that_never_end_take_no_more_than_their_budget() {
    let tracker = Tracker::start(Admission::Invited).await;
    let (identity, ticket) = member(&tracker).await;
    let head = format!(
        "POST /v1/register HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\ncontent-length: {BODY_BYTES_MAX}\r\n\r\n"
    );
    let mut slow = Vec::new();
    for _ in 0..LARGE_BODIES_BYTES / BODY_BYTES_MAX {
        let mut stream = tls(&tracker, &identity).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    let one_more = async {
        loop {
            let mut stream = tls(&tracker, &identity).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let mut start = [0; 12];
            // One that gets no answer was before one of the slow ones, and took its place.
            match tokio::time::timeout(Duration::from_millis(500), stream.read_exact(&mut start)).await {
                Ok(read) => break read.map(|_| start).unwrap(),
                Err(_) => slow.push(stream),
            }
        }
    };
    assert_eq!(&one_more.await, b"HTTP/1.1 503");
    check_honest(&tracker).await;
}

/// One request that says the same about millions of chunks over and over is work for seconds: others are answered in between, here
/// on the only thread that there is.
#[tokio::test]
async fn chunks_said_again_and_again_delay_nobody() {
    let tracker = Tracker::start(Admission::Open).await;
    let (identity, ticket) = member(&tracker).await;
    let (chunks, size) = (PARTIAL_CHUNKS_PER_PEER_MAX, 1_u64 << 40);
    let last = chunks - 2;
    let (key, runs) =
        (json!({"name": "a", "hash": "00".repeat(32), "size": size, "chunks": chunks}), [[0, last]]);
    let of_key = |field: &str, value: serde_json::Value| {
        let mut file = key.clone();
        file["kind"] = json!("folder");
        file["mtime"] = json!(1);
        file[field] = value;
        file
    };
    let register = json!({"port": 1, "files": [of_key("have", json!({"runs": runs}))]}).to_string();
    let request = post("/v1/register", &ticket, register.as_bytes());
    let answer = exchange(tls(&tracker, &identity).await, &request).await;
    assert!(answer.contains(r#"[{"ok":true}]"#), "{answer}");

    let client = tracker.client();
    client.files(None, 9).await.unwrap();
    let haves = json!({"files": vec![of_key("runs", json!(runs)); 4000]}).to_string();
    let request = post("/v1/haves", &ticket, haves.as_bytes());
    let stream = tls(&tracker, &identity).await;
    let repeated = tokio::spawn(async move { tokio::time::timeout(WORK, exchange(stream, &request)).await });
    let (began, mut answers, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while !repeated.is_finished() {
        let asked = Instant::now();
        assert_eq!(client.files(None, 9).await.unwrap().files.len(), 1);
        longest = longest.max(asked.elapsed());
        answers += 1;
    }
    // On a slow machine the work takes longer, and so may each wait.
    let (took, second) = (began.elapsed(), Duration::from_secs(1));
    assert!(longest < second.max(took / 4), "an honest peer waited {longest:?} of {took:?}");
    assert!(answers > 10, "only {answers} answers while the work was done");
}
