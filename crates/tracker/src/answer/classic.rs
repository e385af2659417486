//! What a client gets from a tracker of the files of classic peers.

use std::net::{IpAddr, SocketAddr};

use drizzle_classic::{Dialect, Name};
use drizzle_model::Mtime;

use super::{AnswerError, check_next, reached};
use crate::api::{ClassicFilesDto, ClassicHolderDto, ClassicLocatedDto};
use crate::limits::CLASSIC_HOLDERS_MAX;

/// A part of a listing of files of classic peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicListing {
    /// The files, in the order of their names; maybe none although there is more.
    pub files: Vec<ClassicListed>,
    /// Behind which name the next part begins; none when this is the last one.
    pub next: Option<String>,
}

/// A file of classic peers: it has no hash, and nothing can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicListed {
    /// Its name.
    pub name: Name,
    /// When it was modified last.
    pub mtime: Mtime,
    /// How many have just this one.
    pub peers: u32,
}

/// Who has the newest of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicLocated {
    /// When it was modified last.
    pub mtime: Mtime,
    /// Who has it, in the order in which they should be asked.
    pub holders: Vec<ClassicHolder>,
}

/// A classic peer that has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicHolder {
    /// Where it serves.
    pub address: SocketAddr,
    /// How it must be asked.
    pub dialect: Dialect,
}

/// Reads the page behind `after`.
pub(crate) fn listing(dto: ClassicFilesDto, after: Option<&str>) -> Result<ClassicListing, AnswerError> {
    let listed = dto.files.into_iter().map(|file| {
        let name = Name::new(&file.name).ok_or(AnswerError::ClassicName(file.name))?;
        Ok(ClassicListed { name, mtime: file.mtime.try_into()?, peers: file.peers })
    });
    let files = listed.collect::<Result<_, AnswerError>>()?;
    check_next(dto.next.as_deref(), after)?;
    Ok(ClassicListing { files, next: dto.next })
}

/// Reads the answer of a tracker that was reached at `tracker`, if over a network, when `name` was asked for.
pub(crate) fn located(
    dto: ClassicLocatedDto,
    name: &Name,
    tracker: Option<IpAddr>,
) -> Result<ClassicLocated, AnswerError> {
    if dto.name != name.as_str() {
        return Err(AnswerError::NotAskedFor);
    }
    let holder = |ClassicHolderDto { address, at_tracker, dialect }| {
        let address = reached(address, at_tracker, tracker)?;
        Ok(ClassicHolder { address, dialect: dialect.into() })
    };
    // A tracker could send a peer round the whole world.
    let holders = dto.holders.into_iter().take(CLASSIC_HOLDERS_MAX);
    let mut holders: Vec<ClassicHolder> = holders.map(holder).collect::<Result<_, AnswerError>>()?;
    holders.retain(|holder| is_callable(holder.address, tracker));
    if holders.is_empty() {
        return Err(AnswerError::Nobody);
    }
    Ok(ClassicLocated { mtime: dto.mtime.try_into()?, holders })
}

/// Whether a classic peer can be there. No key is asked of it, so whoever listens there is sent the name, as a line. A tracker elsewhere must not
/// make this machine call itself, where services listen that trust whoever reaches them; what runs on the tracker's own machine it
/// names by the address under which it was reached.
fn is_callable(address: SocketAddr, tracker: Option<IpAddr>) -> bool {
    let is_elsewhere = tracker.is_some_and(|tracker| !tracker.to_canonical().is_loopback());
    let is_one_host = match address.ip().to_canonical() {
        // The system takes the one without a host for this machine.
        ip if ip.is_unspecified() || ip.is_multicast() => false,
        ip if ip.is_loopback() => !is_elsewhere,
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    is_one_host && address.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tracker: Option<&str>, addresses: &[(&str, bool)]) -> Result<Vec<String>, AnswerError> {
        let holder = |(address, at_tracker): &(&str, bool)| ClassicHolderDto {
            address: (*address).into(),
            at_tracker: *at_tracker,
            dialect: Dialect::Lf.into(),
        };
        let dto = ClassicLocatedDto {
            name: "a".into(),
            mtime: Mtime::from_seconds(1).into(),
            holders_total: 1,
            holders: addresses.iter().map(holder).collect(),
        };
        let located = located(dto, &Name::new("a").unwrap(), tracker.map(|ip| ip.parse().unwrap()))?;
        Ok(located.holders.iter().map(|holder| holder.address.to_string()).collect())
    }

    /// Would fail if a tracker of the local network could have a line sent to what listens on this machine for itself alone.
    #[test]
    fn no_tracker_elsewhere_makes_this_machine_call_itself() {
        let own = ["127.0.0.1:6379", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"];
        let never = [
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "10.0.0.1:0",
        ];
        for address in own.iter().chain(&never) {
            let left = named(Some("10.0.0.9"), &[(address, false), ("10.0.0.2:80", false)]).unwrap();
            assert_eq!(left, ["10.0.0.2:80"], "{address}");
        }
        assert!(matches!(named(Some("10.0.0.9"), &[(own[0], false)]), Err(AnswerError::Nobody)));
        assert!(matches!(named(None, &[]), Err(AnswerError::Nobody)));
        // A tracker of this very machine tells of its other processes.
        for tracker in [None, Some("127.0.0.1"), Some("::1"), Some("::ffff:127.0.0.1")] {
            assert_eq!(named(tracker, &[(own[0], false), (never[0], false)]).unwrap(), [own[0]]);
        }
        assert_eq!(named(Some("10.0.0.9"), &[("127.0.0.1:80", true)]).unwrap(), ["10.0.0.9:80"]);
    }
}
