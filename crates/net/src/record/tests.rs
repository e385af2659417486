//! The records against rustls' own stream at the other end: what one side sends the other must understand, through new
//! keys, tickets and ends; and what no honest remote sends must fail.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::ServerSessionMemoryCache;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::reader::QUIET_RECORDS_MAX;
use crate::connection::Protocol;
use crate::handshake::{self, Established};
use crate::key_pair::KeyPair;
use crate::tls::{self, Expect};

fn configs() -> (ClientConfig, ServerConfig) {
    let pair = KeyPair::generate().unwrap();
    let client = tls::client_config(&pair, Protocol::Peer, Expect::AnyPeer).unwrap();
    (client, tls::server_config(&pair, None).unwrap())
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (caller, called) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (caller.unwrap(), called.unwrap().0)
}

/// We call, rustls answers.
async fn calling_rustls(
    client: ClientConfig,
    server: ServerConfig,
) -> (Established, server::TlsStream<TcpStream>) {
    let (caller, called) = tcp().await;
    let answer = TlsAcceptor::from(Arc::new(server)).accept(called);
    let (ours, theirs) = tokio::join!(handshake::connect(caller, Arc::new(client)), answer);
    (ours.unwrap(), theirs.unwrap())
}

/// rustls calls, we answer.
async fn called_by_rustls(
    client: ClientConfig,
    server: ServerConfig,
) -> (Established, client::TlsStream<TcpStream>) {
    let (caller, called) = tcp().await;
    let name = ServerName::try_from("peer").unwrap();
    let call = TlsConnector::from(Arc::new(client)).connect(name, caller);
    let (ours, theirs) = tokio::join!(handshake::accept(called, Arc::new(server)), call);
    (ours.unwrap(), theirs.unwrap())
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 3 + i % 251) as u8).collect()
}

/// Lengths around those of a record and of the buffers.
const LENGTHS: [usize; 9] = [1, 2, 16_383, 16_384, 16_385, 100_000, 131_072, 262_160, 3_000_001];

/// Sends all lengths there and back.
async fn exchange(
    mut ours: Established,
    mut theirs: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) {
    let remote = tokio::spawn(async move {
        for len in LENGTHS {
            let mut received = vec![0; len];
            theirs.read_exact(&mut received).await.unwrap();
            theirs.write_all(&received).await.unwrap();
            theirs.flush().await.unwrap();
        }
    });
    for len in LENGTHS {
        let (sent, mut received) = (data(len), vec![0; len]);
        let send = async {
            ours.writer.write_all(&sent).await.unwrap();
            ours.writer.flush().await.unwrap();
        };
        tokio::join!(send, async { ours.reader.read_exact(&mut received).await.unwrap() });
        assert!(sent == received, "{len} bytes");
    }
    remote.await.unwrap();
}

#[tokio::test]
async fn every_cipher_is_understood_by_rustls() {
    let ciphers = configs().0.crypto_provider().cipher_suites.clone();
    assert_eq!(ciphers.len(), 3);
    for cipher in ciphers {
        let (client, _) = configs();
        let only = CryptoProvider { cipher_suites: vec![cipher], ..(**client.crypto_provider()).clone() };
        let server = tls::server_config_with(Arc::new(only), &KeyPair::generate().unwrap(), None).unwrap();
        let (ours, theirs) = calling_rustls(client, server).await;
        assert_eq!(theirs.get_ref().1.negotiated_cipher_suite(), Some(cipher));
        exchange(ours, theirs).await;
    }
}

#[tokio::test]
async fn as_the_called_side_too() {
    let (client, server) = configs();
    let (ours, theirs) = called_by_rustls(client, server).await;
    exchange(ours, theirs).await;
}

/// Every record but the first of each key is sealed with a key that is new: one mistake in counting, and rustls
/// refuses the next one.
#[tokio::test]
async fn worn_keys_are_replaced() {
    let (client, server) = configs();
    let (mut ours, theirs) = calling_rustls(client, server).await;
    ours.writer.set_records_max(2);
    exchange(ours, theirs).await;
}

/// rustls takes new keys, and asks us for new ones: both directions go on, as often as it likes.
#[tokio::test]
async fn new_keys_of_the_remote_are_taken_and_answered() {
    let (client, server) = configs();
    let (mut ours, mut theirs) = calling_rustls(client, server).await;
    for round in 0..100u8 {
        theirs.get_mut().1.refresh_traffic_keys().unwrap();
        theirs.write_all(&[round; 1000]).await.unwrap();
        let mut received = [0; 1000];
        ours.reader.read_exact(&mut received).await.unwrap();
        assert_eq!(received, [round; 1000]);
        ours.writer.write_all(&received).await.unwrap();
        theirs.read_exact(&mut received).await.unwrap();
        assert_eq!(received, [round; 1000]);
    }
}

