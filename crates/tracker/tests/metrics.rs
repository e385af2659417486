//! What Prometheus reads is what there is, and nobody can make it grow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use drizzle_tracker::{Admission, Claim};
use world::plain::ask;
use world::{Tracker, registration};

#[tokio::test]
async fn what_there_is_and_what_was_asked_is_counted() {
    let tracker = Tracker::start(Admission::Open).await;
    let files = [registration("a", 9, Claim::All), registration("b", 9, Claim::All)];
    for client in [tracker.client(), tracker.client()] {
        client.register(1, &files).await.unwrap();
    }
    for made_up in ["/made/up", "/made/up/2"] {
        ask(tracker.address, &format!("GET {made_up} HTTP/1.1\r\nhost: localhost\r\n")).await;
    }
    let answer = ask(tracker.address, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "# TYPE drizzle_tracker_requests counter",
        "# TYPE drizzle_tracker_request_duration_seconds histogram",
        "drizzle_tracker_peers 2",
        "drizzle_tracker_files 2",
        "drizzle_tracker_holdings 4",
        "drizzle_tracker_listeners 0",
        r#"drizzle_tracker_requests_total{call="/v1/register",code="200"} 2"#,
        r#"drizzle_tracker_requests_total{call="other",code="404"} 2"#,
        r#"drizzle_tracker_request_duration_seconds_count{call="/v1/join"} 2"#,
        "# EOF",
    ] {
        assert!(answer.body.lines().any(|said| said == line), "{line} is missing:\n{}", answer.body);
    }
    assert!(!answer.body.contains("made"), "what strangers make up is no label");
    let open = answer.body.lines().find_map(|line| line.strip_prefix("drizzle_tracker_connections "));
    assert!(open.unwrap().parse::<u32>().unwrap() >= 1, "the one that asks");
}

/// Whoever balances load or watches may ask whether the tracker lives, without any secret.
#[tokio::test]
async fn anyone_may_ask_whether_it_lives() {
    let tracker = Tracker::start(Admission::Invited).await;
    let answer = ask(tracker.address, "GET /healthz HTTP/1.1\r\nhost: tracker.example\r\n").await;
    assert_eq!((answer.status, &*answer.body), (200, r#"{"status":"ok"}"#));
}

/// Behind a proxy the name that was asked is the proxy's. What a closed network wants to see stays the same.
#[tokio::test]
async fn behind_a_proxy_the_name_does_not_matter_and_the_secret_does() {
    let head = "GET /v1/files HTTP/1.1\r\nhost: tracker.example\r\n";
    let status = async |admission, is_proxied: bool, with_secret: bool| {
        let network = drizzle_tracker::Network::ephemeral(admission).unwrap();
        let tracker = Tracker::start_on(network, |network, clock| {
            let server = drizzle_tracker::Server::with_clock(network, clock);
            if is_proxied { server.behind_proxy() } else { server }
        })
        .await;
        let bearer = if with_secret { tracker.bearer() } else { String::new() };
        ask(tracker.address, &format!("{head}{bearer}")).await.status
    };
    assert_eq!(status(Admission::Open, false, false).await, 403);
    assert_eq!(status(Admission::Open, true, false).await, 200);
    assert_eq!(status(Admission::Invited, false, true).await, 403);
    assert_eq!(status(Admission::Invited, true, false).await, 401);
    assert_eq!(status(Admission::Invited, true, true).await, 200);
}
