//! The description of the API is the one that was read and kept, is served, and speaks of every call.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeSet;
use std::path::Path;

use drizzle_tracker::Admission;
use serde_json::Value;
use world::Tracker;
use world::plain::ask;

async fn served() -> String {
    let tracker = Tracker::start(Admission::Invited).await;
    let answer = ask(tracker.address, "GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n").await;
    assert_eq!(answer.status, 200, "anyone may read the description");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.body
}

/// A call that changes for its users must be seen by whoever reviews the change. UPDATE=1 writes the description anew.
#[tokio::test]
async fn the_description_is_the_one_that_was_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let served = served().await;
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        served == kept,
        "docs/openapi.json is not what is served; run this test with UPDATE=1, and read the change"
    );
}

/// Every call is described, no other one, and each with its errors as problem details and with what it needs to be let in.
#[tokio::test]
async fn every_call_is_described_with_its_errors() {
    let api: Value = serde_json::from_str(&served().await).unwrap();
    assert_eq!(api["openapi"], "3.1.0");
    let calls: BTreeSet<_> = api["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/healthz",
        "/metrics",
        "/v1/changes",
        "/v1/classic/files",
        "/v1/classic/locate",
        "/v1/events",
        "/v1/files",
        "/v1/haves",
        "/v1/join",
        "/v1/leave",
        "/v1/locate",
        "/v1/openapi.json",
        "/v1/register",
        "/v1/renew",
        "/v1/reports",
        "/v1/search",
        "/v1/unregister",
    ];
    assert_eq!(calls, BTreeSet::from(expected));
    let for_anyone = ["/healthz", "/v1/join", "/v1/openapi.json"];
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let needs_bearer = call["security"][0].get("bearer").is_some();
            assert_eq!(needs_bearer, !for_anyone.contains(&path.as_str()), "{method} {path}");
            assert!(call["summary"].is_string(), "{method} {path}");
            let responses = call["responses"].as_object().unwrap();
            for status in ["200", "405", "408"] {
                assert!(responses.contains_key(status), "{method} {path}: {status}");
            }
            for (status, response) in responses.iter().filter(|(status, _)| *status != "200") {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path}: {status}");
            }
        }
    }
}

/// What is said of methods is so: another one than the described is 405, with those that there are.
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let tracker = Tracker::start(Admission::Open).await;
    let api: Value = serde_json::from_str(&served().await).unwrap();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let method = if methods.get("get").is_some() { "POST" } else { "GET" };
        let answer = ask(tracker.address, &format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n")).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        let allowed = answer.header("allow").unwrap_or_default();
        assert!(!allowed.is_empty() && !allowed.contains(method), "{method} {path}: {allowed}");
        assert!(answer.body.contains(r#""kind":"method-not-allowed""#), "{}", answer.body);
    }
    let answer = ask(tracker.address, "GET /v1/no HTTP/1.1\r\nhost: localhost\r\n").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains(r#""kind":"no-such-call""#), "{}", answer.body);
}
