//! The link that names a content and says where to find it.
//!
//! `drizzle:?xt=urn:blake3:HEX&dn=NAME&xl=SIZE&x.kind=folder&tr=INVITE&x.pe=HOST:PORT`, parameters as in magnet links:
//! values are percent-encoded, unknown parameters are passed over, their order is free. `tr` holds an invite
//! and may hold its secret, so a link can be one too.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Address, ContentHash, Invite, ParseIdError, ParseInviteError, PathError, RelPath};

/// What stays readable in a value; everything that means something to a shell or a link is encoded.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b':').remove(b',');

/// Why a text is no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseLinkError {
    /// It does not begin with `drizzle:?`.
    #[error("expected a link that begins with drizzle:?xt=urn:blake3:")]
    Form,
    /// A parameter that must be there is not; often a sign that the text was cut off.
    #[error("the link has no {0}; was it cut off?")]
    Missing(&'static str),
    /// A parameter stands twice that must stand once.
    #[error("the link has {0} more than once")]
    Twice(&'static str),
    /// The hash cannot be read.
    #[error("the hash in the link is damaged or cut off: {0}")]
    Hash(ParseIdError),
    /// The name would not be safe.
    #[error("the name in the link cannot be used: {0}")]
    Name(PathError),
    /// The size is no number.
    #[error("the size in the link is no number: '{0}'")]
    Size(Box<str>),
    /// The kind is unknown.
    #[error("the kind in the link is unknown: '{0}', expected file or folder")]
    Kind(Box<str>),
    /// The invite cannot be read.
    #[error("the tracker in the link cannot be used: {0}")]
    Tracker(ParseInviteError),
    /// The address of a peer cannot be read.
    #[error("a peer in the link cannot be used: {0}")]
    Peer(ParseInviteError),
    /// A value does not decode to UTF-8.
    #[error("the link holds {0} that is not UTF-8")]
    Encoding(&'static str),
    /// There are more parameters than any link needs.
    #[error("the link has more than {max} parameters", max = Link::PARAMETERS_MAX)]
    TooLong,
}

/// What kind of content a hash names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentKind {
    /// The hash is that of the file's bytes.
    File,
    /// The hash is that of the encoded manifest.
    Folder,
}

impl ContentKind {
    /// The word for it in links, listings and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
        }
    }
}

impl FromStr for ContentKind {
    type Err = ParseLinkError;

    fn from_str(text: &str) -> Result<Self, ParseLinkError> {
        match text {
            "file" => Ok(Self::File),
            "folder" => Ok(Self::Folder),
            other => Err(ParseLinkError::Kind(other.into())),
        }
    }
}

/// What identifies a thing that is shared (S0.4), and its kind. A folder's size and chunk count are those of all
/// its files together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// What it is called.
    pub name: RelPath,
    /// The hash of its bytes or of its manifest.
    pub hash: ContentHash,
    /// Its size in bytes.
    pub size: u64,
    /// How many chunks it has.
    pub chunks: u32,
    /// What the hash is of.
    pub kind: ContentKind,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the link names.
    pub hash: ContentHash,
    /// What kind of content that is.
    pub kind: ContentKind,
    /// What to call it.
    pub name: RelPath,
    /// Its size in bytes, for display; what counts is proved by the hash.
    pub size: u64,
    /// The network in which to ask.
    pub invite: Option<Invite>,
    /// Peers that may have it.
    pub peers: Vec<Address>,
}

impl Link {
    const PREFIX: &str = "drizzle:?";
    const URN: &str = "urn:blake3:";
    /// More parameters than this are refused.
    pub const PARAMETERS_MAX: usize = 64;

    /// Whether a text given by a person is meant as a link rather than as a name.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("drizzle:")
    }
}

impl FromStr for Link {
    type Err = ParseLinkError;

