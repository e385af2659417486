//! A tracker among thousands that wish it no good: silent, slow, greedy and garbled connections, all at once (S0.1).
//!
//! What honest peers have to wait meanwhile, what memory the tracker takes, and that every such connection is ended by the
//! tracker. A small crowd always; the whole of it, with the wait that is promised, by
//!
//! ```text
//! DRIZZLE_E2E_CROWD=1 cargo test --release -p drizzle --test e2e -- --nocapture crowd
//! ```

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use drizzle_model::{ContentHash, ContentKind, FileKey, Invite, Mtime, RelPath};
use drizzle_net::{Connection, Dialer, Expect, Identity, Protocol};
use drizzle_tracker::{Claim, Client, Registration};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::swarm::Tracker;

/// How many there are of each kind, and what an honest peer may have to wait meanwhile.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    silent: usize,
    slow: usize,
    half_open: usize,
    /// Those that go on with garbage, wrong shapes and bodies that are too large.
    noisy: usize,
    wait_max: Duration,
    memory_max: u64,
}

/// The wait is for a machine that does other work as well.
const SMALL: Crowd = Crowd {
    silent: 600,
    slow: 60,
    half_open: 60,
    noisy: 2,
    wait_max: Duration::from_secs(2),
    memory_max: 300 << 20,
};
const WHOLE: Crowd = Crowd {
    silent: 10_000,
    slow: 1_000,
    half_open: 500,
    noisy: 4,
    wait_max: Duration::from_millis(50),
    memory_max: 800 << 20,
};

/// One host may have a quarter of all connections, so a crowd comes from many.
const PER_HOST: usize = 1000;
/// Less than a listener's queue.
const WAVE: usize = 250;
/// Connections of honest and noisy peers that may be there at the end.
const OTHERS: usize = 20;
/// Every time-out of the tracker is shorter.
const END: Duration = Duration::from_secs(90);
const BYTE_EVERY: Duration = Duration::from_secs(1);
const ASK_EVERY: Duration = Duration::from_millis(10);

/// What one of the crowd does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Silent,
    /// Begins a TLS handshake.
    HalfOpen,
    /// The head of a request, a byte a second.
    Slow,
    /// The same within TLS.
    SlowInTls,
}

/// A crowd that is there.
struct Present {
    runtime: Runtime,
    _connections: JoinSet<()>,
    process: u32,
    /// Files and sockets that the tracker had open before anybody came.
    open_before: usize,
    /// The most that it had so far with them. It accepts some of them after they believe to be there.
    open_max: usize,
}

impl Present {
    /// They come in waves, since a queue of thousands that wait to be accepted is cut off by the system, and whoever is silent never
    /// learns of it.
    fn gather(crowd: Crowd, invite: &Invite, address: SocketAddr, process: u32) -> Self {
        let open_before = open_files(process);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let manners = std::iter::repeat_n(Manner::Silent, crowd.silent)
            .chain(std::iter::repeat_n(Manner::HalfOpen, crowd.half_open))
            .chain(std::iter::repeat_n(Manner::Slow, crowd.slow / 2))
            .chain(std::iter::repeat_n(Manner::SlowInTls, crowd.slow - crowd.slow / 2));
        let (mut connections, mut open_max) = (JoinSet::new(), 0);
        let all = crowd.silent + crowd.half_open + crowd.slow;
        for (number, manner) in manners.enumerate() {
            let (invite, opened) = (invite.clone(), Arc::clone(&open));
            let behave = async move {
                let tcp = connect(number, address).await;
                opened.fetch_add(1, Ordering::SeqCst);
                behave(manner, tcp, &invite).await;
            };
            connections.spawn_on(behave, runtime.handle());
            if (number + 1) % WAVE == 0 || number + 1 == all {
                runtime.block_on(async {
                    while open.load(Ordering::SeqCst) <= number {
                        sleep(Duration::from_millis(1)).await;
                    }
                });
                open_max = open_max.max(open_files(process));
            }
        }
        Self { runtime, _connections: connections, process, open_before, open_max }
    }

