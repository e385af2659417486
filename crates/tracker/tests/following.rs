//! Whoever follows a directory hears of what changes, as an answer or as events, misses nothing in silence, and costs no more than the
//! limits allow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_tracker::limits::{LISTENERS_PER_HOST_MAX, WRITE_TIMEOUT};
use drizzle_tracker::{Admission, Claim};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use world::plain::ask;
use world::{Tracker, key, registration};

/// Long enough for anything that is not broken.
const LONG: Duration = Duration::from_secs(30);

/// A stream of events.
struct Listener {
    lines: BufReader<TcpStream>,
    status: u16,
}

#[derive(Debug)]
struct Event {
    id: u64,
    name: String,
    data: Value,
}

impl Listener {
    async fn start(tracker: SocketAddr, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(tracker).await.unwrap();
        let head = format!("GET /v1/events{query} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let mut listener = Self { lines, status: head[9..12].parse().unwrap() };
        if listener.status == 200 {
            // From here on nothing is missed.
            listener.line("retry:").await;
        }
        listener
    }

    /// The next line that begins like that.
    async fn line(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let read = timeout(LONG, self.lines.read_line(&mut line)).await.unwrap().unwrap();
            assert_ne!(read, 0, "the stream ended, expected {start}");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    async fn event(&mut self) -> Event {
        let id = self.line("id:").await.parse().unwrap();
        let name = self.line("event:").await;
        let data = serde_json::from_str(&self.line("data:").await).unwrap();
        Event { id, name, data }
    }
}

async fn json(tracker: &Tracker, path: &str) -> Value {
    let answer = ask(tracker.address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n")).await;
    serde_json::from_str(&answer.body).unwrap()
}

/// Added, changed, removed, and peers that come and go: all are told in order, with versions by which to go on.
#[tokio::test]
async fn what_changes_is_told_as_it_happens() {
    let tracker = Tracker::start(Admission::Open).await;
    let mut listener = Listener::start(tracker.address, "", "").await;
    let (one, two) = (tracker.client(), tracker.client());
    one.register(1, &[registration("a", 9, Claim::All)]).await.unwrap();
    two.register(2, &[registration("a", 9, Claim::All)]).await.unwrap();
    one.unregister(&[key("a", 9)]).await.unwrap();
    two.leave().await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 7 {
        heard.push(listener.event().await);
    }
    let names: Vec<_> = heard.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["came", "added", "came", "changed", "changed", "went", "removed"]);
    assert!(heard.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!((&heard[1].data["file"]["name"], &heard[3].data["file"]["peers"]), (&"a".into(), &2.into()));
    assert_eq!(heard[0].data["number"], 1);

    let since = heard[2].id;
    let changes = json(&tracker, &format!("/v1/changes?since={since}&limit=3")).await;
    let answered = changes["changes"].as_array().unwrap();
    assert_eq!((answered.len(), &changes["more"]), (3, &true.into()));
    assert_eq!(answered[0], heard[3].data, "an event and an answer say the same");
    let rest = json(&tracker, &format!("/v1/changes?since={}", changes["version"])).await;
    assert_eq!((rest["changes"].as_array().unwrap().len(), &rest["more"]), (1, &false.into()));
}

/// Whoever comes again after a break hears what it missed, and `reset` when that is not known any more.
#[tokio::test]
async fn a_listener_goes_on_where_it_was() {
    let tracker = Tracker::start(Admission::Open).await;
    let client = tracker.client();
    let mut listener = Listener::start(tracker.address, "", "").await;
    client.register(1, &[registration("a", 9, Claim::All)]).await.unwrap();
    let came = listener.event().await;
    drop(listener);
    client.register(1, &[registration("b", 9, Claim::All)]).await.unwrap();
    let mut again = Listener::start(tracker.address, "", &format!("last-event-id: {}\r\n", came.id)).await;
    for name in ["a", "b"] {
        assert_eq!(again.event().await.data["file"]["name"], name);
    }
    let mut asked = Listener::start(tracker.address, &format!("?since={}", came.id), "").await;
    assert_eq!(asked.event().await.data["file"]["name"], "a");
    for unknown in ["1", "18446744073709551615", "x"] {
        let mut lost = Listener::start(tracker.address, "", &format!("last-event-id: {unknown}\r\n")).await;
        let reset = lost.event().await;
        assert_eq!((&*reset.name, &reset.data["version"]), ("reset", &reset.id.into()));
        client.unregister(&[key("b", 9)]).await.unwrap();
        assert_eq!(lost.event().await.name, "removed", "and it goes on from there");
        client.register(1, &[registration("b", 9, Claim::All)]).await.unwrap();
    }
    let too_old = ask(tracker.address, "GET /v1/changes?since=1 HTTP/1.1\r\nhost: localhost\r\n").await;
    assert_eq!(too_old.status, 410);
    assert!(
        too_old.body.contains(r#""kind":"too-old""#) && too_old.body.contains("list anew"),
        "{}",
        too_old.body
    );
}

/// Versions of a tracker that was started again are greater than those before: nobody takes one for the other.
#[tokio::test]
async fn versions_grow_over_a_restart() {
    let tracker = Tracker::start(Admission::Open).await;
    tracker.client().register(1, &[registration("a", 9, Claim::All)]).await.unwrap();
    let before = json(&tracker, "/v1/files").await["version"].as_u64().unwrap();
    assert!(before < 1 << 53, "what JSON numbers hold everywhere");
    let network = tracker.stop().await;
    let later = |network, clock: world::HandClock| {
        clock.forward(Duration::from_secs(1));
        drizzle_tracker::Server::with_clock(network, clock)
    };
    let tracker = Tracker::start_on(network, later).await;
    let after = json(&tracker, "/v1/files").await["version"].as_u64().unwrap();
    assert!(after > before, "{before}, {after}");
}

/// Listeners of one host leave room for others, and a place is free again when its listener is gone.
#[tokio::test]
async fn there_are_so_many_listeners_of_one_host() {
    let tracker = Tracker::start(Admission::Open).await;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS_PER_HOST_MAX {
        listeners.push(Listener::start(tracker.address, "", "").await);
    }
    let refused = Listener::start(tracker.address, "", "").await;
    assert_eq!(refused.status, 503);
    let metrics = ask(tracker.address, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n").await.body;
    assert!(metrics.contains(&format!("drizzle_tracker_listeners {LISTENERS_PER_HOST_MAX}\n")), "{metrics}");
    drop(listeners);
    let again = async {
        while Listener::start(tracker.address, "", "").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, again).await.unwrap();
}

/// A closed network tells strangers nothing, here as elsewhere.
#[tokio::test]
async fn a_stranger_hears_nothing() {
    let tracker = Tracker::start(Admission::Invited).await;
    for path in ["/v1/events", "/v1/changes?since=0", "/metrics"] {
        let answer = ask(tracker.address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n")).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let bearer = tracker.bearer();
    assert_eq!(Listener::start(tracker.address, "", &bearer).await.status, 200);
}

/// A listener that does not read is hung up on by the time-out of writing; what it did not read is kept nowhere but in the log.
#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    assert!(WRITE_TIMEOUT < LONG, "for this test to end");
    let tracker = Tracker::start(Admission::Open).await;
    let deaf = Listener::start(tracker.address, "", "").await;
    let client = tracker.client();
    let long = "x".repeat(250);
    let many: Vec<_> =
        (0..400).map(|n| registration(&format!("{long}/{long}/{long}/{n}"), 9, Claim::All)).collect();
    let cut_off = async {
        loop {
            client.register(1, &many).await.unwrap();
            client.leave().await.unwrap();
            let metrics = ask(tracker.address, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n").await.body;
            if metrics.contains("drizzle_tracker_listeners 0\n") {
                return;
            }
        }
    };
    timeout(2 * LONG, cut_off).await.unwrap();
    let mut rest = Vec::new();
    let mut deaf = deaf.lines.into_inner();
    // It may be told by an end or by an error.
    let _ = deaf.read_to_end(&mut rest).await;
}
