//! Two ends on loopback, real sockets: who gets through, who does not, and what each side learns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drizzle_model::{Address, PeerId};
use drizzle_net::{
    AcceptError, Accepted, Acceptor, Connection, DialError, Dialer, Expect, Identity, NetworkKey, Protocol,
    Remote, Timeouts,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

type Outcome = Result<Accepted, AcceptError>;

/// One listener that answers a single caller.
struct Callee {
    id: PeerId,
    address: Address,
    outcome: JoinHandle<Outcome>,
}

async fn callee(network: Option<&NetworkKey>, timeouts: Timeouts) -> Callee {
    let identity = Identity::ephemeral().unwrap();
    let acceptor = Acceptor::new(&identity, network).unwrap().with_timeouts(timeouts);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let outcome = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await });
    Callee { id: identity.id(), address, outcome }
}

fn dialer() -> (PeerId, Dialer) {
    let identity = Identity::ephemeral().unwrap();
    (identity.id(), Dialer::new(&identity))
}

fn short() -> Timeouts {
    let moment = Duration::from_millis(100);
    Timeouts { connect: moment, first_byte: moment, handshake: moment }
}

async fn raw(address: &Address) -> TcpStream {
    TcpStream::connect((address.host(), address.port())).await.unwrap()
}

async fn connected() -> (Connection, Connection) {
    let callee = callee(None, Timeouts::default()).await;
    let (_, dialer) = dialer();
    let ours = dialer.dial(&callee.address, Protocol::Peer, Expect::Peer(callee.id)).await.unwrap();
    match callee.outcome.await.unwrap() {
        Ok(Accepted::Peer(_, theirs)) => (ours, theirs),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_sides_learn_each_others_key() {
    let callee = callee(None, Timeouts::default()).await;
    let (caller, dialer) = dialer();
    let ours = dialer.dial(&callee.address, Protocol::Peer, Expect::Peer(callee.id)).await.unwrap();
    assert_eq!(ours.remote(), Remote::Peer(callee.id));
    let Ok(Accepted::Peer(peer, theirs)) = callee.outcome.await.unwrap() else { panic!("no peer") };
    assert_eq!(peer, caller);
    assert_eq!(theirs.remote(), Remote::Peer(caller));
    assert_eq!(theirs.remote_addr(), ours.local_addr());
    assert_eq!(theirs.local_addr(), ours.remote_addr());
}

#[tokio::test]
async fn whoever_answers_is_known_when_nobody_was_expected() {
    let callee = callee(None, Timeouts::default()).await;
    let ours = dialer().1.dial(&callee.address, Protocol::Peer, Expect::AnyPeer).await.unwrap();
    assert_eq!(ours.remote(), Remote::Peer(callee.id));
}

/// One port, two keys: the protocol asked for decides which one is shown.
#[tokio::test]
async fn the_api_is_served_under_the_networks_key() {
    let network = NetworkKey::ephemeral().unwrap();
    let (caller, dialer) = dialer();

    let tracker = callee(Some(&network), Timeouts::default()).await;
    let api = dialer.dial(&tracker.address, Protocol::Api, Expect::Network(network.id())).await.unwrap();
    assert_eq!(api.remote(), Remote::Network(network.id()));
    assert!(matches!(tracker.outcome.await.unwrap(), Ok(Accepted::Api(peer, _)) if peer == caller));

    let tracker = callee(Some(&network), Timeouts::default()).await;
    let peer = dialer.dial(&tracker.address, Protocol::Peer, Expect::Peer(tracker.id)).await.unwrap();
    assert_eq!(peer.remote(), Remote::Peer(tracker.id));
    assert!(matches!(tracker.outcome.await.unwrap(), Ok(Accepted::Peer(peer, _)) if peer == caller));
}

/// A ring is spoken to under the peer's own key, whether or not a tracker is there too.
#[tokio::test]
async fn a_ring_is_answered_by_the_peer() {
    let network = NetworkKey::ephemeral().unwrap();
    let callee = callee(Some(&network), Timeouts::default()).await;
    let (caller, dialer) = dialer();
    let ring = dialer.dial(&callee.address, Protocol::Ring, Expect::Peer(callee.id)).await.unwrap();
    assert_eq!(ring.remote(), Remote::Peer(callee.id));
    assert!(matches!(callee.outcome.await.unwrap(), Ok(Accepted::Ring(peer, _)) if peer == caller));
}

/// The caller hangs up before it has shown its own key.
#[tokio::test]
async fn a_wrong_key_is_refused_and_named() {
    let callee = callee(None, Timeouts::default()).await;
    let expected = Expect::Peer(PeerId::from_bytes([7; 32]));
    match dialer().1.dial(&callee.address, Protocol::Peer, expected).await {
        Err(DialError::WrongKey { expected: e, received, .. }) => {
            assert_eq!((e, received), (expected, callee.id));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(callee.outcome.await.unwrap(), Err(AcceptError::Handshake(_))));
}

#[tokio::test]
async fn another_networks_tracker_is_refused() {
    let [ours, theirs] = [(); 2].map(|()| NetworkKey::ephemeral().unwrap());
    let tracker = callee(Some(&theirs), Timeouts::default()).await;
    let dialled = dialer().1.dial(&tracker.address, Protocol::Api, Expect::Network(ours.id())).await;
    assert!(matches!(dialled, Err(DialError::WrongKey { .. })), "{dialled:?}");
}

#[tokio::test]
async fn a_peer_that_is_no_tracker_serves_no_api() {
    let callee = callee(None, Timeouts::default()).await;
    let dialled = dialer().1.dial(&callee.address, Protocol::Api, Expect::AnyPeer).await;
    assert!(matches!(dialled, Err(DialError::Protocol { .. })), "{dialled:?}");
    assert!(matches!(callee.outcome.await.unwrap(), Err(AcceptError::Handshake(_))));
}

/// A client as TLS knows it by default, which proves nothing about itself.
fn anonymous_client(alpn: &[&[u8]], keys: rustls::ClientConfig) -> tokio_rustls::TlsConnector {
    let mut config = keys;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

/// Takes any raw public key.
#[derive(Debug)]
struct Trusting;

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Has no key, though it can speak of raw ones, so that nothing but the missing key is wrong with it.
#[derive(Debug)]
struct NoKey;

impl rustls::client::ResolvesClientCert for NoKey {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn keyless() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_client_cert_resolver(Arc::new(NoKey))
}

async fn call_with(connector: tokio_rustls::TlsConnector) -> Outcome {
    let callee = callee(None, Timeouts::default()).await;
    let name = rustls::pki_types::ServerName::try_from("peer").unwrap();
    // A caller may believe that all is well until it reads the refusal.
    if let Ok(mut stream) = connector.connect(name, raw(&callee.address).await).await {
        let mut byte = [0];
        assert!(stream.read_exact(&mut byte).await.is_err());
    }
    callee.outcome.await.unwrap()
}

#[tokio::test]
async fn a_caller_without_a_key_is_refused() {
    let outcome = call_with(anonymous_client(&[b"drizzle/1"], keyless())).await;
    assert!(
        matches!(outcome, Err(AcceptError::Handshake(rustls::Error::NoCertificatesPresented))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_unknown_protocol_or_none_is_refused() {
    for alpn in [&[&b"h2"[..], b"drizzle/0"][..], &[]] {
        let outcome = call_with(anonymous_client(alpn, keyless())).await;
        assert!(matches!(outcome, Err(AcceptError::Handshake(_))), "{outcome:?}");
    }
}

/// What does not begin like TLS is handed on with not a byte missing, for HTTP and the classic protocol.
#[tokio::test]
async fn plain_text_is_handed_on_whole() {
    for text in [&b"GET / HTTP/1.1\r\n"[..], b"{\"files\":[]}", b"\x00\xff garbage", b"\x15"] {
        let callee = callee(None, Timeouts::default()).await;
        raw(&callee.address).await.write_all(text).await.unwrap();
        let Ok(Accepted::Plain(mut tcp)) = callee.outcome.await.unwrap() else { panic!("not plain") };
        let mut received = Vec::new();
        tcp.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, text);
    }
}

/// Every beginning of garbage that looks like TLS for one byte ends in an error, never in a panic or a wait.
#[tokio::test]
async fn garbage_after_a_tls_byte_is_refused() {
    let garbage: [&[u8]; 6] = [
        &[0x16; 600],
        b"\x16GET / HTTP/1.1\r\n\r\n",
        // A record of no bytes, one of too many, one with a handshake message of no known type, and one that is cut.
        &[0x16, 3, 1, 0, 0],
        &[0x16, 3, 1, 0xff, 0xff, 1, 0, 0],
        &[0x16, 3, 1, 0, 4, 0x77, 0, 0, 0],
        &[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3],
    ];
    for bytes in garbage {
        let callee = callee(None, Timeouts::default()).await;
        let mut tcp = raw(&callee.address).await;
        tcp.write_all(bytes).await.unwrap();
        tcp.shutdown().await.unwrap();
        let outcome = callee.outcome.await.unwrap();
        assert!(
            matches!(outcome, Err(AcceptError::Handshake(_) | AcceptError::Closed)),
            "{bytes:?}: {outcome:?}"
        );
    }
}

/// The first flight of a real caller.
async fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let call = tokio::spawn(async move { dialer().1.dial(&address, Protocol::Peer, Expect::AnyPeer).await });
    let mut tcp = listener.accept().await.unwrap().0;
    let mut header = [0; 5];
    tcp.read_exact(&mut header).await.unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    tcp.read_exact(&mut hello).await.unwrap();
    drop(tcp);
    assert!(call.await.unwrap().is_err());
    hello
}

/// A thousand first flights that are nearly right, cut into records of any length: all end in an error or wait for
/// more, and none in a panic.
#[tokio::test]
async fn a_nearly_right_first_flight_does_no_harm() {
    let hello = client_hello().await;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (random >> 33) as usize % below
    };
    for round in 0..1000 {
        let mut flight = hello.clone();
        for _ in 0..next(4) {
            let position = next(flight.len());
            match next(3) {
                0 => flight[position] = next(256) as u8,
                1 => flight.truncate(position.max(1)),
                _ => flight.insert(position, next(256) as u8),
            }
        }
        let mut records = Vec::new();
        let mut rest = &flight[..];
        while !rest.is_empty() {
            let (record, later) = rest.split_at(rest.len().min(1 + next(600)));
            records.extend([if next(20) == 0 { 20 + next(5) as u8 } else { 0x16 }, 3, 1]);
            records.extend((record.len() as u16).to_be_bytes());
            records.extend(record);
            rest = later;
        }
        let callee = callee(None, Timeouts::default()).await;
        let mut tcp = raw(&callee.address).await;
        tcp.write_all(&records).await.unwrap();
        tcp.shutdown().await.unwrap();
        // A panic would be the task's, and unwrapping it fails.
        assert!(callee.outcome.await.unwrap().is_err() || records[0] != 0x16, "round {round}");
    }
}

#[tokio::test]
async fn a_caller_that_says_nothing_is_sent_away() {
    let callee = callee(None, short()).await;
    let _silent = raw(&callee.address).await;
    assert!(matches!(callee.outcome.await.unwrap(), Err(AcceptError::Timeout { .. })));
}

/// Bytes that trickle in do not extend the time: it is for the whole handshake.
#[tokio::test]
async fn a_caller_that_stops_in_the_handshake_is_sent_away() {
    let callee = callee(None, short()).await;
    let mut tcp = raw(&callee.address).await;
    tcp.write_all(&[0x16, 3, 1, 0, 200, 1]).await.unwrap();
    let trickle = tokio::spawn(async move {
        while tcp.write_all(&[0]).await.is_ok() {
            // This is the slowness that is meant.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(matches!(callee.outcome.await.unwrap(), Err(AcceptError::Timeout { .. })));
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_caller_that_hangs_up_at_once_is_no_connection() {
    let callee = callee(None, Timeouts::default()).await;
    drop(raw(&callee.address).await);
    assert!(matches!(callee.outcome.await.unwrap(), Err(AcceptError::Closed)));
}

/// Refused, silent and unknown hosts are different errors: the first is final, the others may be the network's.
#[tokio::test]
async fn who_is_not_there_is_told_apart() {
    let (_, dialer) = dialer();
    // Bound, so that no other test can have the port, and not listened on.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = Address::from(bound.local_addr().unwrap());
    let dialled = dialer.dial(&nobody, Protocol::Peer, Expect::AnyPeer).await;
    assert!(matches!(dialled, Err(DialError::Refused { .. })), "{dialled:?}");

    let unknown = "no-such-host.invalid:1".parse().unwrap();
    let dialled = dialer.dial(&unknown, Protocol::Peer, Expect::AnyPeer).await;
    assert!(matches!(dialled, Err(DialError::UnknownHost { .. } | DialError::Timeout { .. })), "{dialled:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(silent.local_addr().unwrap());
    let dialled = dialer.with_timeouts(short()).dial(&address, Protocol::Peer, Expect::AnyPeer).await;
    assert!(matches!(dialled, Err(DialError::Timeout { .. })), "{dialled:?}");
}

#[tokio::test]
async fn a_server_that_is_not_drizzle_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::from(listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut tcp = listener.accept().await.unwrap().0;
        tcp.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        let mut request = Vec::new();
        let _ = tcp.read_to_end(&mut request).await;
    });
    let dialled = dialer().1.dial(&address, Protocol::Peer, Expect::AnyPeer).await;
    assert!(matches!(dialled, Err(DialError::Protocol { .. })), "{dialled:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_caller_can_choose_its_own_address() {
    let callee = callee(None, Timeouts::default()).await;
    let bind = "127.0.0.9".parse().unwrap();
    let dialer = dialer().1.with_bind(Some(bind));
    let ours = dialer.dial(&callee.address, Protocol::Peer, Expect::AnyPeer).await.unwrap();
    assert_eq!(ours.local_addr().ip(), bind);
}

/// Both peers send more than all buffers hold before either reads a byte in the same task. Were the directions not
/// independent of each other, this would stand still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_run_at_once() {
    const LEN: usize = 24 << 20;
    let (ours, theirs) = connected().await;
    let mut tasks = Vec::new();
    for (connection, byte) in [(ours, 1), (theirs, 2)] {
        let (mut reader, mut writer) = connection.into_split();
        tasks.push(tokio::spawn(async move {
            writer.write_all(&vec![byte; LEN]).await.unwrap();
            writer.shutdown().await.unwrap();
        }));
        tasks.push(tokio::spawn(async move {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).await.unwrap();
            assert_eq!(received.len(), LEN);
            assert!(received.iter().all(|&b| b == 3 - byte));
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// One direction closed is the end of that direction alone.
#[tokio::test]
async fn a_half_closed_connection_still_carries_the_other_half() {
    let (mut ours, mut theirs) = connected().await;
    ours.write_all(b"question").await.unwrap();
    ours.shutdown().await.unwrap();
    let mut received = String::new();
    theirs.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "question");
    theirs.write_all(b"answer").await.unwrap();
    theirs.shutdown().await.unwrap();
    received.clear();
    ours.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "answer");
}

/// Whoever cuts the wire cannot pass the cut off as the end of the data.
#[tokio::test]
async fn a_connection_that_is_cut_is_an_error() {
    let (mut ours, theirs) = connected().await;
    drop(theirs);
    let mut received = Vec::new();
    assert!(ours.read_to_end(&mut received).await.is_err());
}

/// A stranger between two peers, who passes on the handshake and then changes one byte of what follows.
#[tokio::test]
async fn a_changed_byte_never_arrives() {
    let callee = callee(None, Timeouts::default()).await;
    let target: SocketAddr = format!("{}", callee.address).parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = Address::from(listener.local_addr().unwrap());
    let is_handshake_over = Arc::new(AtomicBool::new(false));
    let changes = Arc::clone(&is_handshake_over);
    tokio::spawn(async move {
        let (mut caller_in, mut caller_out) = listener.accept().await.unwrap().0.into_split();
        let (mut callee_in, mut callee_out) = TcpStream::connect(target).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut callee_in, &mut caller_out).await });
        let mut bytes = vec![0; 1 << 16];
        loop {
            let len = caller_in.read(&mut bytes).await.unwrap();
            if changes.load(Ordering::SeqCst) {
                bytes[len / 2] ^= 1;
            }
            if len == 0 || callee_out.write_all(&bytes[..len]).await.is_err() {
                return;
            }
        }
    });
    let mut ours = dialer().1.dial(&between, Protocol::Peer, Expect::Peer(callee.id)).await.unwrap();
    let Ok(Accepted::Peer(_, mut theirs)) = callee.outcome.await.unwrap() else { panic!("no peer") };
    is_handshake_over.store(true, Ordering::SeqCst);
    ours.write_all(&[9; 16_000]).await.unwrap();
    ours.flush().await.unwrap();
    let mut received = Vec::new();
    let error = theirs.read_to_end(&mut received).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(received.is_empty());
}
