//! Where an invite is given: as text, or as `@FILE` that holds it. Never shown whole, since it is a secret.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use drizzle_model::{Invite, ParseInviteError, Place};

/// A file named as an invite is read to this length: the longest invite has some 4,300 bytes, and a wrong file
/// may be endless.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why an invite cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InviteError {
    /// The file named with `@` cannot be read.
    #[error("the invite file {path} cannot be read: {error}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The file named with `@` is too long to hold an invite.
    #[error("the invite file {path} holds more than {FILE_BYTES_MAX} bytes, expected one invite")]
    TooLong {
        /// Its path.
        path: String,
    },
    /// The text is no invite. It is not repeated: it may be a damaged secret.
    #[error("the invite cannot be used: {0}")]
    Parse(#[from] ParseInviteError),
    /// It leads to a tracker, where a ring is to be joined.
    #[error(
        "expected a ring: ring://..., or HOST:PORT of a member of an open one; received a tracker's invite"
    )]
    NoRing,
}

/// An invite as it was given, not yet read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum InviteText {
    /// The invite itself.
    Literal(String),
    /// A file that holds it.
    InFile(PathBuf),
}

impl InviteText {
    /// Takes what a flag or a variable says.
    pub(crate) fn new(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(path) => Self::InFile(path.into()),
            None => Self::Literal(text.into()),
        }
    }

    /// Takes a file's path.
    pub(crate) fn in_file(path: PathBuf) -> Self {
        Self::InFile(path)
    }

    /// Reads the invite of a tracker, or of a ring in its place.
    pub(crate) fn read(&self) -> Result<Invite, InviteError> {
        Ok(self.text()?.parse()?)
    }

    /// Reads the invite of a ring; of an open one the address of a member will do.
    pub(crate) fn read_ring(&self) -> Result<Invite, InviteError> {
        let text = self.text()?;
        let text = text.trim();
        let invite: Invite = match text.contains("://") {
            true => text.parse()?,
            false => format!("ring://{text}").parse()?,
        };
        if invite.place == Place::Ring { Ok(invite) } else { Err(InviteError::NoRing) }
    }

    fn text(&self) -> Result<String, InviteError> {
        let text = match self {
            Self::Literal(text) => text.clone(),
            Self::InFile(path) => read_start(path)
                .map_err(|error| InviteError::File { path: path.display().to_string(), error })?,
        };
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(InviteError::TooLong { path: self.to_string() });
        }
        Ok(text)
    }

    /// Whether the text itself is or may be a secret.
    pub(crate) fn holds_secret(&self) -> bool {
        match self {
            Self::Literal(text) => text.parse::<Invite>().map_or(true, |invite| invite.secret.is_some()),
            Self::InFile(_) => false,
        }
    }
}

fn read_start(path: &PathBuf) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Shows everything but the secret; nothing of what cannot be read.
impl fmt::Display for InviteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::InFile(path) => return write!(f, "@{}", path.display()),
            Self::Literal(text) => text,
        };
        match text.parse::<Invite>() {
            Ok(Invite { secret: None, .. }) => f.write_str(text.trim()),
            Ok(invite) => write!(f, "{}/(hidden)", Invite { secret: None, ..invite }),
            Err(_) => f.write_str("(hidden)"),
        }
    }
}

impl fmt::Debug for InviteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&str> for InviteText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn text(secret: &str) -> String {
        format!("tracker://h:1/{}{secret}", "ab".repeat(32))
    }

    #[test]
    fn the_secret_is_never_shown() {
        let secret = format!("/{}", "cd".repeat(32));
        for given in [text(&secret), text(&secret[..40]), "cdcdcdcd".into()] {
            let invite = InviteText::new(&given);
            assert!(!format!("{invite} {invite:?}").contains("cdcd"), "{invite}");
            assert!(invite.holds_secret());
        }
        assert_eq!(InviteText::new(&text(&secret)).to_string(), text("/(hidden)"));
        let damaged = InviteText::new(&text(&secret[..40])).read().unwrap_err();
        assert!(!damaged.to_string().contains("cdcd"));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("invite");
        let read = || InviteText::new(&format!("@{}", path.display())).read();
        assert!(matches!(read(), Err(InviteError::File { .. })));
        fs::write(&path, text("/x")).unwrap();
        assert!(matches!(read(), Err(InviteError::Parse(_))));
        fs::write(&path, text("") + "\n").unwrap();
        assert_eq!(read().unwrap().to_string(), text(""));
        fs::write(&path, " ".repeat(1 << 17)).unwrap();
        assert!(matches!(read(), Err(InviteError::TooLong { .. })));
        let endless = InviteText::new("@/dev/zero").read();
        assert!(matches!(endless, Err(InviteError::TooLong { .. })));
    }

    #[test]
    fn a_ring_is_named_by_its_invite_or_by_an_address() {
        let ring = text("").replace("tracker", "ring");
        for text in ["ring://127.0.0.1:1", &ring] {
            assert_eq!(InviteText::new(text).read().unwrap().place, Place::Ring, "{text}");
        }
        for text in ["127.0.0.1:1", "[::1]:1", "ring://127.0.0.1:1", &ring] {
            assert_eq!(InviteText::new(text).read_ring().unwrap().place, Place::Ring, "{text}");
        }
        assert!(matches!(InviteText::new(&text("")).read_ring(), Err(InviteError::NoRing)));
        assert!(matches!(InviteText::new("127.0.0.1").read_ring(), Err(InviteError::Parse(_))));
    }
}
