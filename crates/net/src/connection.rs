//! A connection: two streams of bytes to a remote whose key is known.
//!
//! It does not show what it runs over. Reading and writing are independent of each other: split it, and each half
//! can be used from its own task without ever waiting for the other.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use drizzle_model::{NetworkId, PeerId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is spoken over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The peer protocol.
    Peer,
    /// The tracker's HTTP API.
    Api,
    /// The messages of a ring of peers.
    Ring,
}

impl Protocol {
    const ALL: [Self; 3] = [Self::Peer, Self::Api, Self::Ring];

    /// How it is named in the handshake (ALPN, RFC 7301).
    pub(crate) const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Peer => b"drizzle/1",
            Self::Api => b"http/1.1",
            Self::Ring => b"drizzle-ring/1",
        }
    }

    pub(crate) fn from_alpn(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.alpn() == name)
    }
}

/// Who is at the other end: the key that it proved to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remote {
    /// A peer.
    Peer(PeerId),
    /// Who holds a network's key: its tracker.
    Network(NetworkId),
}

/// The half of a connection that reads.
pub struct ReadHalf(Box<dyn AsyncRead + Send + Unpin>);

/// The half of a connection that writes. What was written has gone once it was flushed; `shutdown` tells the remote that
/// this was all, and without it the remote takes the end for a failure.
pub struct WriteHalf(Box<dyn AsyncWrite + Send + Unpin>);

/// An open connection. What is read from it comes from the remote, unchanged and in order, or reading fails.
pub struct Connection {
    remote: Remote,
    remote_addr: SocketAddr,
    local_addr: SocketAddr,
    reader: ReadHalf,
    writer: WriteHalf,
}

/// What a handshake found out.
pub(crate) struct Ends {
    pub(crate) remote: Remote,
    pub(crate) remote_addr: SocketAddr,
    pub(crate) local_addr: SocketAddr,
}

impl Connection {
    pub(crate) fn new(
        ends: Ends,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let Ends { remote, remote_addr, local_addr } = ends;
        let (reader, writer) = (ReadHalf(Box::new(reader)), WriteHalf(Box::new(writer)));
        Self { remote, remote_addr, local_addr, reader, writer }
    }

    /// Who is at the other end.
    pub fn remote(&self) -> Remote {
        self.remote
    }

    /// Where the other end is. Behind address translation, that is the translator.
    pub fn remote_addr(&self) -> SocketAddr {
        self.remote_addr
    }

    /// Where this end is.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Parts the two directions. The connection ends when both halves are dropped.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.reader, self.writer)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("remote", &self.remote)
            .field("remote_addr", &self.remote_addr)
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadHalf")
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteHalf")
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
