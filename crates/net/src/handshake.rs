//! The TLS handshake over a TCP connection, as caller or as called.
//!
//! rustls is fed one record at a time, so it never sees one that belongs behind the handshake: these stay sealed, in
//! order, for the reader of the connection. When a handshake fails the remote is told so, by an alert, if it listens.

use std::io;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, UnbufferedConnectionCommon, UnbufferedStatus,
};
use rustls::{ClientConfig, Error, ExtractedSecrets, InvalidMessage, ServerConfig, SupportedCipherSuite};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::record::{self, HEADER_LEN, NextSecrets, RecordReader, RecordWriter, SEALED_LEN_MAX, sealed_len};
use crate::tls;

/// How much of a handshake is held at once. The longest flight, with a post-quantum key exchange, has 2 KiB; this leaves
/// room for a whole record besides.
const HELD_LEN_MAX: usize = 32 << 10;

/// Why a handshake failed.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The remote hung up in the middle.
    Closed,
    /// One side did not like what the other one said.
    Tls(Error),
    /// The connection broke.
    Io(io::Error),
}

impl From<Error> for HandshakeError {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What came of a handshake.
pub(crate) struct Established {
    /// The remote's public key, which it has proved to hold.
    pub(crate) key: [u8; 32],
    /// The protocol that was agreed on.
    pub(crate) alpn: Vec<u8>,
    pub(crate) reader: RecordReader,
    pub(crate) writer: RecordWriter,
}

/// Calls the other end of `tcp`.
pub(crate) async fn connect(
    tcp: TcpStream,
    config: Arc<ClientConfig>,
) -> Result<Established, HandshakeError> {
    // No name is sent or checked; the key is what counts.
    let name = ServerName::IpAddress(tcp.peer_addr()?.ip().into());
    establish(tcp, UnbufferedClientConnection::new(config, name)?).await
}

/// Answers the other end of `tcp`, which has called.
pub(crate) async fn accept(tcp: TcpStream, config: Arc<ServerConfig>) -> Result<Established, HandshakeError> {
    establish(tcp, UnbufferedServerConnection::new(config)?).await
}

type Secrets = (ExtractedSecrets, Box<dyn NextSecrets>, SupportedCipherSuite);

/// One side of a handshake.
trait Side: std::ops::DerefMut<Target = UnbufferedConnectionCommon<Self::Data>> {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Once it is done: what protects the records from now on.
    fn into_secrets(self) -> Result<Secrets, Error>;
}

impl Side for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn into_secrets(self) -> Result<Secrets, Error> {
        let (secrets, next) = self.dangerous_into_kernel_connection()?;
        let suite = next.negotiated_cipher_suite();
        Ok((secrets, Box::new(next), suite))
    }
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn into_secrets(self) -> Result<Secrets, Error> {
        let (secrets, next) = self.dangerous_into_kernel_connection()?;
        let suite = next.negotiated_cipher_suite();
        Ok((secrets, Box::new(next), suite))
    }
}

async fn establish(mut tcp: TcpStream, mut side: impl Side) -> Result<Established, HandshakeError> {
    let mut incoming = Incoming::default();
    if let Err(error) = drive(&mut tcp, &mut side, &mut incoming).await {
        if let HandshakeError::Tls(_) = error {
            send_alert(&mut tcp, &mut side).await;
        }
        return Err(error);
    }
    let key = tls::key_of_remote(side.peer_certificates()).ok_or(Error::NoCertificatesPresented)?;
    let alpn = side.alpn_protocol().ok_or(Error::NoApplicationProtocol)?.to_vec();
    let (secrets, next, suite) = side.into_secrets()?;
    let (reader, writer) = record::split(tcp, incoming.behind(), secrets, next, suite)?;
    Ok(Established { key, alpn, reader, writer })
}

async fn drive(
    tcp: &mut TcpStream,
    side: &mut impl Side,
    incoming: &mut Incoming,
) -> Result<(), HandshakeError> {
    let mut outgoing = Vec::new();
    loop {
        let UnbufferedStatus { discard, state, .. } = side.process(incoming.fed());
        let step = match state? {
            ConnectionState::EncodeTlsData(flight) => {
                encode(flight, &mut outgoing)?;
                Step::Again
            }
            ConnectionState::TransmitTlsData(flight) => {
                flight.done();
                Step::Send
            }
            ConnectionState::BlockedHandshake => Step::Receive,
            ConnectionState::WriteTraffic(_) => Step::Rest,
            ConnectionState::Closed | ConnectionState::PeerClosed => return Err(HandshakeError::Closed),
            other => return Err(Error::General(format!("a handshake in the state {other:?}")).into()),
        };
        incoming.discard(discard);
        match step {
            Step::Again => {}
            Step::Send => tcp.write_all(&std::mem::take(&mut outgoing)).await?,
            // A server may send before the client has proved its key; we wait until it has.
            Step::Rest if !side.is_handshaking() => return Ok(()),
            Step::Rest | Step::Receive => incoming.receive(tcp).await?,
        }
    }
}

/// What a handshake needs next.
enum Step {
    Again,
    Send,
    Receive,
    Rest,
}

fn encode<Data>(mut flight: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> Result<(), Error> {
    let start = outgoing.len();
    let Err(EncodeError::InsufficientSize(needed)) = flight.encode(&mut []) else { return Ok(()) };
    outgoing.resize(start + needed.required_size, 0);
    match flight.encode(&mut outgoing[start..]) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::General(error.to_string())),
    }
}

/// Tells the remote what was wrong. It is not waited for whether it hears it.
async fn send_alert(tcp: &mut TcpStream, side: &mut impl Side) {
    let mut outgoing = Vec::new();
    // After an error rustls must not be asked to go on; it is not while it has something to send.
    while side.wants_write()
        && let Ok(ConnectionState::EncodeTlsData(alert)) = side.process(&mut []).state
    {
        if encode(alert, &mut outgoing).is_err() {
            return;
        }
    }
    let _ = tcp.write_all(&outgoing).await;
}

/// Bytes from the remote, of which whole records are shown one after another.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    /// How many of them are shown: whole records, unless one is wrong.
    fed: usize,
}

impl Incoming {
    fn fed(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.fed]
    }

    /// What came in behind the records that were shown.
    fn behind(&self) -> &[u8] {
        &self.bytes[self.fed..]
    }

    fn discard(&mut self, len: usize) {
        self.bytes.drain(..len);
        self.fed -= len;
    }

    /// Shows one record more, and waits for it if need be.
    async fn receive(&mut self, tcp: &mut TcpStream) -> Result<(), HandshakeError> {
        while !self.feed_record() {
            if self.bytes.len() >= HELD_LEN_MAX {
                return Err(Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge).into());
            }
            if tcp.read_buf(&mut self.bytes).await? == 0 {
                return Err(HandshakeError::Closed);
            }
        }
        Ok(())
    }

    fn feed_record(&mut self) -> bool {
        let Some(header) = self.behind().first_chunk::<HEADER_LEN>() else { return false };
        let len = sealed_len(header);
        let is_whole = self.behind().len() >= HEADER_LEN + len;
        // What cannot be a record is shown as it is, for rustls to refuse it, and not waited for.
        let is_wrong = len > SEALED_LEN_MAX || !is_header(header);
        if is_whole || is_wrong {
            self.fed = self.bytes.len().min(self.fed + HEADER_LEN + len);
        }
        is_whole || is_wrong
    }
}

/// Whether a record can begin so: with one of the four types, and a version that all of TLS shares.
fn is_header(header: &[u8; HEADER_LEN]) -> bool {
    (20..=23).contains(&header[0]) && header[1] == 3
}
