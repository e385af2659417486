//! Trackers that lie: what they say is taken for what it can be, or not at all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use drizzle_model::{FileKey, RelPath};
use drizzle_tracker::{ClientError, Manner, Search};
use serde_json::{Value, json};
use world::liar::Liar;
use world::{client_with, key};

fn identity(key: &FileKey) -> Value {
    let (name, hash) = (key.name.as_str(), key.hash.to_string());
    json!({"name": name, "hash": hash, "size": key.size, "chunks": key.chunks, "mtime": 1, "peers": 1})
}

fn located(key: &FileKey) -> Value {
    let mut located = identity(key);
    let holder = json!({"peer": "11".repeat(32), "number": 1, "address": "10.0.0.1:1", "have": "all"});
    located["registrar"] = json!("11".repeat(32));
    located["first"] = json!(true);
    located["holders_total"] = json!(1);
    located["holders"] = json!([holder]);
    located
}

async fn locating(files: &[Value]) -> Liar {
    Liar::start([("/v1/locate", json!({"files": files}))]).await
}

fn is_protocol(answer: &Result<impl Sized, ClientError>, words: &str) -> bool {
    matches!(answer, Err(ClientError::Protocol { reason }) if reason.contains(words))
}

/// Whoever gets a file by its name writes it under the name that comes back: with another one the tracker would choose what
/// is written over.
#[tokio::test]
async fn a_file_of_another_name_is_not_taken() {
    let (asked, other) = (key("notes.txt", 1), key(".bashrc", 1));
    let both = locating(&[located(&other), located(&asked)]).await;
    let answer = client_with(both.invite()).locate_name(&asked.name).await.unwrap();
    assert!(answer.iter().map(|file| &file.key).eq([&asked]), "{answer:?}");
    let only_another = locating(&[located(&other)]).await;
    let answer = client_with(only_another.invite()).locate_name(&asked.name).await;
    assert!(is_protocol(&answer, "other files than the one that was asked for"), "{answer:?}");
}

#[tokio::test]
async fn another_content_is_not_taken() {
    let (asked, other) = (key("a", 1), key("b", 1));
    let renamed = FileKey { name: RelPath::new("c").unwrap(), ..asked.clone() };
    let all = locating(&[located(&asked), located(&other), located(&renamed)]).await;
    let answer = client_with(all.invite()).locate_hash(&asked.hash).await.unwrap();
    assert!(answer.iter().map(|file| &file.key).eq([&asked, &renamed]), "{answer:?}");
    let only_another = locating(&[located(&other)]).await;
    let answer = client_with(only_another.invite()).locate_hash(&asked.hash).await;
    assert!(is_protocol(&answer, "other files than the one that was asked for"), "{answer:?}");
    let nothing = locating(&[]).await;
    let answer = client_with(nothing.invite()).locate_hash(&asked.hash).await;
    assert!(matches!(answer, Err(ClientError::NotFound)), "{answer:?}");
}

/// Three bytes, "all", would become a bitmap of half a gigabyte.
#[tokio::test]
async fn a_file_of_too_many_chunks_is_not_taken() {
    let huge = FileKey { chunks: (1 << 24) + 1, ..key("a", 1) };
    let liar = Liar::start([
        ("/v1/locate", json!({"files": [located(&huge)]})),
        ("/v1/files", json!({"version": 1, "files": [identity(&huge)]})),
    ])
    .await;
    let client = client_with(liar.invite());
    let answer = client.locate_hash(&huge.hash).await;
    assert!(is_protocol(&answer, "expected at most 16777216, received 16777217"), "{answer:?}");
    assert!(is_protocol(&client.files(None, 9).await, "expected at most 16777216"));
}

/// Whoever reads all pages would read for ever if one led back.
#[tokio::test]
async fn a_listing_that_leads_in_a_circle_is_not_followed() {
    use base64::Engine;
    let cursor = format!("file 1 1 {} b", "22".repeat(32));
    let next = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(cursor);
    let page = json!({"version": 1, "files": [], "next": next});
    let liar = Liar::start([("/v1/files", page.clone()), ("/v1/search", page)]).await;
    let client = client_with(liar.invite());
    let first = client.files(None, 9).await.unwrap().next.unwrap();
    let search = Search { pattern: "x".into(), manner: Manner::Substring, is_folded: false };
    assert!(is_protocol(&client.files(Some(&first), 9).await, "where this one did, or before"));
    assert!(is_protocol(&client.search(&search, Some(&first), 9).await, "where this one did, or before"));
    let garbled = json!({"version": 1, "files": [], "next": "x"});
    let liar = Liar::start([("/v1/files", garbled)]).await;
    assert!(is_protocol(&client_with(liar.invite()).files(None, 9).await, "what an earlier page gave"));
}

/// The name of a classic file becomes a path as well, and its pages must come to an end.
#[tokio::test]
async fn what_is_told_of_classic_files_is_taken_for_what_it_can_be() {
    let holder = json!({"address": "10.0.0.1:1", "dialect": "lf"});
    let holders = vec![holder; 1000];
    let located = |name: &str| json!({"name": name, "mtime": 1, "holders_total": 1, "holders": holders});
    let page = |name: &str| json!({"files": [{"name": name, "mtime": 1, "peers": 1}], "next": "b"});
    let asked = drizzle_classic::Name::new("notes.txt").unwrap();
    let liar =
        Liar::start([("/v1/classic/locate", located(".bashrc")), ("/v1/classic/files", page("a/b"))]).await;
    let client = client_with(liar.invite());
    assert!(is_protocol(&client.locate_classic(&asked).await, "other files than the one"));
    assert!(is_protocol(&client.classic_files(None, None, 9).await, "no name for a file"));
    let liar =
        Liar::start([("/v1/classic/locate", located("notes.txt")), ("/v1/classic/files", page("a"))]).await;
    let client = client_with(liar.invite());
    assert_eq!(
        client.locate_classic(&asked).await.unwrap().holders.len(),
        64,
        "nobody is sent round the world"
    );
    assert_eq!(client.classic_files(None, None, 9).await.unwrap().next.as_deref(), Some("b"));
    assert!(is_protocol(&client.classic_files(None, Some("b"), 9).await, "where this one did, or before"));
}
