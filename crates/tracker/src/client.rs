//! The tracker, as a peer sees it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use drizzle_classic::Name;
use drizzle_directory::Registration;
use drizzle_model::{ChunkRun, ContentHash, FileKey, Invite, PeerId, RelPath};
use drizzle_net::{Dialer, JoinProof, Ticket};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::classic::{ClassicListing, ClassicLocated};
use crate::answer::{self, Listing, Located, Membership, Renewal, Verdict};
use crate::api::{self, Cursor, path};
use crate::asker::Asker;
use crate::batch::batches;
use crate::client_error::ClientError;
use crate::encoding;
use crate::limits::REASON_BYTES_MAX;
use crate::problem::{ProblemDto, ProblemKind};
use crate::remote::Remote;
use crate::reply::Reply;
use crate::search::Search;
use crate::transport::Transport;

/// A client of one tracker, in the name of one peer. Clones share its connection and its ticket.
///
/// It joins when it first has to, and again when the tracker does not take its ticket. It does not remember what was registered:
/// [`ClientError::Lapsed`] says when that must be done again.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    invite: Invite,
    peer: PeerId,
    transport: Transport,
    membership: Mutex<Option<Membership>>,
    /// Held while joining, so that many calls at once join once.
    joining: tokio::sync::Mutex<()>,
}

/// A request, but for the ticket.
struct Call {
    method: Method,
    path: String,
    body: Bytes,
}

impl Client {
    /// A client for the tracker of `invite`. `peer` is the id of the identity by which `dialer` calls. Nothing is sent yet.
    pub fn new(invite: Invite, peer: PeerId, dialer: Dialer) -> Self {
        let remote = Remote::new(invite.clone(), dialer);
        Self::with_transport(invite, peer, Transport::Remote(remote))
    }

    /// A client for the tracker of `invite` that has joined.
    pub async fn connect(invite: Invite, peer: PeerId, dialer: Dialer) -> Result<Self, ClientError> {
        let client = Self::new(invite, peer, dialer);
        client.join().await?;
        Ok(client)
    }

    pub(crate) fn local(invite: Invite, peer: PeerId, router: Router, asker: Asker) -> Self {
        Self::with_transport(invite, peer, Transport::Local { router, asker })
    }

    fn with_transport(invite: Invite, peer: PeerId, transport: Transport) -> Self {
        let (membership, joining) = (Mutex::new(None), tokio::sync::Mutex::new(()));
        Self { inner: Arc::new(Inner { invite, peer, transport, membership, joining }) }
    }

    /// The network's invite.
    pub fn invite(&self) -> &Invite {
        &self.inner.invite
    }

    /// Joins, unless that is done. What this peer registered stays registered.
    pub async fn join(&self) -> Result<Membership, ClientError> {
        self.join_as(false).await
    }

    /// Joins as a peer that has just started, unless that is done: what it registered in an earlier life is gone, since nobody knows
    /// whether it is still here.
    pub async fn enter(&self) -> Result<Membership, ClientError> {
        self.join_as(true).await
    }

    async fn join_as(&self, fresh: bool) -> Result<Membership, ClientError> {
        let _one_at_a_time = self.inner.joining.lock().await;
        if let Some(membership) = self.membership() {
            return Ok(membership);
        }
        let Inner { invite, peer, .. } = &*self.inner;
        let proof = invite.secret.as_ref().map(|secret| JoinProof::new(secret, &invite.network, peer));
        let proof = proof.map(|proof| encoding::encode(proof.as_bytes()));
        let call = Call::post(path::JOIN, &api::JoinDto { proof, fresh })?;
        let joined: api::JoinedDto = self.send(&call, None).await?.read()?;
        let membership = Membership::try_from(joined)?;
        self.check(&membership.ticket)?;
        *self.inner.membership.lock().unwrap_or_else(PoisonError::into_inner) = Some(membership);
        tracing::debug!(target: "drizzle::tracker", number = membership.number, "joined");
        Ok(membership)
    }

