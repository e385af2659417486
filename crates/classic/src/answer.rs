//! One call to a serving peer: reads which file is wanted, and sends it in the form in which it was asked for.
//!
//! Laws: what is not in the wares is not sent; a reply that cannot be sent whole does not look whole: framed it is short of its
//! length, bare its connection is torn down.

use std::io;
use std::time::Duration;

use drizzle_net::RateLimiter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::{
    HEADER_LEAD, LF_WAIT, LINGER, NAME_BYTES_MAX, PIECE_BYTES, REQUEST_TIMEOUT, WRITE_TIMEOUT,
};
use crate::pace::Pace;
use crate::request::{Asked, Form, read};
use crate::wares::{Ware, Wares};

/// How long a name that is not in the wares is waited on, in units of [`LF_WAIT`]: it may be the first half of one that is.
const UNKNOWN_WAITS: u32 = 4;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// A file was sent.
    Sent {
        /// Which.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// It asked for what is not here.
    Unknown,
    /// It asked for nothing.
    Nothing,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// No name came in time.
    #[error("no request came in time")]
    Silent,
    /// The request is longer than any name.
    #[error("expected a name of at most {NAME_BYTES_MAX} bytes, received more")]
    TooLong,
    /// The caller does not read, or hardly.
    #[error("the caller reads too slowly")]
    TooSlow,
    /// The connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file, which could be read no further.
    #[error("what is shared cannot be read: {0}")]
    Disk(io::Error),
}

/// Answers one caller.
pub async fn answer(
    mut tcp: TcpStream,
    wares: &dyn Wares,
    limit: &RateLimiter,
) -> Result<Answered, AnswerError> {
    tcp.set_nodelay(true)?;
    let (ware, name, form) = match listen(&mut tcp, wares).await? {
        Wanted::File { ware, name, form } => (ware, name, form),
        Wanted::Unknown => return end(tcp, Answered::Unknown).await,
        Wanted::Nothing => return Ok(Answered::Nothing),
    };
    let bytes = ware.size();
    if form == Form::Framed {
        write(&mut tcp, format!("Content-Length: {bytes}\n").as_bytes()).await?;
        tokio::time::sleep(HEADER_LEAD).await;
    }
    if let Err(error) = send(&mut tcp, ware, limit).await {
        let _ = socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO));
        return Err(error);
    }
    end(tcp, Answered::Sent { name, bytes }).await
}

enum Wanted {
    File { ware: Box<dyn Ware>, name: String, form: Form },
    Unknown,
    Nothing,
}

/// Waits for the request.
async fn listen(tcp: &mut TcpStream, wares: &dyn Wares) -> Result<Wanted, AnswerError> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let (mut request, mut waits, mut has_ended) = (Vec::new(), 0, false);
    let mut piece = [0; NAME_BYTES_MAX + 2];
    loop {
        let until = match read(&request, has_ended) {
            Asked::TooLong => return Err(AnswerError::TooLong),
            Asked::For(Some(name), _) if name.is_empty() => return Ok(Wanted::Nothing),
            Asked::For(name, form) => return Ok(find(wares, name, form)),
            Asked::Perhaps(_) => (Instant::now() + LF_WAIT).min(deadline),
            Asked::NotYet => deadline,
        };
        match timeout_at(until, tcp.read(&mut piece)).await {
            Ok(Ok(0)) => has_ended = true,
            Ok(received) => (request.extend_from_slice(&piece[..received?]), waits = 0).0,
            Err(_) => {
                waits += 1;
                let Asked::Perhaps(name) = read(&request, false) else { return Err(AnswerError::Silent) };
                let wanted = find(wares, Some(name), Form::Bare);
                if !matches!(wanted, Wanted::Unknown) || waits > UNKNOWN_WAITS || Instant::now() >= deadline {
                    return Ok(wanted);
                }
            }
        }
    }
}

fn find(wares: &dyn Wares, name: Option<String>, form: Form) -> Wanted {
    let found = name.and_then(|name| Some((wares.open(&name)?, name)));
    found.map_or(Wanted::Unknown, |(ware, name)| Wanted::File { ware, name, form })
}

async fn send(tcp: &mut TcpStream, mut ware: Box<dyn Ware>, limit: &RateLimiter) -> Result<(), AnswerError> {
    let (size, mut offset) = (ware.size(), 0);
    let mut buffer = Vec::new();
    let mut waited = Duration::ZERO;
    while offset < size {
        let piece = (size - offset).min(PIECE_BYTES as u64);
        let read = spawn_blocking(move || {
            buffer.resize(usize::try_from(piece).unwrap_or(PIECE_BYTES), 0);
            let read = ware.read_at(offset, &mut buffer);
            (ware, buffer, read)
        });
        let (back, filled, read) = read.await.map_err(|error| AnswerError::Disk(io::Error::other(error)))?;
        (ware, buffer) = (back, filled);
        let bytes = read.map_err(AnswerError::Disk)?;
        if bytes == 0 {
            return Err(AnswerError::Disk(io::ErrorKind::UnexpectedEof.into()));
        }
        limit.take(bytes as u64).await;
        let began = Instant::now();
        write(tcp, &buffer[..bytes]).await?;
        waited += began.elapsed();
        offset += bytes as u64;
        if Pace::LEAST.is_missed(waited, offset) {
            return Err(AnswerError::TooSlow);
        }
    }
    Ok(())
}

/// Writes all of it, as slowly as it is read, but not to somebody who reads nothing.
async fn write(tcp: &mut TcpStream, mut bytes: &[u8]) -> Result<(), AnswerError> {
    while !bytes.is_empty() {
        let written = timeout(WRITE_TIMEOUT, tcp.write(bytes)).await.map_err(|_| AnswerError::TooSlow)??;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Ends the connection such that all that was sent arrives.
async fn end(mut tcp: TcpStream, answered: Answered) -> Result<Answered, AnswerError> {
    tcp.shutdown().await?;
    let drain = async {
        let mut unread = [0; 256];
        while matches!(tcp.read(&mut unread).await, Ok(1..)) {}
    };
    let _ = timeout(LINGER, drain).await;
    Ok(answered)
}