    /// Waits until so many were there at one time, and then until the tracker has ended all of them; how long that took. Both are told by
    /// its own table of files.
    fn outlast(&mut self, at_least: usize) -> Duration {
        let began = Instant::now();
        self.runtime.block_on(async {
            loop {
                let open = open_files(self.process);
                self.open_max = self.open_max.max(open);
                let were_there = self.open_max - self.open_before;
                if were_there > at_least && open <= self.open_before + OTHERS {
                    return;
                }
                assert!(
                    began.elapsed() < END,
                    "{were_there} were there at one time, the tracker still has {open} files open"
                );
                sleep(Duration::from_millis(20)).await;
            }
        });
        began.elapsed()
    }
}

/// How many files and sockets a process has open.
fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// From one of many addresses of this machine.
async fn connect(number: usize, to: SocketAddr) -> TcpStream {
    let host = u8::try_from(number / PER_HOST + 1).unwrap();
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, host), 0))).unwrap();
        // The queue of who waits to be accepted may be full for a moment.
        if let Ok(Ok(tcp)) = timeout(Duration::from_secs(5), socket.connect(to)).await {
            return tcp;
        }
    }
}

/// Goes on until the tracker hangs up.
async fn behave(manner: Manner, mut tcp: TcpStream, invite: &Invite) {
    match manner {
        Manner::Silent => {}
        Manner::HalfOpen => drop(tcp.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await),
        Manner::Slow => return write_slowly(tcp).await,
        Manner::SlowInTls => {
            let at = tcp.peer_addr().unwrap();
            drop(tcp);
            if let Some(connection) = tls(&Identity::ephemeral().unwrap(), invite, at).await {
                write_slowly(connection).await;
            }
            return;
        }
    }
    let mut bytes = [0; 64];
    while tcp.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

async fn write_slowly(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        for byte in b"GET /healthz HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
            if writer.write_all(&[*byte]).await.is_err() || writer.flush().await.is_err() {
                return;
            }
            sleep(BYTE_EVERY).await;
        }
    };
    let read = async {
        let mut bytes = [0; 64];
        while reader.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

async fn tls(identity: &Identity, invite: &Invite, at: SocketAddr) -> Option<Connection> {
    let expect = Expect::Network(invite.network);
    Dialer::new(identity).dial(&at.into(), Protocol::Api, expect).await.ok()
}

/// What no tracker should have to read, one after another, from a member who has a ticket.
async fn make_noise(invite: &Invite, at: SocketAddr, end: &AtomicBool) {
    use base64::Engine;
    let identity = Identity::ephemeral().unwrap();
    let client = Client::new(invite.clone(), identity.id(), Dialer::new(&identity));
    let ticket = client.join().await.unwrap().ticket.to_bytes();
    let ticket = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(ticket);
    let post = |body: Vec<u8>| {
        let head = format!(
            "POST /v1/register HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ticket}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    };
    let deep = "[".repeat(1 << 20);
    let noise = [
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
        post(b"{".to_vec()),
        post(br#"{"port":-1,"files":{}}"#.to_vec()),
        post(br#"{"port":1,"files":[[],null,1,"x",{}]}"#.to_vec()),
        post(deep.into_bytes()),
        post(vec![b' '; 9 << 20]),
    ];
    for bytes in noise.iter().cycle() {
        if end.load(Ordering::SeqCst) {
            return;
        }
        let Some(mut connection) = tls(&identity, invite, at).await else { continue };
        let exchange = async {
            let _ = connection.write_all(bytes).await;
            let _ = connection.flush().await;
            let _ = connection.read(&mut [0; 1024]).await;
        };
        let _ = timeout(Duration::from_secs(5), exchange).await;
    }
}

/// How long honest peers wait for their answers: one that stays, and new ones that join.
#[derive(Debug, Default)]
struct Waits {
    staying: Vec<Duration>,
    joining: Vec<Duration>,
}

async fn be_honest(invite: &Invite, end: &AtomicBool) -> Waits {
    let client = || {
        let identity = Identity::ephemeral().unwrap();
        Client::new(invite.clone(), identity.id(), Dialer::new(&identity))
    };
    let staying = client();
    let file = Registration {
        key: FileKey {
            name: RelPath::new("honest").unwrap(),
            hash: ContentHash::from_bytes([1; 32]),
            size: 1,
            chunks: 1,
            kind: ContentKind::File,
        },
        mtime: Mtime::default(),
        claim: Claim::All,
    };
    staying.register(1, std::slice::from_ref(&file)).await.unwrap();
    let mut waits = Waits::default();
    while !end.load(Ordering::SeqCst) {
        for _ in 0..10 {
            let asked = Instant::now();
            staying.renew(Some(1)).await.unwrap();
            assert_eq!(staying.files(None, 9).await.unwrap().files.len(), 1);
            // Two answers.
            waits.staying.push(asked.elapsed() / 2);
            sleep(ASK_EVERY).await;
        }
        let (asked, new) = (Instant::now(), client());
        new.join().await.unwrap();
        waits.joining.push(asked.elapsed());
        new.leave().await.unwrap();
    }
    waits
}

/// The memory that a process has resident, in bytes.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

fn summary(waits: &mut [Duration]) -> String {
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    format!("{} answers, median {:.1?}, p99 {:.1?}, longest {:.1?}", waits.len(), at(50), at(99), at(100))
}

/// S0.1: nobody waits for those who do nothing, too little or too much, and all of them are gone in the end. Would fail if a
/// connection without a request were kept, if work for one were done before the others had their turn, or if what
/// strangers send were gathered without limit.
#[test]
fn a_crowd_of_strangers_delays_nobody_and_is_ended() {
    let is_whole = std::env::var_os("DRIZZLE_E2E_CROWD").is_some();
    let crowd = if is_whole { WHOLE } else { SMALL };
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let tracker = Tracker::start();
    let (invite, address) = (tracker.invite(), tracker.listen);
    let before = resident(tracker.process.id());
    let end = Arc::new(AtomicBool::new(false));
    let on_its_own = |work: Box<dyn FnOnce(&Runtime) -> Waits + Send>| {
        thread::spawn(move || work(&Builder::new_current_thread().enable_all().build().unwrap()))
    };
    let (of_honest, ended) = (invite.clone(), Arc::clone(&end));
    let honest = on_its_own(Box::new(move |runtime| runtime.block_on(be_honest(&of_honest, &ended))));
    let (of_noisy, ended) = (invite.clone(), Arc::clone(&end));
    let noisy = on_its_own(Box::new(move |runtime| {
        runtime.block_on(async {
            let one = || make_noise(&of_noisy, address, &ended);
            let mut all: Vec<_> = (0..crowd.noisy).map(|_| Box::pin(one())).collect();
            std::future::poll_fn(|context| {
                all.retain_mut(|one| one.as_mut().poll(context).is_pending());
                if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            Waits::default()
        })
    }));
    let mut present = Present::gather(crowd, &invite, address, tracker.process.id());
    let lasted = present.outlast(crowd.silent * 9 / 10);
    let count = present.open_max - present.open_before;
    end.store(true, Ordering::SeqCst);
    noisy.join().unwrap();
    let mut waits = honest.join().unwrap();
    let memory = resident(tracker.process.id());
    eprintln!(
        "{count} strangers, gone after {lasted:.1?}; memory {} MiB before, {} MiB at most",
        before >> 20,
        memory >> 20
    );
    eprintln!("who stays: {}", summary(&mut waits.staying));
    eprintln!("who joins: {}", summary(&mut waits.joining));
    assert!(memory < crowd.memory_max, "the tracker took {memory} bytes");
    let longest = waits.staying.iter().max().unwrap();
    assert!(*longest < crowd.wait_max, "an honest peer waited {longest:?}");
    tracker.process.end_by(rustix::process::Signal::TERM).assert_code(0);
}
