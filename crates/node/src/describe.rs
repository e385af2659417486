//! Learning from one source what a hash stands for, before any content is asked for: a file's size and chunk hashes,
//! or a folder's manifest. All of it is proved against the hash, so a source can refuse, but not deceive.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use drizzle_model::{
    ChunkHasher, ChunkHashes, ChunkIndex, ContentHash, ContentKind, Geometry, Manifest, Metadata, ProofError,
};
use drizzle_wire::{
    ByeReason, Channel, ChannelKind, Chunks, DataHeader, FrameHead, HASHES_MAX, HashCount,
    MANIFEST_BYTES_MAX, ManifestDecodeError, Message, UnavailableReason, decode_manifest,
};
use tokio::time::timeout;

use crate::lane::{FrameError, Greeted, read_fields, read_head, read_piece, write_message};

/// The channel on which a source is asked: the first of the one who called.
const CHANNEL: Channel = Channel::new(0);
/// A source that does not bring the next answer in so long is passed over for another.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// More messages than this that answer nothing are too many: a source could keep the asker for ever with them.
const PASSED_OVER_MAX: usize = 1000;
/// How many chunks of a manifest are asked for at once.
const WINDOW: usize = 16;

/// What a hash stands for.
#[derive(Debug)]
pub(crate) enum Description {
    /// A file.
    File { geometry: Geometry, chunks: ChunkHashes, metadata: Metadata },
    /// A folder, with the bytes of its manifest, to serve them on.
    Folder { manifest: Manifest, bytes: Vec<u8> },
}

/// Why a source did not say what a hash stands for. The next source may.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescribeError {
    /// The source: it does not have it, or not now.
    #[error("the peer does not serve it: {0:?}")]
    Unavailable(UnavailableReason),
    /// The source: it hung up.
    #[error("the peer hung up: {text} ({reason:?})")]
    Bye { reason: ByeReason, text: String },
    /// The source: it took too long.
    #[error("the peer did not answer for {} s", ANSWER_TIMEOUT.as_secs())]
    Silence,
    /// The source: what it says is against the protocol.
    #[error("the peer's answer makes no sense: {0}")]
    Nonsense(&'static str),
    /// The source: its chunk hashes are false.
    #[error("the peer's chunk hashes are false: {0}")]
    FalseHashes(#[from] ProofError),
    /// The source: a part of the manifest is false.
    #[error("chunk {0} of the manifest is not what was asked for")]
    FalseChunk(u32),
    /// The source: chunk hashes do not fix a file's size, and it names a wrong one.
    #[error("the peer says that it has {received} bytes, expected {expected}")]
    FalseSize {
        /// As the link or the tracker has it.
        expected: u64,
        /// As the source has it.
        received: u64,
    },
    /// The content: its hash is right, but it is no manifest.
    #[error("it is no folder: {0}")]
    NoManifest(#[from] ManifestDecodeError),
    /// The source, or the content: it is too large to be held.
    #[error("the peer says that the manifest has {received} bytes, expected at most {MANIFEST_BYTES_MAX}")]
    ManifestTooLarge { received: u64 },
    /// The way to the source.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl DescribeError {
    /// Whether the source told a falsehood, as against having nothing to tell.
    pub(crate) fn is_lie(&self) -> bool {
        matches!(
            self,
            Self::FalseHashes(_) | Self::FalseChunk(_) | Self::FalseSize { .. } | Self::Nonsense(_)
        )
    }
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) hash: ContentHash,
    pub(crate) kind: ContentKind,
    /// The size of all its files together, as the link or the tracker has it.
    pub(crate) size: u64,
}

/// Asks the source at the other end what a hash stands for.
pub(crate) async fn describe(source: &mut Greeted, subject: Subject) -> Result<Description, DescribeError> {
    let Subject { hash, kind, size } = subject;
    let mut asking = Asking { source, buffer: Vec::new(), passed_over: 0 };
    asking.say(&Message::Open { channel: CHANNEL, hash, kind: ChannelKind::Bytes, have: None }).await?;
    let asked_ahead = asking.ask_ahead(subject).await?;
    let (geometry, metadata) = asking.opened().await?;
    if kind == ContentKind::File && geometry.size() != size {
        return Err(DescribeError::FalseSize { expected: size, received: geometry.size() });
    }
    if kind == ContentKind::Folder && geometry.size() > MANIFEST_BYTES_MAX as u64 {
        return Err(DescribeError::ManifestTooLarge { received: geometry.size() });
    }
    let chunks = asking.chunk_hashes(hash, geometry, asked_ahead).await?;
    let description = match kind {
        ContentKind::File => Description::File { geometry, chunks, metadata },
        ContentKind::Folder => {
            let bytes = asking.content(geometry, &chunks).await?;
            Description::Folder { manifest: decode_manifest(&bytes)?, bytes }
        }
    };
    asking.say(&Message::Close { channel: CHANNEL }).await?;
    source.channels_used = 1;
    Ok(description)
}

/// A chunk that was asked for, as far as it has come.
struct Arriving {
    index: ChunkIndex,
    len: u64,
    hasher: ChunkHasher,
    bytes: Vec<u8>,
}

impl Arriving {
    fn new(geometry: Geometry, index: ChunkIndex) -> Self {
        let range = geometry.range(index);
        Self {
            index,
            len: range.end - range.start,
            hasher: ChunkHasher::new(geometry, index),
            bytes: Vec::new(),
        }
    }

    /// Takes the next piece; says whether the chunk is whole.
    fn take(&mut self, header: DataHeader, piece: &[u8]) -> Result<bool, DescribeError> {
        let (received, left) = (self.bytes.len() as u64, self.len - self.bytes.len() as u64);
        if u64::from(header.offset()) != received || piece.is_empty() || piece.len() as u64 > left {
            return Err(DescribeError::Nonsense("pieces of a chunk out of turn"));
        }
        self.hasher.update(piece);
        self.bytes.extend_from_slice(piece);
        Ok(self.bytes.len() as u64 == self.len)
    }
}

/// How many chunk hashes to ask for first; none where the content's own hash is the only one.
fn hash_count(geometry: Geometry) -> Option<HashCount> {
    let count = geometry.chunk_count() as usize;
    HashCount::new(count.min(HASHES_MAX)).filter(|_| count > 1)
}

/// A conversation with one source.
struct Asking<'a> {
    source: &'a mut Greeted,
    buffer: Vec<u8>,
    passed_over: usize,
}

