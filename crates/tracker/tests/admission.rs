//! Who gets in, and who gets not as much as a file's name (B1).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::time::Duration;

use drizzle_model::{Invite, JoinSecret};
use drizzle_net::{Connection, Dialer, Expect, Identity, Protocol};
use drizzle_tracker::{Admission, Claim, Client, ClientError, Network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{Tracker, client_of, client_with, held_port, registration};

fn is_refused(answer: &Result<impl Sized, ClientError>) -> bool {
    matches!(answer, Err(ClientError::Refused { .. }))
}

#[tokio::test]
async fn only_the_right_secret_admits() {
    let tracker = Tracker::start(Admission::Invited).await;
    let invite = tracker.invite();
    let without = Invite { secret: None, ..invite.clone() };
    let wrong = Invite { secret: Some(JoinSecret::from_bytes([1; 32])), ..invite.clone() };
    assert!(is_refused(&client_with(without).join().await));
    assert!(is_refused(&client_with(wrong.clone()).join().await));
    let calls = client_with(wrong);
    assert!(is_refused(&calls.files(None, 1).await));
    assert!(is_refused(&calls.register(1, &[]).await));
    assert!(client_with(invite).join().await.is_ok());
}

#[tokio::test]
async fn an_open_network_takes_everyone() {
    let tracker = Tracker::start(Admission::Open).await;
    assert_eq!(tracker.invite().secret, None);
    assert!(tracker.client().join().await.is_ok());
}

/// The invite names the network's key: whoever else answers at that address learns nothing, not even a proof.
#[tokio::test]
async fn another_tracker_at_the_address_is_refused() {
    let tracker = Tracker::start(Admission::Open).await;
    let other = Network::ephemeral(Admission::Invited).unwrap();
    let answer = client_with(other.invite(vec![tracker.address.into()])).join().await;
    assert!(is_refused(&answer), "{answer:?}");
}

/// A peer whose ticket has run out joins again by itself: no call fails for it.
#[tokio::test]
async fn an_expired_ticket_is_replaced() {
    let tracker = Tracker::start(Admission::Invited).await;
    let client = tracker.client();
    let first = client.join().await.unwrap().ticket;
    tracker.clock.forward(Duration::from_secs(48 * 60 * 60));
    client.files(None, 1).await.unwrap();
    let second = client.membership().unwrap().ticket;
    assert!(second.expires_unix_s() > first.expires_unix_s());
}

async fn tls(tracker: &Tracker, identity: &Identity) -> Connection {
    let expect = Expect::Network(tracker.server.network().id());
    Dialer::new(identity).dial(&tracker.address.into(), Protocol::Api, expect).await.unwrap()
}

/// The status of the answer, and all of its text.
async fn ask<S>(mut stream: S, head: &str) -> (u16, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let request = format!("{head}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), answer)
}

/// A ticket is shown to every peer, so one that was seen must be worth nothing to the one who saw it.
#[tokio::test]
async fn a_ticket_of_another_peer_or_network_opens_nothing() {
    let tracker = Tracker::start(Admission::Invited).await;
    let client = tracker.client();
    client.register(1, &[registration("hidden", 1, Claim::All)]).await.unwrap();
    let stranger = Identity::ephemeral().unwrap();
    let seen = client.membership().unwrap().ticket;
    let other = drizzle_net::NetworkKey::ephemeral().unwrap().issue(stranger.id(), u64::MAX);
    let tickets = [seen.to_bytes().to_vec(), other.to_bytes().to_vec(), vec![], vec![1; 5]];
    for ticket in tickets.iter().map(|bytes| base64(bytes)).chain(["".into(), "!".into()]) {
        let head = format!("GET /v1/files HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}");
        let (status, answer) = ask(tls(&tracker, &stranger).await, &head).await;
        assert_eq!(status, 401, "{answer}");
        assert!(!answer.contains("hidden") && answer.contains(r#""kind":"ticket""#), "{answer}");
    }
    let (status, _) = ask(tls(&tracker, &stranger).await, "GET /v1/files HTTP/1.1\r\nhost: t").await;
    assert_eq!(status, 401);
}

/// A ticket that was found good on a connection is remembered there, but for no other ticket and not for ever.
#[tokio::test]
async fn a_good_ticket_on_a_connection_lets_no_other_one_through() {
    let tracker = Tracker::start(Admission::Invited).await;
    let identity = Identity::ephemeral().unwrap();
    let client = client_of(&identity, tracker.invite());
    let good = client.join().await.unwrap().ticket.to_bytes();
    let mut forged = good;
    forged[good.len() - 1] ^= 1;
    let mut connection = tls(&tracker, &identity).await;
    let mut status = async |ticket: &[u8]| {
        let head =
            format!("GET /v1/files HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\n\r\n", base64(ticket));
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            answer.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(answer).unwrap()[9..12].parse::<u16>().unwrap()
    };
    assert_eq!([status(&good).await, status(&forged).await, status(&good).await], [200, 401, 200]);
    tracker.clock.forward(Duration::from_secs(48 * 60 * 60));
    assert_eq!(status(&good).await, 401);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Plain HTTP from loopback: other users of the machine are there too, so a closed network wants its secret.
#[tokio::test]
async fn plain_http_asks_for_the_secret_of_a_closed_network() {
    let tracker = Tracker::start(Admission::Invited).await;
    tracker.client().register(1, &[registration("hidden", 1, Claim::All)]).await.unwrap();
    let text = tracker.invite().to_string();
    let secret = text.rsplit('/').next().unwrap();
    let plain = |head: String| {
        let address = tracker.address;
        async move { ask(TcpStream::connect(address).await.unwrap(), &head).await }
    };
    let with = |host: &str, token: &str| {
        format!("GET /v1/files HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}")
    };
    let (status, answer) = plain(with("127.0.0.1:7440", secret)).await;
    assert!(status == 200 && answer.contains("hidden"), "{answer}");
    let wrong = "0".repeat(64);
    for (head, expected) in [
        ("GET /v1/files HTTP/1.1\r\nhost: localhost".to_owned(), 401),
        (with("localhost", &wrong), 401),
        (with("localhost", &secret[1..]), 401),
        (with("evil.example", secret), 403),
        (with("", secret), 403),
    ] {
        let (status, answer) = plain(head.clone()).await;
        assert!(status == expected && !answer.contains("hidden"), "{head}: {answer}");
    }
    assert_eq!(plain("GET /healthz HTTP/1.1\r\nhost: t".to_owned()).await.0, 200);
}

/// Over plain HTTP nobody has a key, so nothing can be changed, secret or not.
#[tokio::test]
async fn plain_http_changes_nothing() {
    let tracker = Tracker::start(Admission::Open).await;
    let (status, answer) =
        ask(TcpStream::connect(tracker.address).await.unwrap(), "GET /v1/files HTTP/1.1\r\nhost: localhost")
            .await;
    assert_eq!(status, 200, "an open network answers questions: {answer}");
    for call in ["join", "register", "haves", "unregister", "renew", "leave", "reports"] {
        let head = format!("POST /v1/{call} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0");
        let (status, answer) = ask(TcpStream::connect(tracker.address).await.unwrap(), &head).await;
        assert_eq!(status, 403, "{call}: {answer}");
    }
}

/// B4: the same key and secret after a restart, and the client comes back by itself.
#[tokio::test]
async fn a_restarted_tracker_is_the_same_and_its_peers_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Network::load_or_create(dir.path(), Admission::Invited).unwrap();
    let port = held_port();
    let address = port.local_addr().unwrap();
    let tracker = Tracker::start_with(open(), address).await;
    let invite = tracker.invite();
    let identity = Identity::ephemeral().unwrap();
    let client = client_of(&identity, invite.clone());
    let file = registration("a", 1, Claim::All);
    client.register(1, std::slice::from_ref(&file)).await.unwrap();
    tracker.stop().await;

    let down = client.renew(Some(1)).await;
    assert!(matches!(down, Err(ClientError::Unreachable { .. } | ClientError::Lost { .. })), "{down:?}");

    let tracker = Tracker::start_with(open(), address).await;
    assert_eq!(tracker.invite(), invite);
    assert!(matches!(client.renew(Some(1)).await, Err(ClientError::Lapsed)), "the ticket still holds");
    client.register(1, &[file]).await.unwrap();
    assert_eq!(tracker.client().files(None, 9).await.unwrap().files.len(), 1);
}

/// The tracker of another network at the old place is not taken for the old one.
#[tokio::test]
async fn a_tracker_with_a_new_key_is_another_one() {
    let port = held_port();
    let address = port.local_addr().unwrap();
    let tracker = Tracker::start_with(Network::ephemeral(Admission::Invited).unwrap(), address).await;
    let client = tracker.client();
    client.join().await.unwrap();
    tracker.stop().await;
    let _other = Tracker::start_with(Network::ephemeral(Admission::Invited).unwrap(), address).await;
    let answer = client.renew(Some(1)).await;
    assert!(is_refused(&answer), "{answer:?}");
}

/// An invite with several addresses works when only the last one does, and says of each what was wrong when none does.
#[tokio::test]
async fn the_addresses_of_an_invite_are_tried_in_turn() {
    let tracker = Tracker::start(Admission::Invited).await;
    let dead: Vec<_> = ["127.0.0.1:1", "127.0.0.2:1"].map(|address| address.parse().unwrap()).into();
    let mut addresses = dead.clone();
    addresses.push(tracker.address.into());
    assert!(client_with(tracker.server.network().invite(addresses)).join().await.is_ok());
    let answer = client_with(tracker.server.network().invite(dead)).join().await;
    let Err(ClientError::Unreachable { reason }) = answer else { unreachable!("{answer:?}") };
    assert!(reason.contains("127.0.0.1:1") && reason.contains("127.0.0.2:1"), "{reason}");
}

#[tokio::test]
async fn calls_at_once_join_once_and_do_not_wait_for_each_other() {
    let tracker = Tracker::start(Admission::Invited).await;
    let client: Client = tracker.client();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let client = client.clone();
                async move { client.files(None, 1).await.map(drop) }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.join().await.unwrap().number, 1);
    assert_eq!(tracker.client().join().await.unwrap().number, 2, "one peer has joined before");
}
