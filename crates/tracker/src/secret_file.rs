//! The file that holds a network's join secret: 64 hexadecimal digits, mode 0600, there wholly or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use drizzle_model::JoinSecret;
use tempfile::NamedTempFile;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The local disk: the file or its folder cannot be made or read.
    #[error("cannot {action} the file of the join secret {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The local disk: the file holds something else.
    #[error(
        "the file {} holds no join secret; put it back from a copy, or delete it to start with a new one: old \
         invites will then admit nobody",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for a new join secret")]
    NoRandomness,
}

/// Reads the secret; makes one when there is none.
pub(crate) fn load_or_create(path: &Path) -> Result<JoinSecret, SecretFileError> {
    let failed = |action| move |source| SecretFileError::Io { action, path: path.to_owned(), source };
    loop {
        match fs::read_to_string(path) {
            Ok(text) => {
                return parse(&text).ok_or_else(|| SecretFileError::Damaged { path: path.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(SecretFileError::Damaged { path: path.to_owned() });
            }
            Err(error) => return Err(failed("read")(error)),
        }
        // When another process was faster, its file is there and is read in the next turn.
        match create(path, &random()?) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed("write")(error)),
            _ => {}
        }
    }
}

pub(crate) fn random() -> Result<JoinSecret, SecretFileError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SecretFileError::NoRandomness)?;
    Ok(JoinSecret::from_bytes(bytes))
}

pub(crate) fn to_hex(secret: &JoinSecret) -> String {
    blake3::Hash::from_bytes(*secret.as_bytes()).to_hex().to_string()
}

fn parse(text: &str) -> Option<JoinSecret> {
    let bytes = blake3::Hash::from_hex(text.trim()).ok()?;
    Some(JoinSecret::from_bytes(*bytes.as_bytes()))
}

fn create(path: &Path, secret: &JoinSecret) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(dir)?;
    writeln!(file, "{}", to_hex(secret))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_secret_is_the_same_the_second_time_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("join.secret");
        let secret = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap(), secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("join.secret");
        for content in [&b"abc"[..], b"", b"\xff\xfe"] {
            fs::write(&path, content).unwrap();
            let error = load_or_create(&path).unwrap_err();
            assert!(matches!(&error, SecretFileError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("join.secret"));
        }
    }
}
