//! Asking the local network which open networks are here.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use drizzle_model::Invite;
use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use tokio::time::{Instant, timeout_at};

use crate::error::NearbyError;
use crate::record::{Heard, HeardAddress, NETWORK, SERVICE, VERSION, invite};

/// More announcements than this are not listened to: whoever is among so many is to name a tracker.
const FOUND_MAX: usize = 16;
/// When one was found, the others have so long to be heard.
const OTHERS_WITHIN: Duration = Duration::from_millis(400);

/// The open networks that announce themselves, within `patience` at most; sooner when those that are here were heard. In an
/// order that is the same each time.
pub async fn browse(patience: Duration) -> Result<Vec<Invite>, NearbyError> {
    let daemon = Daemon(ServiceDaemon::new()?);
    let events = daemon.0.browse(SERVICE)?;
    let own_interfaces = loopback_interfaces();
    let mut found: BTreeMap<String, Invite> = BTreeMap::new();
    let mut end = Instant::now() + patience;
    while let Ok(Ok(event)) = timeout_at(end, events.recv_async()).await {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let is_known = found.contains_key(service.get_fullname());
                if let Some(invite) = invite(heard(&service, &own_interfaces))
                    && (is_known || found.len() < FOUND_MAX)
                {
                    found.insert(service.get_fullname().to_owned(), invite);
                    end = end.min(Instant::now() + OTHERS_WITHIN);
                }
            }
            ServiceEvent::ServiceRemoved(_, fullname) => drop(found.remove(&fullname)),
            _ => {}
        }
    }
    Ok(found.into_values().collect())
}

fn heard<'a>(service: &'a ResolvedService, own_interfaces: &HashSet<String>) -> Heard<'a> {
    Heard {
        version: service.get_property_val_str(VERSION),
        network: service.get_property_val_str(NETWORK),
        port: service.get_port(),
        addresses: service.get_addresses().iter().map(|ip| address(ip, own_interfaces)).collect(),
    }
}

fn address(ip: &ScopedIp, own_interfaces: &HashSet<String>) -> HeardAddress {
    let is_from_here = match ip {
        ScopedIp::V4(v4) => {
            let mut heard_on = v4.interface_ids().iter();
            heard_on.any(|interface| own_interfaces.contains(&interface.name))
        }
        ScopedIp::V6(v6) => own_interfaces.contains(&v6.scope_id().name),
        _ => false,
    };
    HeardAddress { ip: ip.to_ip_addr(), is_from_here }
}

/// The interfaces on which only this machine is heard.
fn loopback_interfaces() -> HashSet<String> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().filter(if_addrs::Interface::is_loopback).map(|interface| interface.name).collect()
}

/// Ends when it is dropped, with its thread and its sockets.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended by itself needs no word.
        let _ = self.0.shutdown();
    }
}