    fn from_str(text: &str) -> Result<Self, ParseLinkError> {
        let query = text.trim().strip_prefix(Self::PREFIX).ok_or(ParseLinkError::Form)?;
        let parameters = Parameters::split(query)?;
        let urn = parameters.one("xt", "hash")?;
        let hash = urn.strip_prefix(Self::URN).ok_or(ParseLinkError::Form)?;
        let size = parameters.one("xl", "size")?;
        let kind = parameters.at_most_one("x.kind", "kind")?;
        let invite = parameters.at_most_one("tr", "tracker")?;
        Ok(Self {
            hash: hash.parse().map_err(ParseLinkError::Hash)?,
            kind: kind.map_or(Ok(ContentKind::File), |kind| kind.parse())?,
            name: RelPath::new(&parameters.one("dn", "name")?).map_err(ParseLinkError::Name)?,
            size: size.parse().map_err(|_| ParseLinkError::Size(size.into()))?,
            invite: invite.map(|invite| invite.parse().map_err(ParseLinkError::Tracker)).transpose()?,
            peers: parameters
                .all("x.pe")
                .map(|peer| peer?.parse().map_err(ParseLinkError::Peer))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The `key=value` pairs of a link, not yet decoded.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    fn split(query: &'a str) -> Result<Self, ParseLinkError> {
        let pairs: Vec<_> = query
            .split('&')
            .take(Link::PARAMETERS_MAX + 1)
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        if pairs.len() > Link::PARAMETERS_MAX { Err(ParseLinkError::TooLong) } else { Ok(Self(pairs)) }
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = Result<Cow<'a, str>, ParseLinkError>> + '_ {
        self.0.iter().filter(move |(of, _)| *of == key).map(|(_, value)| {
            percent_decode_str(value).decode_utf8().map_err(|_| ParseLinkError::Encoding("a value"))
        })
    }

    fn at_most_one(
        &self,
        key: &'static str,
        what: &'static str,
    ) -> Result<Option<Cow<'a, str>>, ParseLinkError> {
        let mut values = self.all(key);
        let first = values.next().transpose()?;
        if values.next().is_some() { Err(ParseLinkError::Twice(what)) } else { Ok(first) }
    }

    fn one(&self, key: &'static str, what: &'static str) -> Result<Cow<'a, str>, ParseLinkError> {
        self.at_most_one(key, what)?.ok_or(ParseLinkError::Missing(what))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}xt={}{}", Self::PREFIX, Self::URN, self.hash)?;
        write!(f, "&dn={}&xl={}", utf8_percent_encode(self.name.as_str(), ENCODED), self.size)?;
        if self.kind == ContentKind::Folder {
            f.write_str("&x.kind=folder")?;
        }
        if let Some(invite) = &self.invite {
            write!(f, "&tr={}", utf8_percent_encode(&invite.to_string(), ENCODED))?;
        }
        self.peers
            .iter()
            .try_for_each(|peer| write!(f, "&x.pe={}", utf8_percent_encode(&peer.to_string(), ENCODED)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn link(name: &str) -> Link {
        Link {
            hash: ContentHash::from_bytes([0x11; 32]),
            kind: ContentKind::Folder,
            name: RelPath::new(name).unwrap(),
            size: 1 << 40,
            invite: Some(format!("tracker://[::1]:7440/{}", "ab".repeat(32)).parse().unwrap()),
            peers: ["127.0.0.1:1", "h:2"].map(|peer| peer.parse().unwrap()).into(),
        }
    }

    #[test]
    fn the_text_is_as_documented() {
        assert_eq!(
            link("a b&'ü").to_string(),
            format!(
                "drizzle:?xt=urn:blake3:{}&dn=a%20b%26%27%C3%BC&xl=1099511627776&x.kind=folder\
                 &tr=tracker://%5B::1%5D:7440/{}&x.pe=127.0.0.1:1&x.pe=h:2",
                "11".repeat(32),
                "ab".repeat(32)
            )
        );
    }

    proptest! {
        #[test]
        fn any_name_goes_there_and_back(name in "[^/\0]{1,60}") {
            if RelPath::new(&name).is_ok() {
                let link = link(&name);
                prop_assert_eq!(link.to_string().parse(), Ok(link));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "drizzle:\\?(xt=urn:blake3:|dn=|xl=|tr=|x.pe=|%|&|[0-9a-f]|.){0,40}") {
            let _ = text.parse::<Link>();
        }
    }

    #[test]
    fn wrong_links_say_what_is_wrong() {
        let whole = link("n").to_string();
        let error = |text: &str| text.parse::<Link>().unwrap_err();
        assert_eq!(error("magnet:?xt=urn:blake3:00"), ParseLinkError::Form);
        assert_eq!(error(&whole[..40]), ParseLinkError::Missing("size"));
        assert!(matches!(error(&whole.replace("1111&", "111&")), ParseLinkError::Hash(_)));
        assert!(matches!(error(&whole.replace("dn=n", "dn=..%2Fx")), ParseLinkError::Name(_)));
        assert!(matches!(error(&whole.replace("xl=1", "xl=x")), ParseLinkError::Size(_)));
        assert_eq!(error(&whole.replace("dn=n", "dn=n&dn=m")), ParseLinkError::Twice("name"));
        assert_eq!(error(&whole.replace("dn=n", "dn=%ff")), ParseLinkError::Encoding("a value"));
    }
}
