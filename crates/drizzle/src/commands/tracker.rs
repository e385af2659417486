//! `drizzle tracker [IP [PORT]]`: the place where peers find each other, until somebody asks for the end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use drizzle_net::{Acceptor, Identity};
use drizzle_node::StartError;
use drizzle_tracker::{Admission, DiskStore, Network, Server, StoreError, SystemClock, own_addresses};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use super::nearby;
use super::session::{announce, signals};
use crate::args::TrackerArgs;
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome};
use crate::output::report::Report;
use crate::running::Process;
use crate::secret_file::{self, Existing};

/// What is to be run, and where.
struct Plan {
    address: SocketAddr,
    data: PathBuf,
    invite_file: Option<PathBuf>,
    admission: Admission,
    is_announced: bool,
    is_classic: bool,
    is_behind_proxy: bool,
}

pub(super) async fn run(context: &mut Context, args: TrackerArgs) -> Outcome {
    let plan = plan(context, args)?;
    let mut signals = signals()?;
    let network = Network::load_or_create(&plan.data, plan.admission).map_err(StartError::from)?;
    let data = plan.data.clone();
    let opened = tokio::select! {
        // A large catalogue takes long to read, and nothing is lost when that is given up.
        () = signals.requested() => return Ok(End::Done),
        opened = spawn_blocking(move || open(&data, network)) => opened,
    };
    let opened = opened.map_err(|error| Failure::new(Kind::Other, format!("the catalogue: {error}")))?;
    let server = opened.map_err(|error| unreadable(&error))?;
    let network = server.network();
    let (listener, listen) = bind(plan.address).await?;
    let identity = Identity::ephemeral().map_err(StartError::from)?;
    let acceptor = Acceptor::new(&identity, Some(network.key()))
        .map_err(|error| Failure::new(Kind::Other, format!("cannot set up TLS: {error}")))?;
    let invite = network.invite(own_addresses(listen));
    let nearby = nearby::announce(plan.is_announced, &invite, listen);
    let invite = invite.to_string();
    let peer = network.id().to_string();
    let server = if plan.is_classic { server.with_classic() } else { server };
    let server = if plan.is_behind_proxy { server.behind_proxy() } else { server };
    if let Some(path) = &plan.invite_file {
        let written = secret_file::write(path, &format!("{invite}\n"), Existing::Replace);
        written.map_err(|error| Failure::at_path(path, &error))?;
    }
    let process =
        Process { listen: Some(listen.to_string()), peer: Some(peer.clone()), ..Process::this("tracker") };
    let _announcement = announce(&context.everywhere.state_dir, process);
    context.output.report(&Report::Ready {
        role: "tracker",
        listen: listen.to_string(),
        peer,
        invite: Some(invite),
    })?;
    server.run(listener, acceptor, signals.requested()).await;
    if let Some(nearby) = nearby {
        nearby.end().await;
    }
    server.close().await;
    // To take a large directory apart takes seconds, for memory that the system gets back at once.
    std::mem::forget(server);
    Ok(End::Done)
}

/// The tracker with all that it knew.
fn open(data: &Path, network: Network) -> Result<Server, StoreError> {
    let store = DiskStore::open(data)?;
    Server::with_store(network, SystemClock::start(), store)
}

fn plan(context: &Context, args: TrackerArgs) -> Result<Plan, Failure> {
    let sources = &context.sources;
    let ip = sources.value(&settings::IP, args.ip)?;
    let port = sources.value(&settings::PORT, args.port)?;
    let data = sources.given(&settings::DATA, args.data)?;
    let is_open = sources.value(&settings::OPEN, args.open)?.is_on();
    let is_classic = sources.value(&settings::CLASSIC, args.classic)?.is_on();
    if is_classic && !is_open && !ip.is_loopback() {
        let message = format!(
            "--classic without --open needs a loopback address, received {ip}: its peers need no invite"
        );
        return Err(Failure::new(Kind::Usage, message)
            .hint("say --open as well, so that everyone may come in; or listen on 127.0.0.1"));
    }
    Ok(Plan {
        address: SocketAddr::new(ip, port),
        data: data.unwrap_or_else(|| context.everywhere.state_dir.join("tracker")),
        invite_file: sources.given(&settings::INVITE_FILE, args.invite_file)?,
        admission: if is_open { Admission::Open } else { Admission::Invited },
        is_announced: sources.value(&settings::DISCOVERY, args.discovery.discovery)?.is_on(),
        is_classic,
        is_behind_proxy: sources.value(&settings::BEHIND_PROXY, args.behind_proxy)?.is_on(),
    })
}

fn unreadable(error: &StoreError) -> Failure {
    let failure = Failure::new(Kind::Disk, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Binds the port, and finds out which it is.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let listen = listener.local_addr().map_err(failed)?;
    Ok((listener, listen))
}
