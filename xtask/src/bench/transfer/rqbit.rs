//! rqbit to rqbit: a torrent with one seed that is named outright; no DHT, no tracker, no local discovery.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use super::contestant::{Contestant, Serving, Target};
use crate::bench::port;
use crate::bench::program::{self, Missing};
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;

/// Between two questions whether the seed has hashed its content.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// rqbit on both sides.
#[derive(Debug)]
pub(crate) struct Rqbit;

impl Contestant for Rqbit {
    fn key(&self) -> &'static str {
        "rqbit"
    }

    fn name(&self) -> &'static str {
        "rqbit"
    }

    fn protection(&self) -> &'static str {
        "SHA-1, plain"
    }

    fn find(&self) -> Result<String, Missing> {
        program::version("rqbit", &["--version"], "cargo install rqbit")
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let (seed, api) = (port::free()?, port::free()?);
        let mut command = rqbit(seed.port());
        command.arg(format!("--http-api-listen-addr={api}")).arg("share").arg(corpus.path());
        let mut server = Running::start(&mut command, home)?;
        let is_live =
            || ask(api, "/torrents/0/stats/v1").is_ok_and(|reply| contains(&reply, b"\"state\":\"live\""));
        server.wait_until("hash its content and seed it", ASK_AGAIN_AFTER, is_live)?;
        let torrent = home.join("content.torrent");
        let metadata = ask(api, "/torrents/0/metadata").map_err(RunError::disk("fetch", &torrent))?;
        fs::write(&torrent, metadata).map_err(RunError::disk("write", &torrent))?;
        let fetch = move |target: &Target| {
            let mut command = rqbit(0);
            command.arg("download").arg(&torrent).args(["--exit-on-finish", "--disable-http-api"]);
            command.arg(format!("--initial-peers={seed}")).arg("--output-folder").arg(target.folder);
            command
        };
        Ok(Serving::by(server, fetch))
    }
}

fn rqbit(listen_port: u16) -> Command {
    let mut command = Command::new("rqbit");
    command.args([
        "--disable-dht",
        "--disable-upnp-port-forward",
        "--disable-lsd",
        "--disable-trackers",
        "--listen-ip=127.0.0.1",
    ]);
    if listen_port != 0 {
        command.arg(format!("--listen-port={listen_port}"));
    }
    command
}

/// The body that rqbit's own interface answers with.
fn ask(api: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(api)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {api}\r\n\r\n")?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let body = reply.windows(4).position(|window| window == b"\r\n\r\n").map(|at| reply.split_off(at + 4));
    match body {
        Some(body) if reply.starts_with(b"HTTP/1.0 200") || reply.starts_with(b"HTTP/1.1 200") => Ok(body),
        _ => Err(io::Error::other(String::from_utf8_lossy(&reply[..reply.len().min(100)]).into_owned())),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
