//! Words said of a port that is held as a stranger would.

use super::failure::{Failure, plain};
use super::sessions::Bound;
use super::system::SEE_SOCKETS;
use portshim_policy::ports::{Scope, ScopeSet, spec};
use std::io;

/// Words said once a port is held.
pub(crate) fn collides(port: u16, scopes: ScopeSet) -> String {
    format!("{} is held\n", spec::written(&port, &scopes))
}

pub(crate) fn nothing_rests(port: &str) -> Failure {
    Failure::new(
        format!("of {port} nothing can rest in TIME_WAIT: only TCP does that"),
        "name another --state, or /tcp",
    )
}

pub(crate) fn cannot_collide(port: u16, scope: Scope, why: io::Error, by: &Bound) -> Failure {
    let what = format!("{} cannot be held", spec::written(&port, &scope));
    match by {
        Bound::By(pid, name) => Failure::new(
            format!("{what}: process {pid} ({}) has it", name.escape_debug()),
            "end that process; or does it do what was to be tested?",
        ),
        Bound::Waiting => Failure::new(
            format!("{what}: a connection in TIME_WAIT has it"),
            "wait a minute; or is that what was to be tested?",
        ),
        Bound::Unknown => Failure::new(format!("{what}: {}", plain(&why)), SEE_SOCKETS),
    }
}

pub(crate) fn cannot_wait(why: io::Error) -> Failure {
    Failure::new(format!("the end cannot be waited for: {}", plain(&why)), "")
}
