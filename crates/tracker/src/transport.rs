//! How a client's request gets to the tracker: over the network, or within one process.

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use tower::ServiceExt;

use crate::asker::Asker;
use crate::client::ClientError;
use crate::limits::ANSWER_BYTES_MAX;
use crate::remote::Remote;

pub(crate) enum Transport {
    Remote(Remote),
    Local { router: Router, asker: Asker },
}

/// An answer, whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Where the tracker was reached; none within the process.
    pub(crate) tracker: Option<IpAddr>,
}

impl Transport {
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, ClientError> {
        match self {
            Self::Remote(remote) => remote.send(request).await,
            Self::Local { router, asker } => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(*asker);
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

/// Reads an answer up to the limit.
pub(crate) async fn read_whole<B>(
    response: Response<B>,
    tracker: Option<IpAddr>,
) -> Result<Reply, ClientError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body =
        read.map_err(|error| ClientError::Protocol { reason: format!("the answer broke off: {error}") })?;
    Ok(Reply { status: head.status, body: body.to_bytes(), tracker })
}
