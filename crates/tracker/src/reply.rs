//! The answer to a client's request, read to its end.

use std::net::IpAddr;

use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::{Response, StatusCode};

use crate::client_error::ClientError;
use crate::limits::ANSWER_BYTES_MAX;

/// An answer, whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Where the tracker was reached; none within the process.
    pub(crate) tracker: Option<IpAddr>,
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
