//! Asking the local network which open networks are here.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use drizzle_model::Invite;
use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use tokio::time::{Instant, timeout_at};

use crate::error::NearbyError;
use crate::gathering::Gathering;
use crate::record::{Heard, HeardAddress, NETWORK, SERVICE, VERSION, invite};

/// When one was found, the others have so long to be heard.
const OTHERS_WITHIN: Duration = Duration::from_millis(400);

/// The open networks that announce themselves, within `patience` at most; sooner when those that are here were heard. In an
/// order that is the same each time. Of one network there may be several, one of which is true; and not all that are heard are kept.
pub async fn browse(patience: Duration) -> Result<Vec<Invite>, NearbyError> {
    let daemon = Daemon(ServiceDaemon::new()?);
    let events = daemon.0.browse(SERVICE)?;
    let own_interfaces = loopback_interfaces();
    let mut found = Gathering::default();
    let mut end = Instant::now() + patience;
    while let Ok(Ok(event)) = timeout_at(end, events.recv_async()).await {
        // A goodbye may be anybody's: who is really gone does not take a call.
        if let ServiceEvent::ServiceResolved(service) = event
            && let Some(invite) = invite(heard(&service, &own_interfaces))
            && found.put(invite, chance())
        {
            end = end.min(Instant::now() + OTHERS_WITHIN);
        }
    }
    Ok(found.into_invites())
}

/// A number that nobody on the network can foresee.
fn chance() -> u64 {
    RandomState::new().hash_one(())
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
