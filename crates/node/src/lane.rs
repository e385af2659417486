//! A lane: one connection to a peer, in use. It reads and writes in two tasks that never wait for each other, and
//! tells the hub what comes.

mod courtesy;
mod expectations;
mod frame;
mod handle;
mod hello;
mod intake;
mod news;
mod portion;
mod read_error;
mod reader;
mod writer;

pub(crate) use expectations::Expected;
pub(crate) use frame::{FrameError, read_fields, read_head, read_piece, write_message};
pub(crate) use handle::{Lane, Limits, PeerRates};
pub(crate) use hello::{Greeted, Greeter, HelloError};
pub(crate) use news::{Fault, Happening, LaneId, LaneNews, UploadEnd, UploadEnded, UploadId};
pub(crate) use writer::{HashesOrder, Order, Upload};