    /// What joining gave, if it is done; the ticket is the newest one.
    pub fn membership(&self) -> Option<Membership> {
        *self.inner.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers files that are served at `port` of this machine: one verdict for each, in order (S0.3). What is
    /// registered already is replaced. A peer that the tracker did not know is known afterwards, even without a file.
    pub async fn register(&self, port: u16, files: &[Registration]) -> Result<Vec<Verdict>, ClientError> {
        if files.is_empty() {
            let nothing = api::RegisterDto { port, files: Vec::new() };
            return self.call(Call::post(path::REGISTER, &nothing)?).await.map(|_| Vec::new());
        }
        let files: Vec<_> = files.iter().map(api::RegistrationDto::from).collect();
        self.in_batches(path::REGISTER, files, |files| api::RegisterDto { port, files }).await
    }

    /// Takes files back: one verdict for each, in order.
    pub async fn unregister(&self, keys: &[FileKey]) -> Result<Vec<Verdict>, ClientError> {
        let keys: Vec<_> = keys.iter().map(api::KeyDto::from).collect();
        self.in_batches(path::UNREGISTER, keys, |files| api::UnregisterDto { files }).await
    }

    /// Says which chunks are here besides those that the tracker knows of (S0.6): one verdict for each file.
    pub async fn add_chunks(&self, files: &[(FileKey, Vec<ChunkRun>)]) -> Result<Vec<Verdict>, ClientError> {
        let files: Vec<_> = files.iter().map(|(key, runs)| api::FileHavesDto::new(key, runs)).collect();
        self.in_batches(path::HAVES, files, |files| api::HavesDto { files }).await
    }

    /// Renews the lease, and says where this peer serves now; without a port it only asks. [`ClientError::Lapsed`] as well when
    /// another tracker of the network answers than before.
    pub async fn renew(&self, port: Option<u16>) -> Result<Renewal, ClientError> {
        let answer = self.call(Call::post(path::RENEW, &api::RenewDto { port })?).await;
        // At another tracker of the network this peer may be known by what it registered last, and by nothing else.
        if matches!(answer, Ok(_) | Err(ClientError::Lapsed)) && self.inner.transport.has_moved() {
            return Err(ClientError::Lapsed);
        }
        let renewed: api::RenewedDto = answer?.read()?;
        let ticket = renewed.ticket.as_deref().map(answer::ticket).transpose()?;
        if let Some(ticket) = ticket {
            self.check(&ticket)?;
            if let Some(membership) =
                &mut *self.inner.membership.lock().unwrap_or_else(PoisonError::into_inner)
            {
                membership.ticket = ticket;
            }
        }
        let api::RenewedDto { number, version, renew_s, .. } = renewed;
        Ok(Renewal { number, version, renew_interval: answer::renew_interval(renew_s) })
    }

    /// Leaves: what this peer registered is gone at once (S0.7). Done as well when the tracker does not know this peer.
    pub async fn leave(&self) -> Result<(), ClientError> {
        match self.call(Call::post(path::LEAVE, &())?).await {
            Ok(_) | Err(ClientError::Lapsed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A part of the list of all files that can be fetched (S0.2).
    pub async fn files(&self, after: Option<&Cursor>, limit: usize) -> Result<Listing, ClientError> {
        let query = part(None, after.map(Cursor::to_text), limit);
        let files: api::FilesDto = self.call(Call::get(path::FILES, &query)).await?.read()?;
        Ok(answer::listing(files, after)?)
    }

    /// A part of the list of files with a name like that (S1.3).
    pub async fn search(
        &self,
        search: &Search,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Listing, ClientError> {
        let query = part(Some(search), after.map(Cursor::to_text), limit);
        let files: api::FilesDto = self.call(Call::get(path::SEARCH, &query)).await?.read()?;
        Ok(answer::listing(files, after)?)
    }

    /// Whether the tracker speaks the classic protocol, as far as joining told; elsewhere classic peers have nothing.
    pub fn is_classic(&self) -> bool {
        self.membership().is_some_and(|membership| membership.is_classic)
    }

    /// A part of the list of files of classic peers: of all, or of those that are looked for.
    pub async fn classic_files(
        &self,
        search: Option<&Search>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ClassicListing, ClientError> {
        let query = part(search, after.map(str::to_owned), limit);
        let files: api::ClassicFilesDto = self.call(Call::get(path::CLASSIC_FILES, &query)).await?.read()?;
        Ok(answer::classic::listing(files, after)?)
    }

    /// Which classic peers have the newest of that name; [`ClientError::NotFound`] if none has.
    pub async fn locate_classic(&self, name: &Name) -> Result<ClassicLocated, ClientError> {
        let query = [("name", Some(name.to_string()))];
        let reply = self.call(Call::get(path::CLASSIC_LOCATE, &query)).await?;
        let tracker = reply.tracker;
        Ok(answer::classic::located(reply.read()?, name, tracker)?)
    }

    /// Every content of that name, the newest first, with its holders (S0.5); [`ClientError::NotFound`] if there is none.
    /// A file of another name is not taken, whatever the tracker says: its name would become the path that is written.
    pub async fn locate_name(&self, name: &RelPath) -> Result<Vec<Located>, ClientError> {
        self.locate(("name", Some(name.to_string())), |key| key.name == *name).await
    }

    /// That content under each of its names, with its holders (S0.5); [`ClientError::NotFound`] if there is none. Another
    /// content is not taken.
    pub async fn locate_hash(&self, hash: &ContentHash) -> Result<Vec<Located>, ClientError> {
        self.locate(("hash", Some(hash.to_string())), |key| key.hash == *hash).await
    }

    /// Tells the tracker that `source` gave wrong bytes for a file (S4.4). Of the reason the tracker takes the first
    /// [`REASON_BYTES_MAX`] bytes.
    pub async fn report(&self, key: &FileKey, source: &PeerId, reason: &str) -> Result<(), ClientError> {
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].to_owned();
        let report = api::ReportDto { key: key.into(), source: source.to_string(), reason };
        self.call(Call::post(path::REPORTS, &report)?).await.map(drop)
    }

    async fn locate(
        &self,
        query: (&str, Option<String>),
        was_asked_for: impl Fn(&FileKey) -> bool,
    ) -> Result<Vec<Located>, ClientError> {
        let reply = self.call(Call::get(path::LOCATE, &[query])).await?;
        let tracker = reply.tracker;
        let answered = answer::located(reply.read()?, tracker)?;
        let (asked_for, others): (Vec<_>, Vec<_>) =
            answered.into_iter().partition(|located| was_asked_for(&located.key));
        for Located { key, .. } in &others {
            let (name, hash) = (&key.name, &key.hash);
            tracing::warn!(target: "drizzle::tracker", ?name, ?hash, "the tracker named a file that nobody asked for");
        }
        match (asked_for.is_empty(), others.is_empty()) {
            (false, _) => Ok(asked_for),
            (true, true) => Err(ClientError::NotFound),
            (true, false) => Err(answer::AnswerError::NotAskedFor.into()),
        }
    }

    /// Sends things in as many requests as they need; the verdicts come back as if it were one.
    async fn in_batches<T: Serialize, R: Serialize>(
        &self,
        path: &str,
        things: Vec<T>,
        request: impl Fn(Vec<T>) -> R,
    ) -> Result<Vec<Verdict>, ClientError> {
        let mut verdicts = Vec::with_capacity(things.len());
        // All batches at once: an iterator of closures, kept across an await, would keep the future from being `Send`.
        let batches: Vec<Vec<T>> = batches(things.into_iter()).collect();
        for batch in batches {
            let expected = batch.len();
            let answer: api::VerdictsDto = self.call(Call::post(path, &request(batch))?).await?.read()?;
            verdicts.append(&mut answer::verdicts(answer.verdicts, expected)?);
        }
        Ok(verdicts)
    }

    /// Sends with a ticket. One that is not taken is given up, and a new one asked for, once.
    async fn call(&self, call: Call) -> Result<Reply, ClientError> {
        let ticket = self.join().await?.ticket;
        match self.send(&call, Some(&ticket)).await {
            Err(Failure::Ticket) => {
                self.give_up(&ticket);
                let ticket = self.join().await?.ticket;
                Ok(self.send(&call, Some(&ticket)).await?)
            }
            other => Ok(other?),
        }
    }

    async fn send(&self, call: &Call, ticket: Option<&Ticket>) -> Result<Reply, Failure> {
        let asked = Instant::now();
        let reply = self.inner.transport.send(call.request(ticket)?).await?;
        let path = call.path.split('?').next().unwrap_or_default();
        let (status, took) = (reply.status.as_u16(), asked.elapsed());
        tracing::debug!(target: "drizzle::tracker", path, status, ?took, "asked the tracker");
        if reply.status.is_success() { Ok(reply) } else { Err(reply.failure()) }
    }

    fn give_up(&self, ticket: &Ticket) {
        let mut membership = self.inner.membership.lock().unwrap_or_else(PoisonError::into_inner);
        // Another call may have joined anew in the meantime.
        membership.take_if(|membership| membership.ticket == *ticket);
    }

    /// A ticket for somebody else would only be found out by the peers to which it is shown.
    fn check(&self, ticket: &Ticket) -> Result<(), ClientError> {
        if ticket.peer() == self.inner.peer && ticket.network() == self.inner.invite.network {
            Ok(())
        } else {
            Err(ClientError::Protocol { reason: "the ticket is for another peer or network".into() })
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("invite", self.invite()).finish_non_exhaustive()
    }
}

/// What is asked of a listing: which files, and which part of them.
fn part(search: Option<&Search>, after: Option<String>, limit: usize) -> [(&'static str, Option<String>); 5] {
    let manner = search.map(|search| api::MatchDto::from(search.manner).as_str());
    [
        ("q", search.map(|search| search.pattern.clone())),
        ("match", manner.map(str::to_owned)),
        ("fold", search.map(|search| search.is_folded.to_string())),
        ("after", after),
        ("limit", Some(limit.to_string())),
    ]
}

impl Call {
    fn post(path: &str, body: &impl Serialize) -> Result<Self, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Protocol { reason: error.to_string() })?;
        Ok(Self { method: Method::POST, path: path.to_owned(), body: body.into() })
    }

    fn get(path: &str, query: &[(&str, Option<String>)]) -> Self {
        let given = query.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let pairs: Vec<String> = given
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        Self { method: Method::GET, path: format!("{path}?{}", pairs.join("&")), body: Bytes::new() }
    }

    fn request(&self, ticket: Option<&Ticket>) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request =
            Request::builder().method(&self.method).uri(&self.path).header(header::HOST, "tracker");
        if let Some(ticket) = ticket {
            let bearer = format!("Bearer {}", encoding::encode(&ticket.to_bytes()));
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if self.method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let built = request.body(Full::new(self.body.clone()));
        built.map_err(|error| ClientError::Protocol { reason: error.to_string() })
    }
}

/// Why a single request failed.
enum Failure {
    /// The ticket was not taken.
    Ticket,
    Other(ClientError),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for ClientError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ticket => {
                Self::Refused { reason: "the tracker does not take the ticket it gave".into() }
            }
            Failure::Other(error) => error,
        }
    }
}

impl Reply {
    fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let read = serde_json::from_slice(&self.body);
        read.map_err(|error| ClientError::Protocol { reason: format!("the answer: {error}") })
    }

    fn failure(&self) -> Failure {
        let Ok(problem) = serde_json::from_slice::<ProblemDto>(&self.body) else {
            return ClientError::Protocol { reason: format!("status {} without a reason", self.status) }
                .into();
        };
        let reason = problem.detail;
        match problem.kind {
            ProblemKind::Ticket => Failure::Ticket,
            ProblemKind::Refused => ClientError::Refused { reason }.into(),
            ProblemKind::Lapsed => ClientError::Lapsed.into(),
            ProblemKind::NotFound => ClientError::NotFound.into(),
            ProblemKind::Busy | ProblemKind::TooSlow => ClientError::Busy { reason }.into(),
            ProblemKind::Malformed
            | ProblemKind::NoSuchCall
            | ProblemKind::MethodNotAllowed
            | ProblemKind::TooOld
            | ProblemKind::TooLarge
            | ProblemKind::MediaType
            | ProblemKind::Other => ClientError::Protocol { reason }.into(),
        }
    }
}
