//! A tracker that answers what the test tells it to, over the same transport as a true one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drizzle_model::{Invite, PeerId};
use drizzle_net::{Accepted, Acceptor, Connection, Identity};
use drizzle_tracker::{Admission, Network};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is answered at each path.
type Answers = BTreeMap<&'static str, Value>;

/// A tracker that lets everybody in and then lies.
pub(crate) struct Liar {
    network: Arc<Network>,
    address: SocketAddr,
}

impl Liar {
    pub(crate) async fn start(answers: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let network = Arc::new(Network::ephemeral(Admission::Open).unwrap());
        let acceptor = Acceptor::new(&Identity::ephemeral().unwrap(), Some(network.key())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let liar = Self { network: Arc::clone(&network), address: listener.local_addr().unwrap() };
        let answers: Arc<Answers> = Arc::new(answers.into_iter().collect());
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let Accepted::Api(peer, connection) = acceptor.accept(tcp).await.unwrap() else { continue };
                tokio::spawn(lie(peer, connection, Arc::clone(&network), Arc::clone(&answers)));
            }
        });
        liar
    }

    pub(crate) fn invite(&self) -> Invite {
        self.network.invite(vec![self.address.into()])
    }
}

async fn lie(peer: PeerId, connection: Connection, network: Arc<Network>, answers: Arc<Answers>) {
    let ticket = network.key().issue(peer, u64::MAX);
    let joined = json!({
        "ticket": URL_SAFE_NO_PAD.encode(ticket.to_bytes()),
        "network": network.id().to_string(),
        "number": 1,
        "lease_s": 180,
        "renew_s": 5,
    });
    let answer = service_fn(|request: Request<Incoming>| {
        let answer = answers.get(request.uri().path()).unwrap_or(&joined);
        let body = Full::new(Bytes::from(answer.to_string()));
        async { Ok::<_, std::convert::Infallible>(Response::new(body)) }
    });
    let spoken =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), answer);
    // It ends when the client has had enough.
    let _ = spoken.await;
}
