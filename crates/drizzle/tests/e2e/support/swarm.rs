//! Trackers and those who share, ready to be fetched from.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use drizzle_model::{Invite, Link};
use serde_json::Value;

use super::home::Home;
use super::port::Port;
use super::process::{Running, text};
use super::words;

/// A tracker on a port of its own, which stays its own while it is down.
pub(crate) struct Tracker {
    pub(crate) home: Home,
    pub(crate) port: Port,
    pub(crate) process: Running,
    pub(crate) invite: String,
    pub(crate) listen: SocketAddr,
}

impl Tracker {
    pub(crate) fn start() -> Self {
        Self::start_with(words![])
    }

    pub(crate) fn start_with(more: Vec<OsString>) -> Self {
        Self::start_at(Home::new(), Port::hold(), more)
    }

    /// Starts it where its state is already, or not.
    pub(crate) fn start_at(home: Home, port: Port, more: Vec<OsString>) -> Self {
        let number = port.number().to_string();
        let mut all = words!["tracker", "127.0.0.1", number, "--data", home.join("data")];
        all.extend(words!["--invite-file", home.join("invite")]);
        all.extend(more);
        let mut process = home.start(all);
        let ready = process.until("ready");
        let invite = text(&ready["invite"]);
        assert_eq!(fs::read_to_string(home.join("invite")).unwrap().trim_end(), invite);
        let listen = text(&ready["listen"]).parse().unwrap();
        Self { home, port, process, invite, listen }
    }

    /// `@FILE` with the invite.
    pub(crate) fn at_file(&self) -> OsString {
        let mut at = OsString::from("@");
        at.push(self.home.join("invite"));
        at
    }

    pub(crate) fn invite(&self) -> Invite {
        self.invite.parse().unwrap()
    }

    /// The names that `list` shows to somebody.
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = Home::new().run(words!["list", "--tracker", self.at_file()]);
        listed.assert_code(0);
        listed.all("file").iter().map(|file| text(&file["name"])).collect()
    }
}

/// Somebody who shares one thing.
pub(crate) struct Sharer {
    pub(crate) process: Running,
    pub(crate) peer: String,
    pub(crate) listen: SocketAddr,
    /// The event with the link.
    pub(crate) shared: Value,
}

impl Sharer {
    /// Shares with a tracker of its own.
    pub(crate) fn start(home: &Home, path: &Path) -> Self {
        Self::start_with(home, path, words![])
    }

    /// Shares through a tracker.
    pub(crate) fn start_at(tracker: &Tracker, home: &Home, path: &Path) -> Self {
        Self::start_with(home, path, words!["--tracker", tracker.at_file()])
    }

    pub(crate) fn start_with(home: &Home, path: &Path, more: Vec<OsString>) -> Self {
        let mut all = words!["share", path, "--listen", "127.0.0.1:0"];
        all.extend(more);
        let mut process = home.start(all);
        let ready = process.until("ready");
        let shared = process.until("shared");
        Self { process, peer: text(&ready["peer"]), listen: text(&ready["listen"]).parse().unwrap(), shared }
    }

    pub(crate) fn link(&self) -> String {
        text(&self.shared["link"])
    }

    pub(crate) fn parsed_link(&self) -> Link {
        self.link().parse().unwrap()
    }
}
