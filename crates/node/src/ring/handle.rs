//! The ways in which others speak to the driver.

use drizzle_model::ContentHash;
use drizzle_ring::{Contact, Key, Offered, OperationError, Position, Record, RecordId};
use tokio::sync::{mpsc, oneshot};

use super::greet::Met;
use super::happening::{Command, Happening, Neighbourhood, News};

/// Speaks to one driver. Clones speak to the same one; a driver that has ended fails every operation.
#[derive(Clone)]
pub(crate) struct RingHandle {
    happenings: mpsc::Sender<Happening>,
}

/// What an operation came to.
type Ended<T> = Result<T, OperationError>;

impl RingHandle {
    pub(crate) fn new(happenings: mpsc::Sender<Happening>) -> Self {
        Self { happenings }
    }

    /// Hands over who called.
    pub(crate) async fn called(&self, met: Met) {
        let _ = self.happenings.send(Happening::Called(Box::new(met))).await;
    }

    /// Those who are to keep what lies at a position, so many at the most; none when they cannot be found.
    pub(crate) async fn keepers(&self, target: Position, replicas: usize) -> Vec<Contact> {
        let mut keepers = self.look_up(target).await.unwrap_or_default();
        keepers.truncate(replicas);
        keepers
    }

    /// The owner of a position and those behind it.
    async fn look_up(&self, target: Position) -> Ended<Vec<Contact>> {
        let found = self.operate(|news| Command::LookUp { target, news }, |_, _| {}).await?;
        match found {
            News::Found { owners } => Ok(owners),
            _ => Err(OperationError::NoAnswer),
        }
    }

    /// Places a record, and its file, where it belongs; dropped in the middle, no more is done for it here.
    pub(crate) async fn store(
        &self,
        record: Record,
        hop: impl FnMut(Contact, Contact),
    ) -> Ended<Vec<Contact>> {
        let record = Box::new(record);
        match self.operate(|news| Command::Store { record, news }, hop).await? {
            News::Stored { at } => Ok(at),
            _ => Err(OperationError::NoAnswer),
        }
    }

    /// What is under a key, and who said so.
    pub(crate) async fn request(
        &self,
        key: Key,
        hop: impl FnMut(Contact, Contact),
    ) -> Ended<(Contact, Vec<Offered>)> {
        match self.operate(|news| Command::Request { key, news }, hop).await? {
            News::Received { from, records } => Ok((from, records)),
            _ => Err(OperationError::NoAnswer),
        }
    }

    /// Who is near; none when the driver has ended.
    pub(crate) async fn state(&self) -> Option<Neighbourhood> {
        self.ask(Command::State).await
    }

    /// How many files are here, and their bytes; none when the driver has ended.
    pub(crate) async fn kept(&self) -> Option<(usize, u64)> {
        self.ask(Command::Kept).await
    }

    /// Records of names that are kept here, and whether there are more.
    pub(crate) async fn list(&self, after: Option<RecordId>) -> Option<(Vec<Record>, bool)> {
        self.ask(|reply| Command::List { after, reply }).await
    }

    /// A file that is kept is gone or damaged.
    pub(crate) async fn file_lost(&self, blob: ContentHash) {
        let _ = self.happenings.send(Happening::FileLost(blob)).await;
    }

    /// A file that could not be read is served again.
    pub(crate) async fn file_back(&self, blob: ContentHash) {
        let _ = self.happenings.send(Happening::FileBack(blob)).await;
    }

    /// Leaves the ring, and waits until that is done.
    pub(crate) async fn quit(&self) {
        let _ = self.ask(Command::Quit).await;
    }

    /// Waits until the driver has ended.
    pub(crate) async fn ended(&self) {
        self.happenings.closed().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.happenings.send(Happening::Command(command(reply))).await.ok()?;
        answer.await.ok()
    }

    async fn operate(
        &self,
        command: impl FnOnce(mpsc::UnboundedSender<News>) -> Command,
        mut hop: impl FnMut(Contact, Contact),
    ) -> Ended<News> {
        let (sender, mut news) = mpsc::unbounded_channel();
        let sent = self.happenings.send(Happening::Command(command(sender))).await;
        sent.map_err(|_| OperationError::NotMember)?;
        let mut asked = Asked { happenings: &self.happenings, has_ended: false };
        let end = loop {
            match news.recv().await {
                Some(News::Hop { from, to }) => hop(from, to),
                end => break end,
            }
        };
        asked.has_ended = true;
        match end {
            Some(News::Failed(error)) => Err(error),
            Some(ended) => Ok(ended),
            None => Err(OperationError::NotMember),
        }
    }
}

/// An operation that somebody waits for. Dropped before its end, the driver hears that nobody does any more.
struct Asked<'a> {
    happenings: &'a mpsc::Sender<Happening>,
    has_ended: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            // Where there is no room for it, the next operation has the driver look.
            let _ = self.happenings.try_send(Happening::Command(Command::GiveUp));
        }
    }
}
