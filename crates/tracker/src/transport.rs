//! How a client's request gets to the tracker: over the network, or within one process.

use axum::Router;
use axum::body::Body;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use tower::ServiceExt;

use crate::asker::Asker;
use crate::client_error::ClientError;
use crate::remote::Remote;
use crate::reply::{Reply, read_whole};

pub(crate) enum Transport {
    Remote(Remote),
    Local { router: Router, asker: Asker },
}

impl Transport {
    /// Whether the tracker is perhaps another one than when this was asked last.
    pub(crate) fn has_moved(&self) -> bool {
        matches!(self, Self::Remote(remote) if remote.has_moved())
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, ClientError> {
        match self {
            Self::Remote(remote) => remote.send(request).await,
            Self::Local { router, asker } => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(asker.clone());
                let answer = router.clone().oneshot(request).await;
                let response = match answer {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                read_whole(response, None).await
            }
        }
    }
}
