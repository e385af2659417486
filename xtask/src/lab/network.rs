//! The network of a lab: its bridge, its hosts and the links between.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::host::{BRIDGE, Host, INTERFACE, ISLAND};
use super::rate::Link;
use super::run_name;
use super::tool::batch;
use crate::stage::{Namespace, RunError, leftovers};

/// Hosts are numbered from 1 in here. It is seen in the lab only.
const NETWORK: [u8; 3] = [10, 77, 0];
/// As many as the last byte of an address has room for.
const HOSTS_MAX: usize = 250;

/// Hosts and what connects them. Goes with all that runs in it when it is dropped.
#[derive(Debug)]
pub struct Lab {
    hosts: Vec<Host>,
    /// After the hosts, so that it goes last.
    switch: Namespace,
}

impl Lab {
    /// A lab with a host for each link.
    pub fn new(links: &[Link]) -> Result<Self, RunError> {
        if links.is_empty() || links.len() > HOSTS_MAX {
            let reason = format!("expected 1 to {HOSTS_MAX} hosts, received {}", links.len());
            return Err(RunError::NoLab { reason });
        }
        run_name::sweep();
        let switch = run_name::namespace("switch");
        let hosts = links.iter().zip(1..).map(|(link, number)| host(*link, number, &switch)).collect();
        // From here on it clears itself away, however far it comes.
        let lab = Self { hosts, switch };
        lab.namespaces().for_each(|namespace| leftovers::note_namespace(namespace.clone()));
        lab.build()?;
        Ok(lab)
    }

    /// All hosts.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// All hosts, to change what runs on them.
    pub(crate) fn hosts_mut(&mut self) -> &mut [Host] {
        &mut self.hosts
    }

    fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.hosts.iter().map(|host| &host.namespace).chain([&self.switch])
    }

    fn build(&self) -> Result<(), RunError> {
        let add = self.namespaces().fold(String::new(), |mut lines, namespace| {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "netns add {}", namespace.name());
            lines
        });
        batch("ip", None, &add)?;
        let bridge = |name| format!("link add {name} type bridge\nlink set {name} up\n");
        let mut lines = bridge(BRIDGE) + &bridge(ISLAND);
        for Host { namespace, port, .. } in &self.hosts {
            let _ =
                writeln!(lines, "link add {port} type veth peer name {INTERFACE} netns {}", namespace.name());
            let _ = writeln!(lines, "link set {port} master {BRIDGE} up");
        }
        batch("ip", Some(&self.switch), &lines)?;
        self.hosts.iter().try_for_each(|host| {
            let address = host.address;
            let lines =
                format!("link set lo up\naddr add {address}/24 dev {INTERFACE}\nlink set {INTERFACE} up\n");
            batch("ip", Some(&host.namespace), &lines)?;
            host.shape()
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.namespaces().for_each(leftovers::end_namespace);
    }
}

fn host(link: Link, number: u8, switch: &Namespace) -> Host {
    let [a, b, c] = NETWORK;
    Host {
        namespace: run_name::namespace(&format!("host{number}")),
        switch: switch.clone(),
        port: format!("port{number}"),
        address: Ipv4Addr::new(a, b, c, number),
        link,
        gate: None,
    }
}
