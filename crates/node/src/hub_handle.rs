//! The node's end of the hub.

use drizzle_model::Address;
use tokio::sync::{mpsc, oneshot};

use crate::content_key::ContentId;
use crate::input::{Candidate, Command, Input, NewContent};
use crate::lane::Greeted;

/// Gives commands to the hub. Clones speak to the same one. A hub that has shut down takes them without effect.
#[derive(Clone)]
pub(crate) struct HubHandle {
    inputs: mpsc::Sender<Input>,
}

impl HubHandle {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    /// Takes up a content; none when the hub has shut down.
    pub(crate) async fn add(&self, content: NewContent) -> Option<ContentId> {
        let (reply, id) = oneshot::channel();
        self.command(Command::Add { content: Box::new(content), reply }).await;
        id.await.ok()
    }

    /// Forgets a content.
    pub(crate) async fn remove(&self, content: ContentId) {
        self.command(Command::Remove { content }).await;
    }

    /// Names peers that may have the content.
    pub(crate) async fn candidates(&self, content: ContentId, candidates: Vec<Candidate>) {
        self.command(Command::Candidates { content, candidates }).await;
    }

    /// Uses a connection for the content.
    pub(crate) async fn attach(&self, content: ContentId, greeted: Greeted, address: Address) {
        self.command(Command::Attach { content, greeted: Box::new(greeted), address }).await;
    }

    /// Says goodbye to all peers, and ends.
    pub(crate) async fn shut_down(&self) {
        self.command(Command::ShutDown).await;
    }

    /// Forgets a content soon, from where nothing can be waited for.
    fn remove_soon(&self, content: ContentId) {
        let hub = self.clone();
        // Without a runtime the node is gone, and the hub with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { hub.remove(content).await });
        }
    }

    async fn command(&self, command: Command) {
        // A hub that is gone needs no commands.
        let _ = self.inputs.send(Input::Command(command)).await;
    }
}

/// Contents that the hub holds for somebody: it forgets them when this is dropped, unless they are to be kept.
pub(crate) struct Held {
    hub: HubHandle,
    ids: Vec<ContentId>,
}

impl Held {
    pub(crate) fn new(hub: HubHandle) -> Self {
        Self { hub, ids: Vec::new() }
    }

    /// Gives a content to the hub; none when that has shut down.
    pub(crate) async fn add(&mut self, content: NewContent) -> Option<ContentId> {
        let id = self.hub.add(content).await?;
        self.ids.push(id);
        Some(id)
    }

    /// Leaves the contents with the hub until the node ends.
    pub(crate) fn keep(mut self) {
        self.ids.clear();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ids.drain(..).for_each(|id| self.hub.remove_soon(id));
    }
}
