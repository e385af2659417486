//! Saying on the local network that an open network is here.

use std::net::SocketAddr;
use std::time::Duration;

use drizzle_model::Invite;
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use tokio::time::timeout;

use crate::error::NearbyError;
use crate::record::{NETWORK, SERVICE, THIS_VERSION, VERSION, label};

/// How long saying goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// An announcement, for as long as it is there; ended with a goodbye by [`Announcement::end`].
pub struct Announcement {
    daemon: ServiceDaemon,
    fullname: String,
}

impl Announcement {
    /// Announces the network of an invite, whose tracker listens at `listen`: on the interface of that address, or on all
    /// when it listens on all.
    pub fn start(invite: &Invite, listen: SocketAddr) -> Result<Self, NearbyError> {
        if invite.secret.is_some() {
            return Err(NearbyError::Closed);
        }
        let service = service(invite, listen)?;
        let fullname = service.get_fullname().to_owned();
        let daemon = ServiceDaemon::new()?;
        // From here on the daemon ends with the announcement.
        let this = Self { daemon, fullname };
        this.daemon.register(service)?;
        tracing::debug!(fullname = this.fullname, "announced on the local network");
        Ok(this)
    }

    /// Says goodbye, so that nobody finds it any more.
    pub async fn end(self) {
        if let Ok(status) = self.daemon.unregister(&self.fullname) {
            // Whoever has not heard it by then learns by calling.
            let _ = timeout(GOODBYE_MAX, status.recv_async()).await;
        }
    }
}

impl std::fmt::Debug for Announcement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcement").field("fullname", &self.fullname).finish_non_exhaustive()
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // One that has ended by itself needs no word.
        let _ = self.daemon.shutdown();
    }
}

fn service(invite: &Invite, listen: SocketAddr) -> Result<ServiceInfo, NearbyError> {
    let label = label(&invite.network);
    let text = [(NETWORK, invite.network.to_string()), (VERSION, THIS_VERSION.to_owned())];
    let host = format!("{label}.local.");
    let ip = listen.ip();
    let addresses = if ip.is_unspecified() { String::new() } else { ip.to_string() };
    let info = ServiceInfo::new(SERVICE, &label, &host, addresses.as_str(), listen.port(), &text[..])?;
    let (mut info, interfaces) = match ip.is_unspecified() {
        true if ip.is_ipv4() => (info.enable_addr_auto(), IfKind::IPv4),
        true => (info.enable_addr_auto(), IfKind::All),
        false => (info, IfKind::Addr(ip)),
    };
    info.set_interfaces(vec![interfaces]);
    // The name is that of a key that nobody else has, so it need not be asked for first.
    info.set_requires_probe(false);
    Ok(info)
}
