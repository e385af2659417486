//! The text that lets a peer into a network: where it is, by which key it proves itself, and the secret that admits.
//!
//! `tracker://HOST:PORT[,HOST:PORT...]/NETWORK-KEY[/SECRET]`, key and secret as 64 hexadecimal digits each; `ring://` in
//! the same form for a network without a tracker. Without the secret the network is open to everyone. Of an open ring the
//! address alone is enough, `ring://HOST:PORT`: whoever is there tells the rest.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::id::{parse_hex, write_hex};
use crate::{NetworkId, ParseIdError};

/// Why a text is no invite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseInviteError {
    /// It begins with neither scheme.
    #[error("expected tracker://HOST:PORT/KEY or tracker://HOST:PORT/KEY/SECRET")]
    Form,
    /// An address is not `HOST:PORT`.
    #[error("the address '{0}' is not HOST:PORT with a port from 1 to 65535")]
    Address(Box<str>),
    /// There are too many addresses.
    #[error("expected at most {max} addresses, received {received}", max = Invite::ADDRESSES_MAX)]
    TooManyAddresses {
        /// How many there are.
        received: usize,
    },
    /// The network's key cannot be read; often a sign that the text was cut off.
    #[error("the network key is damaged or cut off: {0}")]
    Key(ParseIdError),
    /// The secret cannot be read; often a sign that the text was cut off.
    #[error("the secret is damaged or cut off: {0}")]
    Secret(ParseIdError),
}

/// A host, by name or number, and a port.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: Box<str>,
    port: u16,
}

impl Address {
    /// The host without its port; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        let (host, _) = self.text.rsplit_once(':').unwrap_or((&self.text, ""));
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = ParseInviteError;

    fn from_str(text: &str) -> Result<Self, ParseInviteError> {
        let wrong = || ParseInviteError::Address(text.into());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(v6) => v6.parse::<core::net::Ipv6Addr>().is_ok(),
            None => is_host_name(host),
        };
        if is_host { Ok(Self { text: text.to_owned().into(), port }) } else { Err(wrong()) }
    }
}

fn is_host_name(host: &str) -> bool {
    let is_label_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !host.is_empty() && host.len() <= 253 && host.chars().all(is_label_char)
}

impl From<core::net::SocketAddr> for Address {
    fn from(address: core::net::SocketAddr) -> Self {
        Self { text: alloc::format!("{address}").into(), port: address.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What admits to a network. Never shown by `Debug`, so that no log holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinSecret([u8; 32]);

impl JoinSecret {
    /// Takes the raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a network is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// At a tracker.
    Tracker,
    /// At any member of a ring.
    Ring,
}

impl Place {
    const ALL: [(Self, &'static str); 2] = [(Self::Tracker, "tracker://"), (Self::Ring, "ring://")];
}

/// An invite. Its `Display` shows the secret, since that is its purpose; its `Debug` does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Whether a tracker or a ring stands behind the addresses.
    pub place: Place,
    /// Where to ask, tried in this order; one or more.
    pub addresses: Vec<Address>,
    /// The key by which the network proves itself.
    pub network: NetworkId,
    /// What admits; none when everyone may join.
    pub secret: Option<JoinSecret>,
}

impl Invite {
    /// More addresses than this are refused: each may cost a time-out.
    pub const ADDRESSES_MAX: usize = 16;
}

impl FromStr for Invite {
    type Err = ParseInviteError;

    fn from_str(text: &str) -> Result<Self, ParseInviteError> {
        let text = text.trim();
        let (place, rest) = Place::ALL
            .iter()
            .find_map(|&(place, scheme)| Some((place, text.strip_prefix(scheme)?)))
            .ok_or(ParseInviteError::Form)?;
        if place == Place::Ring && !rest.contains('/') {
            let (network, secret) = (NetworkId::UNKNOWN, None);
            return Ok(Self { place, addresses: read_addresses(rest)?, network, secret });
        }
        let mut parts = rest.split('/');
        let (Some(addresses), Some(key), secret, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseInviteError::Form);
        };
        let addresses = read_addresses(addresses)?;
        let network = key.parse().map_err(ParseInviteError::Key)?;
        let secret = secret.map(parse_hex).transpose().map_err(ParseInviteError::Secret)?;
        Ok(Self { place, addresses, network, secret: secret.map(JoinSecret) })
    }
}

fn read_addresses(text: &str) -> Result<Vec<Address>, ParseInviteError> {
    let addresses = text.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?;
    if addresses.len() > Invite::ADDRESSES_MAX {
        return Err(ParseInviteError::TooManyAddresses { received: addresses.len() });
    }
    Ok(addresses)
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.place {
            Place::Tracker => "tracker://",
            Place::Ring => "ring://",
        };
        f.write_str(scheme)?;
        for (at, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if at > 0 { "," } else { "" })?;
        }
        if self.network == NetworkId::UNKNOWN {
            return Ok(());
        }
        write!(f, "/{}", self.network)?;
        if let Some(secret) = &self.secret {
            f.write_str("/")?;
            write_hex(&secret.0, f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn invite() -> Invite {
        Invite {
            place: Place::Tracker,
            addresses: ["10.0.0.1:7440", "[::1]:80", "host.example:1"].map(|a| a.parse().unwrap()).into(),
            network: NetworkId::from_bytes([0xab; 32]),
            secret: Some(JoinSecret::from_bytes([0xcd; 32])),
        }
    }

    #[test]
    fn text_goes_there_and_back() {
        let mut invite = invite();
        assert_eq!(invite.to_string().parse(), Ok(invite.clone()));
        invite.secret = None;
        invite.place = Place::Ring;
        assert_eq!(format!(" {invite}\n").parse(), Ok(invite));
    }

    #[test]
    fn a_text_cut_anywhere_is_refused_or_open_but_never_another_secret() {
        let whole = invite();
        let text = whole.to_string();
        for end in 0..text.len() {
            if let Ok(cut) = text[..end].parse::<Invite>() {
                assert_eq!((cut.secret, cut.network), (None, whole.network), "cut at {end}");
            }
        }
    }

    #[test]
    fn an_open_ring_is_named_by_its_address_alone() {
        let invite: Invite = "ring://10.0.0.1:7441,[::1]:80".parse().unwrap();
        assert_eq!((invite.network, invite.addresses.len()), (NetworkId::UNKNOWN, 2));
        assert_eq!(invite.to_string(), "ring://10.0.0.1:7441,[::1]:80");
        assert!("tracker://10.0.0.1:7441".parse::<Invite>().is_err());
        assert!("ring://10.0.0.1".parse::<Invite>().is_err());
    }

    #[test]
    fn debug_hides_the_secret() {
        assert!(!format!("{:?}", invite()).contains("cdcd"));
    }

    #[test]
    fn hosts_that_are_none_are_refused() {
        for text in ["host", "host:", "host:0", "host:65536", ":80", "a b:80", "[::1:80", "[zz]:80", "a/b:80"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
