//! The direction in which records come in.
//!
//! One buffer: what was opened and not yet handed out lies before what is still sealed, and each record is opened where it
//! lies. The buffer holds one record at first, and many once the remote sends faster than it is read, so a quiet
//! connection costs little memory and a busy one few reads from the socket.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::crypto::cipher::{InboundOpaqueMessage, MessageDecrypter};
use rustls::{ConnectionTrafficSecrets, ContentType, ProtocolVersion};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use super::error::RecordError;
use super::frame::{HEADER_LEN, SEALED_LEN_MAX, sealed_len};
use super::keys::TrafficKeys;

/// How large the buffer is at first: one record, or it would wait for ever.
const BUFFER_LEN_MIN: usize = HEADER_LEN + SEALED_LEN_MAX;

/// How large the buffer grows. Beyond this, more does not save time (64 to 512 KiB measured the same).
const BUFFER_LEN_MAX: usize = 128 << 10;

/// How many records in a row may carry no data: new keys, tickets and empty records, of which no honest remote sends many.
pub(super) const QUIET_RECORDS_MAX: u8 = 32;

/// Types of handshake messages (RFC 8446, section 4) and of alerts (section 6).
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
const CLOSE_NOTIFY: u8 = 0;

enum State {
    Open,
    /// The remote said that this was all.
    Ended,
    Failed(RecordError),
}

/// Reads what the remote sent.
pub(crate) struct RecordReader {
    tcp: OwnedReadHalf,
    keys: Arc<TrafficKeys>,
    decrypter: Box<dyn MessageDecrypter>,
    /// The number of the next record.
    seq: u64,
    buffer: Vec<u8>,
    /// Where in the buffer is what was opened and not handed out.
    plain: Range<usize>,
    /// Where in the buffer is what was received and not opened. It begins with a header.
    sealed: Range<usize>,
    state: State,
    quiet_records: u8,
}

impl RecordReader {
    pub(super) fn new(
        tcp: OwnedReadHalf,
        received: &[u8],
        (seq, secrets): (u64, ConnectionTrafficSecrets),
        keys: Arc<TrafficKeys>,
    ) -> Result<Self, rustls::Error> {
        let decrypter = keys.decrypter(secrets)?;
        let mut buffer = received.to_vec();
        buffer.resize(received.len().max(BUFFER_LEN_MIN), 0);
        let (plain, sealed) = (0..0, 0..received.len());
        Ok(Self { tcp, keys, decrypter, seq, buffer, plain, sealed, state: State::Open, quiet_records: 0 })
    }

    /// Gives out as much as was opened, and as there is room for.
    fn hand_out(&mut self, out: &mut ReadBuf<'_>) {
        let len = out.remaining().min(self.plain.len());
        out.put_slice(&self.buffer[self.plain.start..self.plain.start + len]);
        self.plain.start += len;
    }

    /// Where the sealed bytes of the next record are, if all of them are here.
    fn next_record(&self) -> Result<Option<Range<usize>>, RecordError> {
        let Some(header) = self.buffer[self.sealed.clone()].first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let len = sealed_len(header);
        if header[0] != u8::from(ContentType::ApplicationData) {
            return Err(RecordError::NotSealed { received: header[0] });
        }
        if len > SEALED_LEN_MAX {
            return Err(RecordError::TooLong { received: len });
        }
        let start = self.sealed.start + HEADER_LEN;
        Ok((start + len <= self.sealed.end).then_some(start..start + len))
    }

    fn open(&mut self, record: Range<usize>) -> Result<(), RecordError> {
        let start = record.start;
        self.sealed.start = record.end;
        let sealed = &mut self.buffer[record];
        let sealed =
            InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, sealed);
        let opened = self.decrypter.decrypt(sealed, self.seq).map_err(|_| RecordError::Forged)?;
        self.seq += 1;
        // It was opened in place: the content begins where the sealed bytes began.
        let (content_type, content) = (opened.typ, start..start + opened.payload.len());
        match content_type {
            ContentType::ApplicationData if !content.is_empty() => {
                self.quiet_records = 0;
                self.plain = content;
                Ok(())
            }
            ContentType::ApplicationData => self.count_quiet_record(),
            ContentType::Alert => self.handle_alert(content),
            ContentType::Handshake => self.handle_handshake(content),
            other => Err(RecordError::Unexpected { received: other.into() }),
        }
    }

    fn handle_alert(&mut self, content: Range<usize>) -> Result<(), RecordError> {
        match self.buffer[content] {
            [_, CLOSE_NOTIFY] => {
                self.state = State::Ended;
                Ok(())
            }
            [_, description] => Err(RecordError::Alert(description)),
            _ => Err(RecordError::Unexpected { received: ContentType::Alert.into() }),
        }
    }

    /// Of the messages that may follow a handshake only new keys mean anything here. No message is cut in two: none
    /// that is allowed is longer than a record, and no library does so.
    fn handle_handshake(&mut self, content: Range<usize>) -> Result<(), RecordError> {
        self.count_quiet_record()?;
        match self.buffer[content] {
            [KEY_UPDATE, 0, 0, 1, request @ (0 | 1)] => {
                self.decrypter = self.keys.next_decrypter().map_err(|_| RecordError::Forged)?;
                self.seq = 0;
                if request == 1 {
                    self.keys.ask_for_update();
                }
                Ok(())
            }
            // Sessions are never resumed, so a ticket is of no use.
            [NEW_SESSION_TICKET, ..] => Ok(()),
            [received, ..] => Err(RecordError::Unexpected { received }),
            [] => Err(RecordError::Unexpected { received: ContentType::Handshake.into() }),
        }
    }

    fn count_quiet_record(&mut self) -> Result<(), RecordError> {
        self.quiet_records += 1;
        let max = QUIET_RECORDS_MAX;
        if self.quiet_records > max { Err(RecordError::TooQuiet { max }) } else { Ok(()) }
    }

    /// Receives at least one byte more, or the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.make_room();
        let mut free = ReadBuf::new(&mut self.buffer[self.sealed.end..]);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut free))?;
        match free.filled().len() {
            0 => self.state = State::Failed(RecordError::Cut),
            received => self.sealed.end += received,
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing is opened now, and the next record is not whole: it moves to the front, and there is room for all of it.
    fn make_room(&mut self) {
        let was_full = self.sealed.end == self.buffer.len();
        self.buffer.copy_within(self.sealed.clone(), 0);
        self.sealed = 0..self.sealed.len();
        self.plain = 0..0;
        if was_full && self.buffer.len() < BUFFER_LEN_MAX {
            self.buffer.resize(BUFFER_LEN_MAX, 0);
        }
    }
}

impl AsyncRead for RecordReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        loop {
            this.hand_out(out);
            if out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // What came before an end or a failure arrives first.
            let has_data = out.filled().len() > before;
            match &this.state {
                State::Open => {}
                State::Failed(error) if !has_data => return Poll::Ready(Err((*error).into())),
                State::Ended | State::Failed(_) => return Poll::Ready(Ok(())),
            }
            match this.next_record() {
                Ok(Some(record)) => {
                    if let Err(error) = this.open(record) {
                        this.state = State::Failed(error);
                    }
                }
                Err(error) => this.state = State::Failed(error),
                Ok(None) if has_data => return Poll::Ready(Ok(())),
                Ok(None) => ready!(this.poll_fill(cx))?,
            }
        }
    }
}
