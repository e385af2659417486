//! Single values of reports as they stand in a field: paths and times.

use std::path::{Path, PathBuf};

use drizzle_model::Mtime;
use serde::Serialize;

/// A path as text: one that is not UTF-8 with replacement characters, since JSON knows nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PathText(#[serde(serialize_with = "lossy")] PathBuf);

fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl PathText {
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }
}

impl From<PathBuf> for PathText {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

/// A time as seconds since 1970, as far as a floating point number holds it: to a quarter of a microsecond.
pub(crate) fn seconds(mtime: Mtime) -> f64 {
    mtime.seconds() as f64 + f64::from(mtime.nanoseconds()) * 1e-9
}
