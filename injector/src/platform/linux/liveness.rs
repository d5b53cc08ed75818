//! Owners of entries in a ledger: this thread is one, and others may be gone.

use super::clock::ticks;
use super::procfs::{pid_namespace, started};
use super::sweep::seen_namespace;
use nix::unistd::gettid;
use portshim_policy::region::Owner;

/// This thread, as a ledger's writer.
pub(crate) fn this_thread() -> Owner {
    let namespace = pid_namespace().unwrap_or(0) as u32;
    Owner { process: gettid().as_raw().cast_unsigned(), namespace, since: ticks() }
}

/// Tells whether the owner of an entry lives, as far as that can be told: the numbers of another
/// PID namespace say nothing here, and neither does a /proc that shows those of another.
pub(crate) fn is_alive(owner: &Owner) -> bool {
    let ours = seen_namespace().is_some_and(|namespace| namespace as u32 == owner.namespace);
    !ours || started(owner.process).is_some_and(|started| started <= owner.since)
}