/// What a source sends.
enum Answer {
    Message(Message),
    /// A piece of content, which is in the buffer.
    Piece(DataHeader),
}

impl Asking<'_> {
    /// Asks for the first chunk hashes of a file together with the channel: its size is known from elsewhere, and a swarm
    /// gets going sooner by a round trip. A source that does not open the channel passes over the question.
    async fn ask_ahead(&mut self, subject: Subject) -> Result<Option<HashCount>, DescribeError> {
        let geometry = Geometry::for_size(subject.size).filter(|_| subject.kind == ContentKind::File);
        let count = geometry.and_then(hash_count);
        if let Some(count) = count {
            self.say(&Message::WantHashes { channel: CHANNEL, first: 0, count }).await?;
        }
        Ok(count)
    }

    async fn opened(&mut self) -> Result<(Geometry, Metadata), DescribeError> {
        loop {
            match self.hear().await? {
                Answer::Message(Message::Opened { channel: CHANNEL, size, metadata, have }) => {
                    let chunks = have.bitmap().len();
                    let geometry =
                        Geometry::for_size(size).filter(|geometry| geometry.chunk_count() == chunks);
                    let geometry =
                        geometry.ok_or(DescribeError::Nonsense("its size and chunk count disagree"))?;
                    return Ok((geometry, metadata));
                }
                Answer::Message(Message::Unavailable { channel: CHANNEL, reason }) => {
                    return Err(DescribeError::Unavailable(reason));
                }
                Answer::Message(_) => self.pass_over()?,
                Answer::Piece(_) => return Err(DescribeError::Nonsense("content before it was asked for")),
            }
        }
    }

    async fn chunk_hashes(
        &mut self,
        hash: ContentHash,
        geometry: Geometry,
        asked_ahead: Option<HashCount>,
    ) -> Result<ChunkHashes, DescribeError> {
        let expected = geometry.chunk_count() as usize;
        if expected == 1 {
            return Ok(ChunkHashes::prove(&hash, geometry, vec![*hash.as_bytes()])?);
        }
        let mut hashes: Vec<[u8; 32]> = Vec::new();
        if let Some(count) = asked_ahead {
            hashes.extend(self.hashes(0, count).await?);
        }
        while let Some(count) = HashCount::new((expected - hashes.len()).min(HASHES_MAX)) {
            self.say(&Message::WantHashes { channel: CHANNEL, first: hashes.len() as u32, count }).await?;
            hashes.extend(self.hashes(hashes.len() as u32, count).await?);
        }
        Ok(ChunkHashes::prove(&hash, geometry, hashes)?)
    }

    async fn hashes(
        &mut self,
        expected_first: u32,
        count: HashCount,
    ) -> Result<Vec<[u8; 32]>, DescribeError> {
        loop {
            match self.hear().await? {
                Answer::Message(Message::Hashes { channel: CHANNEL, first, hashes }) => {
                    let hashes = hashes.into_vec();
                    let fits = first == expected_first && hashes.len() as u32 == count.number();
                    return if fits {
                        Ok(hashes)
                    } else {
                        Err(DescribeError::Nonsense("chunk hashes out of turn"))
                    };
                }
                Answer::Message(_) => self.pass_over()?,
                Answer::Piece(_) => return Err(DescribeError::Nonsense("content before it was asked for")),
            }
        }
    }

    /// Brings all of a small content into memory, each chunk checked as it is whole. The source may send what was asked
    /// for in any order.
    async fn content(&mut self, geometry: Geometry, chunks: &ChunkHashes) -> Result<Vec<u8>, DescribeError> {
        let mut unasked = geometry.chunks().map(ChunkIndex::number);
        let mut arriving = HashMap::new();
        let (mut whole, mut content) = (BTreeMap::new(), Vec::new());
        let first: Vec<u32> = unasked.by_ref().take(WINDOW).collect();
        self.ask(first, geometry, &mut arriving).await?;
        while !arriving.is_empty() {
            let header = self.piece().await?;
            let Entry::Occupied(mut entry) = arriving.entry(header.chunk()) else {
                return Err(DescribeError::Nonsense("a piece of a chunk that was not asked for"));
            };
            if !entry.get_mut().take(header, &self.buffer)? {
                continue;
            }
            let chunk = entry.remove();
            if chunk.hasher.finish() != *chunks.of(chunk.index) {
                return Err(DescribeError::FalseChunk(chunk.index.number()));
            }
            whole.insert(chunk.index, chunk.bytes);
            while let Some(next) =
                whole.first_entry().filter(|next| geometry.range(*next.key()).start == content.len() as u64)
            {
                content.append(&mut next.remove());
            }
            let next: Vec<u32> = unasked.by_ref().take(1).collect();
            self.ask(next, geometry, &mut arriving).await?;
        }
        Ok(content)
    }

    async fn ask(
        &mut self,
        numbers: Vec<u32>,
        geometry: Geometry,
        arriving: &mut HashMap<u32, Arriving>,
    ) -> Result<(), DescribeError> {
        let chunks = numbers.iter().filter_map(|&number| geometry.chunk(number));
        arriving.extend(chunks.map(|chunk| (chunk.number(), Arriving::new(geometry, chunk))));
        match Chunks::new(numbers) {
            Some(chunks) => self.say(&Message::Want { channel: CHANNEL, chunks }).await,
            None => Ok(()),
        }
    }

    /// Waits for the next piece of content; it is in the buffer then.
    async fn piece(&mut self) -> Result<DataHeader, DescribeError> {
        loop {
            match self.hear().await? {
                Answer::Piece(header) if header.channel() == CHANNEL => return Ok(header),
                Answer::Piece(_) => return Err(DescribeError::Nonsense("content on another channel")),
                Answer::Message(Message::Refuse { channel: CHANNEL, .. }) => {
                    return Err(DescribeError::Unavailable(UnavailableReason::Changed));
                }
                Answer::Message(_) => self.pass_over()?,
            }
        }
    }

    async fn say(&mut self, message: &Message) -> Result<(), DescribeError> {
        Ok(write_message(&mut self.source.connection, message).await.map_err(FrameError::from)?)
    }

    async fn hear(&mut self) -> Result<Answer, DescribeError> {
        match timeout(ANSWER_TIMEOUT, self.read()).await {
            Ok(Ok(Answer::Message(Message::Bye { reason, text }))) => {
                Err(DescribeError::Bye { reason, text: text.as_str().to_owned() })
            }
            Ok(answer) => Ok(answer?),
            Err(_) => Err(DescribeError::Silence),
        }
    }

    async fn read(&mut self) -> Result<Answer, FrameError> {
        let stream = &mut self.source.connection;
        Ok(match read_head(stream).await? {
            FrameHead::Message(head) => Answer::Message(read_fields(stream, head, &mut self.buffer).await?),
            FrameHead::Data(head) => Answer::Piece(read_piece(stream, head, &mut self.buffer).await?),
        })
    }

    /// Counts a message that is no answer: some may cross with the question, but not many.
    fn pass_over(&mut self) -> Result<(), DescribeError> {
        self.passed_over += 1;
        if self.passed_over > PASSED_OVER_MAX {
            Err(DescribeError::Nonsense("no answer among many messages"))
        } else {
            Ok(())
        }
    }
}
