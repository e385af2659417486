//! Callers who do not belong: they get nothing of what is shared, not even a file's name, and nobody is
//! served worse for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use drizzle_model::{ContentHash, PeerId};
use drizzle_net::{Connection, Dialer, Expect, Identity, NetworkKey, Protocol};
use drizzle_tracker::Client;
use drizzle_wire::{Agent, Channel, ChannelKind, Chunks, Message, TicketBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::support::folder::assert_same;
use crate::support::home::Home;
use crate::support::noise;
use crate::support::peer::hear;
use crate::support::process::DEADLINE;
use crate::support::swarm::{Sharer, Tracker};

/// How a caller is answered, after all it said: the tags of the messages.
async fn ask(mut connection: Connection, ticket: Option<Vec<u8>>, hash: ContentHash) -> Vec<Message> {
    let mut words = Vec::new();
    if let Some(ticket) = ticket {
        let ticket = TicketBytes::new(ticket).unwrap();
        Message::Hello { version: 1, ticket, listen_port: None, agent: Agent::clip("stranger") }
            .encode(&mut words);
    }
    let (channel, kind) = (Channel::new(0), ChannelKind::Bytes);
    Message::Open { channel, hash, kind, have: None }.encode(&mut words);
    Message::Want { channel, chunks: Chunks::new(vec![0]).unwrap() }.encode(&mut words);
    // It may hang up before it has heard all.
    let _ = connection.write_all(&words).await;
    let _ = connection.flush().await;
    let mut heard = Vec::new();
    while let Ok(Ok(message)) = tokio::time::timeout(DEADLINE, hear(&mut connection)).await {
        let is_answer = message.is_none() || matches!(message, Some(Message::Opened { .. }));
        heard.extend(message);
        if is_answer {
            break;
        }
    }
    heard
}

async fn call(identity: &Identity, to: SocketAddr, expected: PeerId) -> Connection {
    Dialer::new(identity).dial(&to.into(), Protocol::Peer, Expect::Peer(expected)).await.unwrap()
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// B1: without a ticket, with one that has ended, one of another network, one that was stolen from another
/// peer, or one that nobody signed, a caller that knows the file's hash hears a goodbye at most. A control
/// shows that a good ticket is answered. Would fail if any check of a ticket were left out.
#[test]
fn without_a_ticket_of_ones_own_nothing_is_told() {
    let (tracker, other, there) = (Tracker::start(), Tracker::start(), Home::new());
    let sharer = Sharer::start_at(&tracker, &there, &there.file("secret plans", b"nobody's business"));
    let (hash, peer): (_, PeerId) = (sharer.parsed_link().hash, sharer.peer.parse().unwrap());
    let key = NetworkKey::load_or_create(&tracker.home.join("data/network.key")).unwrap();
    assert_eq!(key.id(), tracker.invite().network);
    let [me, victim] = [(); 2].map(|()| Identity::ephemeral().unwrap());
    let later = now_unix_s() + 3600;
    let ticket = |network: &NetworkKey, of: &Identity, ends: u64| {
        Some(network.issue(of.id(), ends).to_bytes().to_vec())
    };
    let good = ticket(&key, &me, later);
    let forged = good.clone().map(|mut ticket| {
        *ticket.last_mut().unwrap() ^= 1;
        ticket
    });
    let strangers = [
        ("no hello at all", None),
        ("no ticket", Some(Vec::new())),
        ("not a ticket", Some(noise::bytes(137, 1))),
        ("a ticket that has ended", ticket(&key, &me, now_unix_s() - 3600)),
        ("a stolen ticket", ticket(&key, &victim, later)),
        ("a ticket of a network of its own", ticket(&NetworkKey::ephemeral().unwrap(), &me, later)),
        ("a forged ticket", forged),
    ];
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let ask = async |ticket| ask(call(&me, sharer.listen, peer).await, ticket, hash).await;
        let served = ask(good.clone()).await;
        assert!(matches!(served[..], [Message::Hello { .. }, .., Message::Opened { .. }]), "{served:?}");
        for (what, ticket) in strangers {
            let heard = ask(ticket).await;
            assert!(matches!(heard[..], [] | [Message::Bye { .. }]), "{what}: {heard:?}");
        }
        // One of another tracker, got in the proper way.
        let client = Client::connect(other.invite(), me.id(), Dialer::new(&me)).await.unwrap();
        let heard = ask(Some(client.membership().unwrap().ticket.to_bytes().to_vec())).await;
        assert!(matches!(heard[..], [] | [Message::Bye { .. }]), "a ticket of another network: {heard:?}");
    });
    let here = Home::new();
    here.get(&sharer.link()).assert_code(0);
}

/// B1: the tracker tells a stranger no name either: no call of its API is answered without a ticket, and
/// plain HTTP not at all but for the question whether it lives.
#[test]
fn the_tracker_tells_strangers_no_name() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let _sharer = Sharer::start_at(&tracker, &there, &there.file("secret plans", b"data"));
    let me = Identity::ephemeral().unwrap();
    let calls = ["/v1/files", "/v1/search?q=plans", "/v1/locate?name=secret%20plans"];
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: tracker\r\nConnection: close\r\n\r\n");
    let is_told = |answer: &[u8]| answer.windows(5).any(|part| part == b"plans");
    Runtime::new().unwrap().block_on(async {
        for path in calls {
            let network = Expect::Network(tracker.invite().network);
            let mut line =
                Dialer::new(&me).dial(&tracker.listen.into(), Protocol::Api, network).await.unwrap();
            line.write_all(request(path).as_bytes()).await.unwrap();
            line.flush().await.unwrap();
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(DEADLINE, line.read_to_end(&mut answer)).await.unwrap();
            assert!(
                answer.starts_with(b"HTTP/1.1 4") && !is_told(&answer),
                "{path}: {}",
                String::from_utf8_lossy(&answer)
            );
        }
    });
    for path in calls {
        let mut plain = TcpStream::connect(tracker.listen).unwrap();
        plain.set_read_timeout(Some(DEADLINE)).unwrap();
        plain.write_all(request(path).as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(
            !is_told(&answer) && !answer.starts_with(b"HTTP/1.1 2"),
            "{path}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

/// S0.1: many callers that say nothing, garbage, or half of something keep nobody from being served. Would
/// fail if they were served one after the other, which takes minutes, or if one of them brought the process down.
#[test]
fn callers_that_say_nothing_or_nonsense_delay_nobody() {
    let (tracker, there) = (Tracker::start(), Home::new());
    let file = there.file("data", &noise::bytes(2 << 20, 1));
    let sharer = Sharer::start_at(&tracker, &there, &file);
    let mut kept = Vec::new();
    for to in [sharer.listen, tracker.listen] {
        for n in 0..100u64 {
            let mut stranger = TcpStream::connect(to).unwrap();
            let nonsense = noise::bytes(5000, n);
            let said: &[u8] = match n % 5 {
                0 => &[],
                1 => &nonsense,
                2 => &[0x16, 3, 1, 0x40, 0],
                3 => b"GET / HTTP/1.1\r\nX: ",
                _ => b"{\"files\": [",
            };
            // It may hang up at once.
            let _ = stranger.write_all(said);
            kept.push(stranger);
        }
    }
    let here = Home::new();
    let got = here.get(&sharer.link());
    got.assert_code(0);
    assert_same(&file, &here.out().join("data"));
    assert_eq!(tracker.names(), ["data"]);
    drop(kept);
}
