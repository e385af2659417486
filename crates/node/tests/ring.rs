//! A ring node in this process, and strangers who do not keep to its rules.

#![allow(clippy::unwrap_used)] // A test that cannot go on should say where, and stop.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use drizzle_model::{Address, ContentHash, Invite, JoinSecret, PeerId};
use drizzle_net::{Connection, Dialer, Expect, Identity, NetworkKey, Protocol, is_signed_by};
use drizzle_node::{Listen, Node, RingEvent, RingNode, RingSettings, Settings};
use drizzle_ring::{
    Answer, Ask, Breadth, CallId, Content, Key, Lease, Message, Offered, Record, RecordId, Space,
};
use drizzle_wire::{RingContext, RingFrame, RingHello, RingStage, TicketBytes};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;

/// Longer than anything takes that works.
const DEADLINE: Duration = Duration::from_secs(30);

async fn member(state: &Path) -> (Node, RingNode) {
    let (node, ring, _events) = member_at(state, [127, 0, 0, 1].into(), None).await;
    (node, ring)
}

async fn member_at(
    state: &Path,
    ip: IpAddr,
    join: Option<Invite>,
) -> (Node, RingNode, UnboundedReceiver<RingEvent>) {
    let mut settings = Settings::new(state.to_owned());
    settings.listen = Listen { ip, port: 0, otherwise_any_port: false };
    let (node, _events) = Node::start(settings).await.unwrap();
    let settings = RingSettings {
        join,
        is_open: false,
        place: None,
        ping: Duration::from_secs(5),
        successors: 16,
        replicas: 3,
        quota_bytes: 1 << 30,
    };
    let (ring, mut events) = node.start_ring(settings).await.unwrap();
    while !matches!(events.recv().await.unwrap(), RingEvent::Joined) {}
    (node, ring, events)
}

/// Somebody who knows the secret, and says hello as a member.
struct Insider {
    identity: Identity,
    connection: Connection,
}

impl Insider {
    async fn meet(ring: &RingNode, ticket_of: &JoinSecret) -> Self {
        let identity = Identity::ephemeral().unwrap();
        let address: Address = ring.invite().addresses[0].clone();
        let dialer = Dialer::new(&identity);
        let mut connection = dialer.dial(&address, Protocol::Ring, Expect::AnyPeer).await.unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let ticket = NetworkKey::from_secret(ticket_of).issue(identity.id(), now + 3600);
        let hello = RingHello {
            version: 1,
            ticket: TicketBytes::new(ticket.to_bytes().to_vec()).unwrap(),
            listen_port: 1.try_into().ok(),
            bits: 256,
            id: 0,
        };
        say(&mut connection, &RingFrame::Hello(hello)).await;
        Self { identity, connection }
    }

    /// The next frame; none when the other has hung up.
    async fn hear(&mut self) -> Option<RingFrame> {
        let hearing = async {
            let mut head = [0; 4];
            self.connection.read_exact(&mut head).await.ok()?;
            let mut body = vec![0; RingFrame::body_len(head, RingStage::Admitted).unwrap()];
            self.connection.read_exact(&mut body).await.ok()?;
            let context = RingContext { space: Space::FULL, is_signed: is_signed_by };
            RingFrame::decode(&body, context).ok()
        };
        tokio::time::timeout(DEADLINE, hearing).await.unwrap()
    }

    /// Whether the other still answers.
    async fn is_answered(&mut self) -> bool {
        say(&mut self.connection, &RingFrame::Message(Message::Ask(CallId(77), Ask::Ping))).await;
        while let Some(frame) = self.hear().await {
            if let RingFrame::Message(Message::Answer(CallId(77), Answer::Pong)) = frame {
                return true;
            }
        }
        false
    }
}

async fn say(connection: &mut Connection, frame: &RingFrame) {
    let mut bytes = Vec::new();
    frame.encode(Space::FULL, &mut bytes);
    // The other may have hung up already; that shows when it is listened to.
    let _ = connection.write_all(&bytes).await;
    let _ = connection.flush().await;
}