/// New keys without end cost us work and carry nothing.
#[tokio::test]
async fn new_keys_without_data_are_refused_in_the_end() {
    let (client, server) = configs();
    let (mut ours, mut theirs) = calling_rustls(client, server).await;
    for _ in 0..=QUIET_RECORDS_MAX {
        theirs.get_mut().1.refresh_traffic_keys().unwrap();
    }
    theirs.flush().await.unwrap();
    let error = ours.reader.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

/// Another program's tracker may offer sessions to resume: that is no harm.
#[tokio::test]
async fn tickets_are_passed_over() {
    let (client, mut server) = configs();
    server.session_storage = ServerSessionMemoryCache::new(8);
    server.send_tls13_tickets = 4;
    let (ours, theirs) = calling_rustls(client, server).await;
    exchange(ours, theirs).await;
}

#[tokio::test]
async fn ends_are_understood_in_both_directions() {
    let (client, server) = configs();
    let (mut ours, mut theirs) = called_by_rustls(client, server).await;
    theirs.write_all(b"last words").await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut received = Vec::new();
    ours.reader.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"last words");
    ours.writer.write_all(b"and mine").await.unwrap();
    ours.writer.shutdown().await.unwrap();
    assert!(ours.writer.write_all(b"more").await.is_err());
    received.clear();
    theirs.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"and mine");
}

/// What arrived whole before a cut is handed out; then comes the error, again and again, and never an end.
#[tokio::test]
async fn a_cut_comes_after_the_data_before_it() {
    let (client, server) = configs();
    let (mut ours, mut theirs) = called_by_rustls(client, server).await;
    theirs.write_all(&data(100_000)).await.unwrap();
    theirs.flush().await.unwrap();
    drop(theirs);
    let mut received = vec![0; 100_000];
    ours.reader.read_exact(&mut received).await.unwrap();
    assert_eq!(received, data(100_000));
    for _ in 0..2 {
        let error = ours.reader.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
}

/// Whoever sits on the wire can put in what he likes: none of it is taken for data.
#[tokio::test]
async fn records_that_the_remote_did_not_seal_are_refused() {
    let forged: [&[u8]; 7] = [
        // An unsealed alert, unsealed data, a record that is too long, one of no bytes, one that is too short for its seal.
        &[21, 3, 3, 0, 2, 1, 0],
        &[22, 3, 3, 0, 1, 0],
        &[23, 3, 3, 0xff, 0xff],
        &[23, 3, 3, 0, 0],
        &[23, 3, 3, 0, 1, 9],
        &[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ];
    for bytes in forged {
        let (client, server) = configs();
        let (mut ours, theirs) = called_by_rustls(client, server).await;
        let mut wire = theirs.into_inner().0;
        wire.write_all(bytes).await.unwrap();
        let error = ours.reader.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{bytes:?}: {error}");
    }
}

/// Data that comes in the same segment as the end of the handshake belongs to the connection, not to the handshake.
#[tokio::test]
async fn data_right_behind_the_handshake_is_kept() {
    let (client, server) = configs();
    let (caller, called) = tcp().await;
    let answer = tokio::spawn(async move {
        let mut ours = handshake::accept(called, Arc::new(server)).await.unwrap();
        let mut received = Vec::new();
        ours.reader.read_to_end(&mut received).await.unwrap();
        received
    });
    let mut theirs = handshake::connect(caller, Arc::new(client)).await.unwrap();
    for len in [10, 20_000, 5] {
        theirs.writer.write_all(&data(len)).await.unwrap();
    }
    theirs.writer.shutdown().await.unwrap();
    assert_eq!(answer.await.unwrap(), [data(10), data(20_000), data(5)].concat());
}

/// One byte of a flight is changed on its way, at every place: it comes to nothing, or to nothing else than without the
/// change (there are two bytes in a record's header that mean nothing), and never to a panic.
#[tokio::test]
async fn a_handshake_with_a_changed_byte_fools_nobody() {
    let mut failures = 0;
    for position in (0..60).chain((60..1800).step_by(29)) {
        for direction in [Direction::ToCalled, Direction::ToCaller] {
            let pairs = [(); 2].map(|()| KeyPair::generate().unwrap());
            let client = tls::client_config(&pairs[0], Protocol::Peer, Expect::AnyPeer).unwrap();
            let server = tls::server_config(&pairs[1], None).unwrap();
            let (caller, called) = changed_wire(direction, position).await;
            let both = async {
                tokio::join!(
                    handshake::accept(called, Arc::new(server)),
                    handshake::connect(caller, Arc::new(client)),
                )
            };
            // A length that was changed to a longer one is waited for; whoever calls ends that by a time-out.
            match tokio::time::timeout(Duration::from_millis(500), both).await {
                Ok((Ok(answered), Ok(called))) => {
                    assert_eq!((&answered.key, &called.key), (pairs[0].public(), pairs[1].public()));
                }
                Ok(_) | Err(_) => failures += 1,
            }
        }
    }
    assert!(failures > 200, "{failures}");
}

/// A connection on which one byte is changed in one direction.
async fn changed_wire(direction: Direction, position: usize) -> (TcpStream, TcpStream) {
    let (caller, caller_wire) = tcp().await;
    let (called_wire, called) = tcp().await;
    let (caller_in, caller_out) = caller_wire.into_split();
    let (called_in, called_out) = called_wire.into_split();
    tokio::spawn(pass_on(caller_in, called_out, (direction == Direction::ToCalled).then_some(position)));
    tokio::spawn(pass_on(called_in, caller_out, (direction == Direction::ToCaller).then_some(position)));
    (caller, called)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToCalled,
    ToCaller,
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    changed: Option<usize>,
) {
    let (mut bytes, mut passed) = (vec![0; 4096], 0);
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        if let Some(position) = changed
            && (passed..passed + len).contains(&position)
        {
            bytes[position - passed] ^= 0x10;
        }
        passed += len;
        if to.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}
