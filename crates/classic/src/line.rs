//! A synchronizer's connection to its tracker: says something, hears the directory.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::{
    CONNECT_TIMEOUT, DIRECTORY_BYTES_MAX, PIECE_BYTES, REPLY_LF_WAIT, REPLY_TIMEOUT, WRITE_TIMEOUT,
};
use crate::message::{DirectoryMessage, MessageError, PeerMessage};
use crate::splitter::{SplitError, Splitter};

/// Why a tracker is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It hung up.
    #[error("the tracker hung up")]
    Closed,
    /// It does not answer.
    #[error("the tracker does not answer")]
    Silent,
    /// What it says are no messages.
    #[error("the tracker does not speak the classic protocol: {0}")]
    Split(#[from] SplitError),
    /// What it says means nothing.
    #[error("the tracker's directory makes no sense: {0}")]
    Message(#[from] MessageError),
    /// The connection.
    #[error("the tracker cannot be reached: {0}")]
    Io(#[from] io::Error),
}

/// An open connection.
pub(crate) struct Line {
    tcp: TcpStream,
    splitter: Splitter,
    piece: Vec<u8>,
    /// Whether the tracker ends its messages with an LF; none until it has answered.
    has_lf: Option<bool>,
}

impl Line {
    pub(crate) async fn open(tracker: &(String, u16)) -> Result<Self, LineError> {
        let (host, port) = (tracker.0.as_str(), tracker.1);
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await;
        let tcp = connecting.map_err(|_| LineError::Silent)??;
        tcp.set_nodelay(true)?;
        let splitter = Splitter::new(DIRECTORY_BYTES_MAX);
        Ok(Self { tcp, splitter, piece: vec![0; PIECE_BYTES], has_lf: None })
    }

    /// Under which address the tracker sees this machine, unless there is a translator between.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Whether peers are to be asked with an LF.
    pub(crate) fn has_lf(&self) -> bool {
        self.has_lf.unwrap_or(false)
    }

    /// Says something, and waits for the directory.
    pub(crate) async fn exchange(&mut self, message: &PeerMessage) -> Result<DirectoryMessage, LineError> {
        let bytes = message.to_bytes();
        timeout(WRITE_TIMEOUT, self.tcp.write_all(&bytes)).await.map_err(|_| LineError::Silent)??;
        let deadline = Instant::now() + REPLY_TIMEOUT;
        loop {
            if let Some(json) = self.splitter.next_message()? {
                let directory = DirectoryMessage::parse(json)?;
                self.learn_dialect().await;
                return Ok(directory);
            }
            timeout_at(deadline, self.hear()).await.map_err(|_| LineError::Silent)??;
        }
    }

    /// By the first reply. Its LF may come in a segment of its own.
    async fn learn_dialect(&mut self) {
        let deadline = Instant::now() + REPLY_LF_WAIT;
        while self.has_lf.is_none() && !self.splitter.look_for_lf() {
            match timeout_at(deadline, self.hear()).await {
                Ok(Ok(())) => {}
                // What was heard stands, whatever became of the connection.
                Ok(Err(_)) | Err(_) => self.has_lf = Some(false),
            }
        }
        if self.splitter.has_lf() {
            self.has_lf = Some(true);
        }
    }

    async fn hear(&mut self) -> Result<(), LineError> {
        match self.tcp.read(&mut self.piece).await? {
            0 => Err(LineError::Closed),
            received => {
                self.splitter.push(&self.piece[..received]);
                Ok(())
            }
        }
    }
}
