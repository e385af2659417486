//! The direction in which records go out.
//!
//! What is written is sealed at once and sent as far as the socket takes it. The rest is kept, and no more is taken until
//! it has gone: so a slow remote slows down the writer and takes no more memory than one write.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion};
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use super::frame::CONTENT_LEN_MAX;
use super::keys::TrafficKeys;
use crate::socket::Backlog;

/// How many records one write seals: 256 KiB and what little goes with them. They are still in the processor's cache
/// when they are sent.
const RECORDS_AT_ONCE_MAX: usize = 17;

/// How many slices one write looks at. The callers' writes have a header and a payload.
const SLICES_MAX: usize = 16;

/// A KeyUpdate message that asks for nothing in return (RFC 8446, section 4.6.3).
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// The alert that says that this was all (section 6.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// Sends to the remote.
pub(crate) struct RecordWriter {
    tcp: OwnedWriteHalf,
    keys: Arc<TrafficKeys>,
    encrypter: Box<dyn MessageEncrypter>,
    /// The number of the next record.
    seq: u64,
    records_max: u64,
    /// Sealed records that have not gone.
    unsent: VecDeque<Vec<u8>>,
    /// How much of the first of them has.
    sent_len: usize,
    backlog: Backlog,
    is_closed: bool,
}

impl RecordWriter {
    pub(super) fn new(
        tcp: OwnedWriteHalf,
        (seq, secrets): (u64, ConnectionTrafficSecrets),
        keys: Arc<TrafficKeys>,
    ) -> Result<Self, rustls::Error> {
        let (encrypter, records_max) = (keys.encrypter(secrets)?, keys.records_max());
        let unsent = VecDeque::new();
        Ok(Self {
            tcp,
            keys,
            encrypter,
            seq,
            records_max,
            unsent,
            sent_len: 0,
            backlog: Backlog::default(),
            is_closed: false,
        })
    }

    /// Takes new keys after so many records.
    #[cfg(test)]
    pub(super) fn set_records_max(&mut self, records_max: u64) {
        self.records_max = records_max;
    }

    /// Seals as much of `data` as one write takes, and says how much that was.
    fn seal(&mut self, data: OutboundChunks<'_>) -> io::Result<usize> {
        let (now, _) = data.split_at(RECORDS_AT_ONCE_MAX * CONTENT_LEN_MAX);
        let len = now.len();
        let mut rest = now;
        while !rest.is_empty() {
            let (content, later) = rest.split_at(CONTENT_LEN_MAX);
            self.take_new_keys_if_due()?;
            self.seal_record(ContentType::ApplicationData, content)?;
            rest = later;
        }
        Ok(len)
    }

    fn take_new_keys_if_due(&mut self) -> io::Result<()> {
        if self.keys.take_update_request() || self.seq >= self.records_max {
            self.seal_record(ContentType::Handshake, OutboundChunks::Single(&KEY_UPDATE))?;
            self.encrypter = self.keys.next_encrypter().map_err(io::Error::other)?;
            self.seq = 0;
        }
        Ok(())
    }

    fn seal_record(&mut self, typ: ContentType, payload: OutboundChunks<'_>) -> io::Result<()> {
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let sealed = self.encrypter.encrypt(message, self.seq).map_err(io::Error::other)?;
        self.seq += 1;
        self.unsent.push_back(sealed.encode());
        Ok(())
    }

    /// Sends what is left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let mut slices = [IoSlice::new(&[]); RECORDS_AT_ONCE_MAX + 1];
            let count = self.unsent.len().min(slices.len());
            for (slice, record) in slices.iter_mut().zip(&self.unsent) {
                *slice = IoSlice::new(record);
            }
            slices[0] = IoSlice::new(&self.unsent[0][self.sent_len..]);
            let Poll::Ready(sent) = Pin::new(&mut self.tcp).poll_write_vectored(cx, &slices[..count]) else {
                self.backlog.is_full();
                return Poll::Pending;
            };
            let sent = sent?;
            self.backlog.takes(self.tcp.as_ref());
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.forget_sent(sent);
        }
        Poll::Ready(Ok(()))
    }

    fn forget_sent(&mut self, sent: usize) {
        self.sent_len += sent;
        while let Some(first) = self.unsent.front()
            && self.sent_len >= first.len()
        {
            self.sent_len -= first.len();
            self.unsent.pop_front();
        }
    }

    fn poll_write_chunks(
        &mut self,
        cx: &mut Context<'_>,
        data: OutboundChunks<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_send(cx))?;
        let len = self.seal(data)?;
        // What cannot go now goes with the next write or flush.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for RecordWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_chunks(cx, OutboundChunks::Single(data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut chunks = [&[][..]; SLICES_MAX];
        let filled = slices.iter().filter(|slice| !slice.is_empty());
        for (chunk, slice) in chunks.iter_mut().zip(filled) {
            *chunk = slice;
        }
        self.get_mut().poll_write_chunks(cx, OutboundChunks::new(&chunks))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_closed {
            this.seal_record(ContentType::Alert, OutboundChunks::Single(&CLOSE_NOTIFY))?;
            this.is_closed = true;
        }
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}
