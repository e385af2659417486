//! The way to a ring's secret: it stands in the invite, or is told by a member of an open ring, or is made by the first
//! member.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use drizzle_model::{Invite, JoinSecret, NetworkId};
use drizzle_net::Dialer;

use super::error::RingError;
use super::greet::knock;
use super::standing::{Door, RingSecret};

/// The secret of the ring that an invite leads to.
pub(crate) async fn secret_of(dialer: &Dialer, invite: &Invite) -> Result<RingSecret, RingError> {
    let is_named = invite.network != NetworkId::UNKNOWN;
    if let Some(secret) = &invite.secret {
        let secret = RingSecret::new(secret.clone(), Door::Closed);
        if is_named && secret.network() != invite.network {
            let reason = "the invite's secret is not that of the ring that it names".into();
            return Err(RingError::Refused { reason });
        }
        return Ok(secret);
    }
    let mut failures = Vec::new();
    for address in &invite.addresses {
        match knock(dialer, address, is_named.then_some(invite.network)).await {
            Ok(secret) => return Ok(RingSecret::new(secret, Door::Open)),
            Err(error) => failures.push(error),
        }
    }
    Err(RingError::from_failures(failures))
}

/// The secret of a ring that this node begins: the one of last time, so that its invites stay good, or a new one.
pub(crate) fn own_secret(path: &Path, door: Door) -> Result<RingSecret, RingError> {
    let disk = |error: io::Error| RingError::disk(path, &error);
    match fs::read_to_string(path) {
        Ok(text) => {
            let id: NetworkId = text.trim().parse().map_err(|error| RingError::Disk {
                path: path.to_owned(),
                reason: format!("it holds no secret: {error}"),
            })?;
            Ok(RingSecret::new(JoinSecret::from_bytes(*id.as_bytes()), door))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes = drizzle_net::random_bytes().map_err(|_| RingError::Other {
                reason: "the system gave no random numbers for a new join secret".into(),
            })?;
            write_secret(path, &NetworkId::from_bytes(bytes).to_string()).map_err(disk)?;
            Ok(RingSecret::new(JoinSecret::from_bytes(bytes), door))
        }
        Err(error) => Err(disk(error)),
    }
}

/// Beside its place first, so that it is there wholly or not at all.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
