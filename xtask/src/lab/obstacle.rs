//! Whether a lab can run here.

use rustix::process::geteuid;

use super::run_name;
use super::tool::batch;
use crate::stage::leftovers;

/// What keeps a lab from running here: the wrong user, a missing program, a kernel that cannot do it. None: nothing does.
pub fn obstacle() -> Option<String> {
    if !geteuid().is_root() {
        return Some("it needs root, to make network namespaces".into());
    }
    let trial = run_name::namespace("trial");
    leftovers::note_namespace(trial.clone());
    let made = batch("ip", None, &format!("netns add {}\n", trial.name()));
    let shaped = made.and_then(|()| {
        batch("tc", Some(&trial), "qdisc add dev lo root tbf rate 1mbit burst 10kb latency 10ms\n")
    });
    leftovers::end_namespace(&trial);
    shaped.err().map(|error| {
        format!("{error} (it needs `ip` and `tc` of iproute2, and a kernel with namespaces and tbf)")
    })
}
