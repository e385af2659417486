//! One host of a lab: where processes run, and what its link carries.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::rate::{Link, Rate};
use super::tool::{ask, batch};
use crate::stage::gate::{self, Gate};
use crate::stage::{Namespace, RunError};

/// The interface in every host.
pub(super) const INTERFACE: &str = "eth0";
/// The bridge in its own namespace.
pub(super) const BRIDGE: &str = "bridge";
/// Another beside it, with no way between the two.
pub(super) const ISLAND: &str = "island";

/// What may wait before a link: a home router's queue is of that order.
const QUEUE: &str = "50ms";
/// What a link carries at once after a pause. Not less than the largest packet that the kernel hands to an interface,
/// or it would be cut up at great cost.
const BURST_BYTES: u32 = 65_536;

/// A host, with its end of the link and the other.
#[derive(Debug)]
pub struct Host {
    pub(super) namespace: Namespace,
    pub(super) switch: Namespace,
    /// The other end of its link, at the bridge.
    pub(super) port: String,
    pub(super) address: Ipv4Addr,
    pub(super) link: Link,
    /// Where programs wait before they begin.
    pub(super) gate: Option<PathBuf>,
}

/// What a link has carried since it was made, in bytes with all headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// What the host sent.
    pub sent: u64,
    /// What was sent to it.
    pub received: u64,
}

impl Host {
    /// Its address in the lab.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The name of its network namespace, for `ip netns exec`.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The rates of its link.
    pub fn link(&self) -> Link {
        self.link
    }

    /// A program, to be run on it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let Some(gate) = &self.gate else { return self.namespace.command(program) };
        let [shell, words @ ..] = gate::behind(gate, program.as_ref());
        let mut command = self.namespace.command(shell);
        command.args(words);
        command
    }

    /// Lets what is started on it from now on wait at a gate.
    pub(crate) fn hold(&mut self, gate: &Gate) {
        self.gate = Some(gate.path().to_owned());
    }

    /// Takes it off the network without a word: what is sent to or from it is lost.
    pub fn cut(&self) -> Result<(), RunError> {
        batch("ip", Some(&self.switch), &format!("link set {} nomaster\n", self.port))
    }

    /// Takes it to the hosts that were parted from the rest before: they reach each other, and nobody else.
    pub fn part(&self) -> Result<(), RunError> {
        batch("ip", Some(&self.switch), &format!("link set {} master {ISLAND}\n", self.port))
    }

    /// Puts it back, after a cut or a parting.
    pub fn mend(&self) -> Result<(), RunError> {
        batch("ip", Some(&self.switch), &format!("link set {} master {BRIDGE}\n", self.port))
    }

    /// What its link has carried.
    pub fn traffic(&self) -> Result<Traffic, RunError> {
        Ok(Traffic {
            sent: carried(&self.namespace, INTERFACE)?,
            received: carried(&self.switch, &self.port)?,
        })
    }

    /// Gives both ends of the link their rates.
    pub(super) fn shape(&self) -> Result<(), RunError> {
        shape(&self.namespace, INTERFACE, self.link.up)?;
        shape(&self.switch, &self.port, self.link.down)
    }
}

fn shape(namespace: &Namespace, interface: &str, rate: Option<Rate>) -> Result<(), RunError> {
    // Without a rate there is a queue all the same, since it counts.
    let discipline = rate.map_or("pfifo limit 1000".into(), |rate| {
        format!("tbf rate {}bit burst {BURST_BYTES} latency {QUEUE}", rate.bits_per_second())
    });
    batch("tc", Some(namespace), &format!("qdisc replace dev {interface} root {discipline}\n"))
}

/// The queue counts every packet as it goes on the wire; the interface counts the headers of a large one only once.
fn carried(namespace: &Namespace, interface: &str) -> Result<u64, RunError> {
    let text = ask("tc", namespace, &["-s", "-j", "qdisc", "show", "dev", interface, "root"])?;
    let report: Value = serde_json::from_slice(&text).unwrap_or_default();
    report[0]["bytes"].as_u64().ok_or_else(|| RunError::NoLab {
        reason: format!(
            "tc does not say what {interface} has sent, it says {}",
            String::from_utf8_lossy(&text)
        ),
    })
}