/// A record that says it is of somebody, with a signature that is or is not theirs.
fn put(publisher: PeerId, sign: impl Fn(&[u8]) -> [u8; 64]) -> RingFrame {
    let content = Content {
        id: RecordId { key: Key::from_bytes([1; 32]), publisher, subject: ContentHash::from_bytes([2; 32]) },
        version: 1,
        lease: Lease::Until(u64::MAX),
        rank: 0,
        blob_bytes: Some(1),
        withdrawn: false,
        value: Vec::new(),
    };
    let signature = sign(&content.signed_bytes());
    let record = Record::checked(content, signature, |_, _, _| true).unwrap();
    let offers = vec![Offered { record, has_blob: false }];
    RingFrame::Message(Message::Ask(CallId(5), Ask::Put(offers)))
}

/// Would fail if a record were taken that its publisher has not signed, or if one bad frame ended more than its line.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_ends_the_line_and_nothing_else() {
    let state = TempDir::new().unwrap();
    let (node, ring) = member(state.path()).await;
    let secret = ring.invite().secret.clone().unwrap();

    let mut honest = Insider::meet(&ring, &secret).await;
    assert!(matches!(honest.hear().await, Some(RingFrame::Hello(_))));
    let own = honest.identity.clone();
    say(&mut honest.connection, &put(own.id(), |bytes| own.sign(bytes))).await;
    assert!(honest.is_answered().await);
    assert_eq!(ring.state().await.unwrap().records, 1);

    let mut forger = Insider::meet(&ring, &secret).await;
    assert!(matches!(forger.hear().await, Some(RingFrame::Hello(_))));
    let other = forger.identity.clone();
    say(&mut forger.connection, &put(own.id(), |bytes| other.sign(bytes))).await;
    assert!(!forger.is_answered().await);

    let mut loud = Insider::meet(&ring, &secret).await;
    assert!(matches!(loud.hear().await, Some(RingFrame::Hello(_))));
    loud.connection.write_all(&[0xff; 4096]).await.unwrap();
    loud.connection.flush().await.unwrap();
    assert!(!loud.is_answered().await);

    assert!(honest.is_answered().await);
    assert_eq!(ring.state().await.unwrap().records, 1);
    ring.quit().await;
    node.shutdown().await;
}

/// Whoever signs its ticket with another key learns nothing but that it is not let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_secret_admits_nobody() {
    let state = TempDir::new().unwrap();
    let (node, ring) = member(state.path()).await;
    let mut stranger = Insider::meet(&ring, &JoinSecret::from_bytes([7; 32])).await;
    assert!(matches!(stranger.hear().await, Some(RingFrame::Bye { .. })));
    assert!(stranger.hear().await.is_none());
    ring.quit().await;
    node.shutdown().await;
}

/// Two members of one machine know each other by loopback. Would fail if one of another machine were told so, and called itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_machine_hears_of_loopback() {
    let states = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let any = IpAddr::from([0, 0, 0, 0]);
    let (node, ring, mut events) = member_at(states[0].path(), any, None).await;
    let own: SocketAddr = ring.invite().addresses[0].to_string().parse().unwrap();
    if own.ip().is_loopback() {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    }
    let near = Address::from(SocketAddr::new([127, 0, 0, 1].into(), own.port()));
    let through = Invite { addresses: vec![near], ..ring.invite().clone() };
    let (other_node, other, _events) = member_at(states[1].path(), any, Some(through)).await;
    let known = async {
        loop {
            if let RingEvent::Neighbours { successors, .. } = events.recv().await.unwrap()
                && let Some(first) = successors.first()
            {
                break first.address;
            }
        }
    };
    let known = tokio::time::timeout(DEADLINE, known).await.unwrap();
    assert!(known.ip().is_loopback(), "it joined by loopback");

    let secret = ring.invite().secret.clone().unwrap();
    let mut far = Insider::meet(&ring, &secret).await;
    assert!(matches!(far.hear().await, Some(RingFrame::Hello(_))));
    let target = Space::FULL.place(&Key::from_bytes([7; 32]));
    let route = Ask::Route { target, breadth: Breadth::All };
    say(&mut far.connection, &RingFrame::Message(Message::Ask(CallId(9), route))).await;
    let named = loop {
        let frame = far.hear().await.unwrap();
        if let RingFrame::Message(Message::Answer(CallId(9), Answer::Route { nearer, owners })) = frame {
            break nearer.into_iter().chain(owners).find(|one| one.peer == other.me().peer);
        }
    };
    assert_eq!(named.unwrap().address, SocketAddr::new(own.ip(), known.port()));
    other.quit().await;
    ring.quit().await;
    other_node.shutdown().await;
    node.shutdown().await;
}
