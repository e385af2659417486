//! How commands speak to the ring node of their state directory: one order as a line of JSON, then lines of answers.
//!
//! The socket has mode 0600, and so whoever can open it could do all of this without it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drizzle_model::RelPath;
use drizzle_node::{RingError, RingNode};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::exit::{Failure, Kind};
use crate::output::ring_fields::{HopFields, NeighboursFields, ReceivedFields, StoredFields};

/// The longest order: two paths and a name.
const ORDER_BYTES_MAX: u64 = 64 << 10;
/// A node that ends waits so long for what is still to be answered.
const ANSWERS_MAX: Duration = Duration::from_millis(500);

/// What a node is asked for. Paths need not be UTF-8, so they are no text here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Order {
    Store { path: OsString, name: String },
    Request { name: String, output: OsString },
    Status,
    Quit,
}

/// What it answers; all but hops end it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(super) enum Answer {
    Hop(HopFields),
    Stored(StoredFields),
    Received(ReceivedFields),
    Neighbours(NeighboursFields),
    Left,
    Failed { kind: String, message: String, hint: Option<String> },
}

/// Where the socket of a state directory is.
fn path_of(state_dir: &Path) -> PathBuf {
    state_dir.join("ring").join("control")
}

/// A node's end of the socket, which is gone when this is dropped.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens. The node's lock says that a socket that is there already is nobody's.
    pub(super) fn listen(state_dir: &Path) -> Result<Self, Failure> {
        let path = path_of(state_dir);
        let failed = |error: io::Error| Failure::at_path(&path, &error);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(|error| match error.kind() {
            // The kernel has room for some hundred bytes of a socket's path.
            io::ErrorKind::InvalidInput => failed(error).hint("name a --state with a shorter path"),
            _ => failed(error),
        })?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Answers until this is ended or dropped.
    pub(super) fn serve(self, ring: RingNode) -> Serving {
        let (answering, answered) = mpsc::channel(1);
        Serving { accepting: tokio::spawn(self.accept(ring, answering)), answered }
    }

    /// Whoever is being answered holds a clone of `answering`.
    async fn accept(self, ring: RingNode, answering: mpsc::Sender<()>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (ring, answering) = (ring.clone(), answering.clone());
                    tokio::spawn(async move {
                        let _answering = answering;
                        if let Err(error) = answer(stream, ring).await {
                            tracing::debug!(target: "drizzle::ring", %error, "a command hung up");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(target: "drizzle::ring", %error, "cannot hear commands");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A node that hears commands.
pub(super) struct Serving {
    accepting: JoinHandle<()>,
    answered: mpsc::Receiver<()>,
}

impl Serving {
    /// Takes no more commands, and lets those be answered that were: one of them may have asked for the end.
    pub(super) async fn end(mut self) {
        self.accepting.abort();
        // Nothing is ever sent: this waits until nobody holds the other end, or no longer.
        let _ = timeout(ANSWERS_MAX, self.answered.recv()).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(stream: UnixStream, ring: RingNode) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(ORDER_BYTES_MAX));
    reader.read_line(&mut line).await?;
    let order: Order = serde_json::from_str(&line).map_err(io::Error::from)?;
    let ends_with_asker = matches!(order, Order::Store { .. } | Order::Request { .. });
    let mut reader = reader.into_inner().into_inner();
    let mut hung_up = std::pin::pin!(async move { reader.read(&mut [0]).await });
    let (hops, mut hopped) = mpsc::unbounded_channel();
    let mut granted = std::pin::pin!(grant(&ring, order, hops));
    let last = loop {
        tokio::select! {
            biased;
            Some(hop) = hopped.recv() => write(&mut writer, &Answer::Hop(hop)).await?,
            answer = &mut granted => break answer,
            // Nothing more is said by whoever has asked, so this is the end of it: a file that is wanted no more is not placed on.
            _ = &mut hung_up, if ends_with_asker => return Ok(()),
        }
    };
    while let Ok(hop) = hopped.try_recv() {
        write(&mut writer, &Answer::Hop(hop)).await?;
    }
    write(&mut writer, &last).await
}

async fn write(writer: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn grant(ring: &RingNode, order: Order, hops: mpsc::UnboundedSender<HopFields>) -> Answer {
    let hop = move |from: drizzle_node::RingPeer, to: drizzle_node::RingPeer| {
        // Whoever asked may be gone.
        let _ = hops.send(HopFields { from: (&from).into(), to: (&to).into() });
    };
    let answered = match order {
        Order::Store { path, name } => match name_of(&name) {
            Ok(name) => ring
                .store(Path::new(&path), name, hop)
                .await
                .map(|stored| Answer::Stored(StoredFields::new(stored, path.into()))),
            Err(error) => Err(error),
        },
        Order::Request { name, output } => match name_of(&name) {
            Ok(name) => {
                ring.request(&name, output.into(), hop).await.map(|file| Answer::Received(file.into()))
            }
            Err(error) => Err(error),
        },
        Order::Status => {
            let state = ring.state().await.ok_or(RingError::NotMember);
            state.map(|state| Answer::Neighbours(NeighboursFields::of_node(&state)))
        }
        Order::Quit => {
            ring.quit().await;
            Ok(Answer::Left)
        }
    };
    answered.unwrap_or_else(|error| {
        let Failure { kind, message, hint } = error.into();
        Answer::Failed { kind: kind.as_str().to_owned(), message, hint }
    })
}

fn name_of(text: &str) -> Result<RelPath, RingError> {
    RelPath::new(text).map_err(|error| RingError::Id { reason: format!("the name cannot be used: {error}") })
}

/// A command's end.
pub(super) struct Asking {
    lines: tokio::io::Lines<BufReader<UnixStream>>,
}

impl Asking {
    /// Asks the ring node of a state directory.
    pub(super) async fn of(state_dir: &Path, order: &Order) -> Result<Self, Failure> {
        let path = path_of(state_dir);
        let mut stream = UnixStream::connect(&path).await.map_err(|_| {
            Failure::new(Kind::Unreachable, "no ring node runs on this state").hint(
                "start one with `drizzle ring start`, name its --state, or ask another member with --join",
            )
        })?;
        let failed = |error: io::Error| Failure::at_path(&path, &error);
        let mut line = serde_json::to_vec(order).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(failed)?;
        Ok(Self { lines: BufReader::new(stream).lines() })
    }

    /// The next answer.
    pub(super) async fn next(&mut self) -> Result<Answer, Failure> {
        let gone = || Failure::new(Kind::Unreachable, "the ring node has ended before it answered");
        let line = self.lines.next_line().await.map_err(|_| gone())?.ok_or_else(gone)?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::new(Kind::Other, format!("the ring node speaks otherwise: {error}")))
    }
}

/// A failure as the node told it.
pub(super) fn failure(kind: &str, message: String, hint: Option<String>) -> Failure {
    const KINDS: [Kind; 8] = [
        Kind::Usage,
        Kind::NotFound,
        Kind::Integrity,
        Kind::Unreachable,
        Kind::Disk,
        Kind::Refused,
        Kind::Other,
        Kind::Interrupted,
    ];
    let kind = KINDS.into_iter().find(|known| known.as_str() == kind).unwrap_or(Kind::Other);
    Failure { kind, message, hint }
}
