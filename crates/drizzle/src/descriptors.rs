//! Room for connections: each is a descriptor, and systems begin a process with few of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open descriptors to as much as this user may have. Where that fails, fewer connections fit, and the
/// ones that do not are told so.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
