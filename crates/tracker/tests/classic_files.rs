//! What the API tells of the files of classic peers: in pages, by name, with who has them, to those who may ask and at trackers that
//! speak the classic protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_classic::{Dialect, Name};
use drizzle_model::Mtime;
use drizzle_tracker::{Admission, ClientError, Manner, Network, Search, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::Tracker;
use world::plain::ask;

async fn classic_tracker(admission: Admission) -> Tracker {
    let network = Network::ephemeral(admission).unwrap();
    Tracker::start_on(network, |network, clock| Server::with_clock(network, clock).with_classic()).await
}

/// Says something as a classic peer, and waits for the answer, so that the tracker has heard it.
async fn say(tracker: SocketAddr, message: &str) -> TcpStream {
    let mut peer = TcpStream::connect(tracker).await.unwrap();
    peer.write_all(message.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while heard.last() != Some(&b'\n') {
        heard.push(peer.read_u8().await.unwrap());
    }
    peer
}

fn files(of: impl IntoIterator<Item = (String, &'static str)>) -> String {
    let file = |(name, mtime)| format!(r#"{{"name":"{name}","mtime":{mtime}}}"#);
    of.into_iter().map(file).collect::<Vec<_>>().join(",")
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The newest of each name is told once, with how many have it; a time that no file can have is not told at all; who is silent
/// for 180 s is gone.
#[tokio::test]
async fn files_of_classic_peers_are_told_to_native_ones() {
    let tracker = classic_tracker(Admission::Invited).await;
    let own =
        |of: &[(&str, &'static str)]| files(of.iter().map(|(name, mtime)| ((*name).to_owned(), *mtime)));
    let one = own(&[("a", "10"), ("b", "1700000000.25"), ("endless", "1e300"), ("far", "1e17")]);
    let _one = say(tracker.address, &format!(r#"{{"port":8001,"files":[{one}]}}"#)).await;
    tracker.clock.forward(Duration::from_secs(100));
    let other = own(&[("a", "11"), ("b", "1700000000.25")]);
    let _other = say(tracker.address, &format!("{{\"port\":8002,\"files\":[{other}]}}\n")).await;
    let client = tracker.client();
    client.join().await.unwrap();
    assert!(client.is_classic());
    let page = client.classic_files(None, None, 9).await.unwrap();
    let listed: Vec<_> = page.files.iter().map(|file| (file.name.as_str(), file.mtime, file.peers)).collect();
    let quarter = Mtime::new(1_700_000_000, 250_000_000).unwrap();
    assert_eq!(listed, [("a", Mtime::from_seconds(11), 1), ("b", quarter, 2)]);
    assert_eq!(page.next, None);

    let located = client.locate_classic(&name("b")).await.unwrap();
    let mut holders: Vec<_> = located.holders.iter().map(|it| (it.address.port(), it.dialect)).collect();
    holders.sort();
    assert_eq!(holders, [(8001, Dialect::Unframed), (8002, Dialect::Lf)]);
    assert!(located.holders.iter().all(|holder| holder.address.ip().is_loopback()));
    assert_eq!(located.mtime, quarter);
    for unknown in ["c", "endless"] {
        assert!(matches!(client.locate_classic(&name(unknown)).await, Err(ClientError::NotFound)));
    }
    // They are no files of the directory, so copies of its listing stay right.
    assert_eq!(client.files(None, 9).await.unwrap().files, []);

    tracker.clock.forward(Duration::from_secs(80));
    let left = client.locate_classic(&name("b")).await.unwrap();
    assert_eq!(left.holders.iter().map(|it| it.address.port()).collect::<Vec<_>>(), [8002]);
    tracker.clock.forward(Duration::from_secs(100));
    assert_eq!(client.classic_files(None, None, 9).await.unwrap().files, []);
}

/// Would fail if a page led back, left out a name at its border, or a search cost one page for all.
#[tokio::test]
async fn a_long_list_comes_in_pages_and_is_searched() {
    let tracker = classic_tracker(Admission::Open).await;
    let many = files((0..2500).map(|number| (format!("File {number:04}"), "1")));
    let _peer = say(tracker.address, &format!("{{\"port\":8001,\"files\":[{many}]}}\n")).await;
    let client = tracker.client();
    let search = |pattern: &str, manner| Search {
        pattern: pattern.into(),
        manner,
        is_folded: pattern.starts_with('f'),
    };
    let count = async |search: Option<Search>, limit| {
        let (mut names, mut after, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let page = client.classic_files(search.as_ref(), after.as_deref(), limit).await.unwrap();
            assert!(page.files.len() <= limit);
            names.extend(page.files.into_iter().map(|file| file.name));
            pages += 1;
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert!(names.is_sorted());
        names.dedup();
        (names.len(), pages)
    };
    assert_eq!(count(None, 1000).await, (2500, 3));
    assert_eq!(count(Some(search("file 00", Manner::Prefix)), 30).await, (100, 4));
    assert_eq!(count(Some(search("*7?", Manner::Glob)), 1000).await.0, 250);
    let longest = "*a".repeat(250);
    assert_eq!(count(Some(search(&longest, Manner::Glob)), 1000).await.0, 0);
    // Asked for more, there is no more on a page.
    assert_eq!(client.classic_files(None, None, 100_000).await.unwrap().files.len(), 1000);
}

/// Whoever has not proved the secret hears no classic name either; and a tracker that is not classic has none.
#[tokio::test]
async fn only_who_may_ask_is_told_and_only_where_there_are_any() {
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}");
    let closed = classic_tracker(Admission::Invited).await;
    let _peer = say(closed.address, "{\"port\":8001,\"files\":[{\"name\":\"a\",\"mtime\":1}]}\n").await;
    for path in ["/v1/classic/files", "/v1/classic/locate?name=a"] {
        let refused = ask(closed.address, &get(path, "")).await;
        assert!(refused.status == 401 && !refused.body.contains("8001"), "{}", refused.body);
        let told = ask(closed.address, &get(path, &closed.bearer())).await;
        assert!(told.status == 200 && told.body.contains("\"mtime\":1"), "{}", told.body);
    }
    let plain = Tracker::start(Admission::Open).await;
    let none = ask(plain.address, &get("/v1/classic/files?q=a", "")).await;
    assert_eq!((none.status, &*none.body), (200, r#"{"files":[]}"#));
    assert_eq!(ask(plain.address, &get("/v1/classic/locate?name=a", "")).await.status, 404);
    assert_eq!(ask(plain.address, &get("/v1/classic/locate?nam=a", "")).await.status, 400);
    let client = plain.client();
    client.join().await.unwrap();
    assert!(!client.is_classic());
}
