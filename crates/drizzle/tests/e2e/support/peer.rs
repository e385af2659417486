//! A peer of another hand: it is a member like any other, registers what it claims to have, and serves it by
//! the letter of the protocol, but for the one lie that it was told to tell.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use drizzle_model::{Bitmap, ContentHash, Invite, Metadata, Mtime, PeerId};
use drizzle_net::{Accepted, Acceptor, Connection, Dialer, Identity};
use drizzle_tracker::{Claim, Client, Registration};
use drizzle_wire::{
    Agent, Channel, ChannelKind, DataHeader, FrameHead, Hashes, Held, Message, TicketBytes, UnavailableReason,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::lie::Lie;
use super::noise;
use super::wares::Wares;

/// A peer that runs within this process until it is dropped.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    lied: Receiver<()>,
    left: Receiver<()>,
    runtime: Option<Runtime>,
}

impl Peer {
    /// Joins, registers its wares, and serves them in its way.
    pub(crate) fn start(invite: &Invite, wares: Wares, lie: Lie) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let identity = Identity::ephemeral().unwrap();
        let (lies, lied) = channel();
        let (leaves, left) = channel();
        let id = identity.id();
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let listen: SocketAddr = listener.local_addr().unwrap();
            let client = Client::connect(invite.clone(), id, Dialer::new(&identity)).await.unwrap();
            let mtime = Mtime::new(1_700_000_000, 0).unwrap();
            let registration = Registration { key: wares.key(), mtime, claim: Claim::All };
            let verdicts = client.register(listen.port(), &[registration]).await.unwrap();
            verdicts.into_iter().for_each(|verdict| verdict.unwrap());
            let ticket = client.membership().unwrap().ticket.to_bytes().to_vec();
            let server = Server { wares: Arc::new(wares), ticket, lie, lies, leaves };
            tokio::spawn(server.run(listener, Acceptor::new(&identity, None).unwrap()));
        });
        Self { id, lied, left, runtime: Some(runtime) }
    }

    /// Waits until it has told its lie.
    pub(crate) fn has_lied(&self) {
        self.lied.recv_timeout(super::process::DEADLINE).expect("nobody asked the liar");
    }

    /// Waits until it has told its lie and was hung up on for it: the other end has judged it by then.
    pub(crate) fn was_hung_up_on(&self) {
        self.has_lied();
        self.left.recv_timeout(super::process::DEADLINE).expect("nobody hung up on the liar");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Server {
    wares: Arc<Wares>,
    ticket: Vec<u8>,
    lie: Lie,
    lies: Sender<()>,
    leaves: Sender<()>,
}

/// The other end does not want to go on, or is gone.
type Over = std::io::Error;

impl Server {
    async fn run(self, listener: TcpListener, acceptor: Acceptor) {
        while let Ok((tcp, _)) = listener.accept().await {
            let (server, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move { server.answer(tcp, &acceptor).await });
        }
    }

    fn lies(&self) {
        // The test may have seen enough.
        let _ = self.lies.send(());
    }

    async fn answer(self, mut tcp: TcpStream, acceptor: &Acceptor) -> Result<(), Over> {
        match self.lie {
            Lie::GarbageBeforeTls => {
                self.lies();
                return tcp.write_all(&noise::bytes(1 << 20, 1)).await;
            }
            Lie::SilentBeforeTls => {
                self.lies();
                return silence().await;
            }
            _ => {}
        }
        let Ok(Accepted::Peer(_, connection)) = acceptor.accept(tcp).await else { return Ok(()) };
        let mut line = Line { connection, open: Vec::new(), server: self };
        let talk = line.converse().await;
        // The test may have seen enough.
        let _ = line.server.leaves.send(());
        talk
    }
}

/// One connection.
struct Line {
    connection: Connection,
    open: Vec<(Channel, ChannelKind)>,
    server: Server,
}

impl Line {
    async fn converse(&mut self) -> Result<(), Over> {
        self.hear().await?;
        self.say(&self.hello()).await?;
        loop {
            let Some(message) = self.hear().await? else { continue };
            match message {
                Message::Open { channel, hash, kind, .. } => self.opened(channel, hash, kind).await?,
                Message::WantHashes { channel, first, count } => {
                    self.hashes(channel, first, count.number()).await?;
                }
                Message::Want { channel, chunks } => {
                    for &chunk in chunks.iter() {
                        self.chunk(channel, chunk).await?;
                    }
                }
                Message::Ping { nonce } => self.say(&Message::Pong { nonce }).await?,
                Message::Bye { .. } => return Ok(()),
                _ => {}
            }
        }
    }

    fn hello(&self) -> Message {
        let mut ticket = self.server.ticket.clone();
        if self.server.lie == Lie::FalseTicket {
            *ticket.last_mut().unwrap() ^= 1;
        }
        let ticket = TicketBytes::new(ticket).unwrap();
        Message::Hello { version: 1, ticket, listen_port: None, agent: Agent::clip("another hand") }
    }

    async fn opened(&mut self, channel: Channel, hash: ContentHash, kind: ChannelKind) -> Result<(), Over> {
        let wares = Arc::clone(&self.server.wares);
        let (mut size, mut chunks) = match (kind, &wares.layout) {
            (ChannelKind::Bytes, _) => (wares.goods.geometry.size(), wares.goods.geometry.chunk_count()),
            (ChannelKind::Folder, Some(layout)) => (wares.key().size, layout.chunk_count()),
            (ChannelKind::Folder, None) => (0, 0),
        };
        if hash != wares.goods.hash {
            return self.say(&Message::Unavailable { channel, reason: UnavailableReason::NotShared }).await;
        }
        match self.server.lie {
            Lie::EndlessFrame => return self.endless_frame().await,
            Lie::EndlessTalk => return self.endless_talk().await,
            Lie::HangsUp => {
                self.server.lies();
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Lie::FalseCount => chunks += 1,
            Lie::SizeUp => size += 1,
            Lie::SizeDown => size -= 1,
            _ => {}
        }
        if matches!(self.server.lie, Lie::FalseCount | Lie::SizeUp | Lie::SizeDown) {
            self.server.lies();
        }
        self.open.push((channel, kind));
        let metadata = Metadata { mode: 0o644, mtime: Mtime::new(1_700_000_000, 0).unwrap() };
        let have = Held::new(Bitmap::full(chunks)).unwrap();
        self.say(&Message::Opened { channel, size, metadata, have }).await
    }

    async fn hashes(&mut self, channel: Channel, first: u32, count: u32) -> Result<(), Over> {
        let all = self.server.wares.goods.chunks.as_slice();
        let mut hashes = all[first as usize..(first + count) as usize].to_vec();
        let mut told = first;
        match self.server.lie {
            Lie::FalseHashes => hashes.last_mut().unwrap()[7] ^= 1,
            Lie::OtherHashes => told += 1,
            _ => {}
        }
        if matches!(self.server.lie, Lie::FalseHashes | Lie::OtherHashes) {
            self.server.lies();
        }
        let hashes = Hashes::new(hashes).unwrap();
        self.say(&Message::Hashes { channel, first: told, hashes }).await
    }

    async fn chunk(&mut self, channel: Channel, chunk: u32) -> Result<(), Over> {
        let kind = self.open.iter().find(|(open, _)| *open == channel).map(|(_, kind)| *kind);
        let Some(mut bytes) = kind.and_then(|kind| self.server.wares.chunk(kind, chunk)) else {
            return Ok(());
        };
        let half = bytes.len() / 2;
        match self.server.lie {
            Lie::WrongBytes => bytes[half] ^= 1,
            Lie::WrongFiles if kind == Some(ChannelKind::Folder) => bytes[half] ^= 1,
            Lie::TooLong => bytes.push(0),
            Lie::TooShort => bytes.truncate(bytes.len() - 1),
            Lie::Gap => {
                self.piece(channel, chunk, 0, &bytes[..half]).await?;
                self.piece(channel, chunk, half + 1, &bytes[half + 1..]).await?;
                self.server.lies();
                return Ok(());
            }
            Lie::Unasked => return self.unasked(channel, &bytes).await,
            Lie::SilentInChunk => {
                self.piece(channel, chunk, 0, &bytes[..half]).await?;
                self.server.lies();
                return silence().await;
            }
            _ => {}
        }
        if matches!(self.server.lie, Lie::WrongBytes | Lie::TooLong | Lie::TooShort) {
            self.server.lies();
        }
        self.piece(channel, chunk, 0, &bytes).await
    }

    /// One piece of a chunk, wherever it is said to belong.
    async fn piece(&mut self, channel: Channel, chunk: u32, offset: usize, bytes: &[u8]) -> Result<(), Over> {
        let mut pieces = DataHeader::pieces(channel, chunk, bytes.len() as u64).unwrap();
        let mut header = pieces.next_of(u32::MAX).unwrap().encode();
        header[13..].copy_from_slice(&(offset as u32).to_le_bytes());
        self.connection.write_all(&header).await?;
        self.connection.write_all(bytes).await?;
        self.connection.flush().await
    }

    async fn unasked(&mut self, channel: Channel, bytes: &[u8]) -> Result<(), Over> {
        self.server.lies();
        loop {
            // Nobody has asked for a chunk of a content of so many.
            self.piece(channel, drizzle_wire::CHUNKS_MAX - 1, 0, bytes).await?;
        }
    }

    async fn endless_frame(&mut self) -> Result<(), Over> {
        let opened = 6;
        self.connection.write_all(&[0xff, 0xff, 0xff, 0xff, opened]).await?;
        self.server.lies();
        loop {
            self.connection.write_all(&[0; 65_536]).await?;
        }
    }

    async fn endless_talk(&mut self) -> Result<(), Over> {
        let mut talk = Vec::new();
        (0..1000).for_each(|nonce| Message::Pong { nonce }.encode(&mut talk));
        self.server.lies();
        loop {
            self.connection.write_all(&talk).await?;
        }
    }

    async fn say(&mut self, message: &Message) -> Result<(), Over> {
        if self.server.lie == Lie::SilentAfterTls {
            self.server.lies();
            return silence().await;
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.connection.write_all(&bytes).await?;
        self.connection.flush().await?;
        if self.server.lie == Lie::FalseTicket {
            self.server.lies();
        }
        Ok(())
    }

    /// The next message; content is of no interest here.
    async fn hear(&mut self) -> Result<Option<Message>, Over> {
        hear(&mut self.connection).await
    }
}

/// Reads one frame; none for content.
pub(crate) async fn hear(connection: &mut Connection) -> Result<Option<Message>, Over> {
    let mut head = [0; FrameHead::LEN];
    connection.read_exact(&mut head).await?;
    match FrameHead::decode(&head).map_err(Over::other)? {
        FrameHead::Message(head) => {
            let mut fields = vec![0; head.fields_len()];
            connection.read_exact(&mut fields).await?;
            Ok(Some(head.decode(&fields).map_err(Over::other)?))
        }
        FrameHead::Data(head) => {
            let mut fields = [0; DataHeader::FIELDS_LEN];
            connection.read_exact(&mut fields).await?;
            let mut payload = vec![0; head.decode(&fields).map_err(Over::other)?.payload_len()];
            connection.read_exact(&mut payload).await?;
            Ok(None)
        }
    }
}

/// Says nothing for longer than anybody listens, and keeps the line.
async fn silence() -> Result<(), Over> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(())
}
