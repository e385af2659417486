//! The tracker's port, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peers::tracker;
use crate::support::home::Home;
use crate::support::process::DEADLINE;

/// A peer of which each byte is said here.
pub(crate) struct Raw {
    tcp: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    pub(crate) fn call(port: u16) -> Self {
        let tcp = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { tcp, buffer: Vec::new() }
    }

    fn say(&mut self, text: &str) {
        self.tcp.write_all(text.as_bytes()).unwrap();
    }

    /// The next directory, which must end in LF.
    fn hear(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let mut piece = [0; 2048];
            let received = self.tcp.read(&mut piece).unwrap();
            assert!(received > 0, "the tracker hung up");
            self.buffer.extend_from_slice(&piece[..received]);
        }
    }

    pub(crate) fn ask(&mut self, text: &str) -> Value {
        self.say(text);
        self.hear()
    }

    /// Whether the tracker hangs up without a word.
    fn is_hung_up_on(&mut self) -> bool {
        match self.tcp.read(&mut [0; 64]) {
            Ok(received) => received == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

pub(crate) fn file(name: &str, mtime: &str) -> String {
    format!(r#"{{"name": "{name}", "mtime": {mtime}}}"#)
}

pub(crate) fn first(port: u16, files: &[String]) -> String {
    format!(r#"{{"port": {port}, "files": [{}]}}"#, files.join(", "))
}

/// S2.1, S2.3: with and without LF, split over segments and two in one; times are echoed as they were given; a keepalive of
/// somebody unknown is answered; what is bad ends its own connection and nothing else, and HTTP is spoken beside it.
#[test]
fn the_tracker_hears_whatever_is_a_message_and_nothing_else() {
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let entry = |port: u16, mtime: Value| json!({"ip": "127.0.0.1", "port": port, "mtime": mtime});
    let mut a = Raw::call(port);
    assert_eq!(a.ask(r#"{"port": 9}"#), json!({}), "a keepalive for a port that never registered");
    let known = a.ask(&first(8001, &[file("a", "1700000000"), file("b", "1700000000.25")]));
    assert_eq!(
        known,
        json!({"a": entry(8001, 1_700_000_000.into()), "b": entry(8001, 1_700_000_000.25.into())})
    );

    let mut b = Raw::call(port);
    for piece in first(8002, &[file("a", "1700000001"), file("b", "1.0")]).as_bytes().chunks(9) {
        b.tcp.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let newest = json!({"a": entry(8002, 1_700_000_001.into()), "b": entry(8001, 1_700_000_000.25.into())});
    assert_eq!(b.hear(), newest);
    b.say("\n{\"port\": 8002}\n{\"port\": 8002}\n");
    assert_eq!((b.hear(), b.hear()), (newest.clone(), newest.clone()), "two in one segment");
    assert_eq!(a.ask("{\"port\": 8001}"), newest, "a keepalive brings nothing back");

    for bad in [
        "[1, 2]\n",
        "{]",
        "{\"port\": []}",
        "{\"port\": 1, \"files\": {}}",
        "\"x\"",
        "12",
        "{{{{{{{{{{",
        "\0",
    ] {
        let mut stranger = Raw::call(port);
        stranger.say(bad);
        assert!(stranger.is_hung_up_on(), "{bad}");
    }
    let mut endless = Raw::call(port);
    let noise = [b'x'; 4096];
    endless.say("{\"");
    let began = Instant::now();
    while endless.tcp.write_all(&noise).is_ok() {
        assert!(began.elapsed() < DEADLINE, "a message without end is read on and on");
    }

    let mut http = Raw::call(port);
    http.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    http.tcp.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(a.ask("{\"port\": 8001}"), newest, "nobody else was touched");
}

/// A small directory comes in one segment: there are programs that read once.
#[test]
fn a_small_directory_is_one_read() {
    let home = Home::new();
    let (_tracker, port) = tracker(&home);
    let mut peer = Raw::call(port);
    let files: Vec<String> = (0..30).map(|n| file(&format!("file {n}"), "1700000000")).collect();
    peer.say(&(first(8001, &files) + "\n"));
    let mut once = [0; 2048];
    let received = peer.tcp.read(&mut once).unwrap();
    let directory: Value = serde_json::from_slice(&once[..received]).unwrap();
    assert_eq!(directory.as_object().unwrap().len(), 30);
}
