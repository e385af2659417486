//! Of `sync`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The address and port of a tracker that speaks the classic protocol
    #[arg(id = "classic-tracker", long = "classic", num_args = 2, value_names = ["IP", "PORT"])]
    pub(crate) classic: Vec<String>,
    /// Where the folder is served [default: the address that the tracker sees, at 7441 or any free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}
