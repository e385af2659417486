//! schemathesis reads the description of the API and asks for everything that it allows, and much that it does not: each answer must be
//! one that is described. It speaks plain HTTP, so its requests go through a bridge that proves a key, in the name of a member.
//!
//! Without schemathesis (`pip install schemathesis`) there is nothing to run here, and the test says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::net::SocketAddr;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drizzle_net::{Dialer, Expect, Identity, Protocol};
use drizzle_tracker::{Admission, Claim};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use world::{Tracker, registration};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml");

fn program() -> Option<&'static str> {
    ["schemathesis", "st"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("chemathesis"))
    })
}

/// A port where plain HTTP becomes that of a peer with this key.
async fn bridge(tracker: &Tracker, identity: Identity) -> SocketAddr {
    let (address, network) = (tracker.address, tracker.server.network().id());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut plain, _) = listener.accept().await.unwrap();
            let dialer = Dialer::new(&identity);
            tokio::spawn(async move {
                let dialled = dialer.dial(&address.into(), Protocol::Api, Expect::Network(network)).await;
                // Either side may end it.
                let _ = copy_bidirectional(&mut plain, &mut dialled.unwrap()).await;
            });
        }
    });
    port
}

/// Runs schemathesis with these words; all that it says must be that nothing is wrong.
async fn run(program: &'static str, address: SocketAddr, token: String, more: &'static [&'static str]) {
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["--config-file", CONFIG, "run", &format!("http://{address}/v1/openapi.json")])
            .args(["-H", &format!("Authorization: Bearer {token}"), "--no-color"])
            // It does not end by itself; tests of their own are about it.
            .args(["--exclude-path", "/v1/events"])
            .args(more)
            .env("HYPOTHESIS_STORAGE_DIRECTORY", std::env::temp_dir().join("drizzle-schemathesis"))
            .current_dir(std::env::temp_dir())
            .output()
    });
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_is_described() {
    let Some(program) = program() else {
        eprintln!("skipped: schemathesis is not installed");
        return;
    };
    let tracker = Tracker::start(Admission::Invited).await;
    tracker.client().register(1, &[registration("a", 9, Claim::All)]).await.unwrap();
    let identity = Identity::ephemeral().unwrap();
    let ticket = tracker.server.local_client(identity.id()).join().await.unwrap().ticket;
    let member = bridge(&tracker, identity).await;
    run(program, member, URL_SAFE_NO_PAD.encode(ticket.to_bytes()), &["--max-examples", "20"]).await;
    // Over plain HTTP questions are answered, and nothing else.
    let secret = tracker.bearer().trim().rsplit(' ').next().unwrap().to_owned();
    run(program, tracker.address, secret, &["--phases", "coverage", "--include-method", "GET"]).await;
}
