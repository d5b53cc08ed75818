//! Hooks that could not be placed in a process.

use super::inject::Shim;
use crate::messages;
use portshim_policy::hooks::{HookKind, WINDOWS_HOOKS, place_of};
use std::path::Path;

/// Those without which a program's ports are not the policy's: a bit for each, by its place in the
/// table.
pub(super) const NEEDED: u32 = {
    let (mut bits, mut at) = (0, 0);
    let needed = ["bind", "connect", "sendto", "WSASendTo"];
    while at < needed.len() {
        bits |= 1 << place_of(WINDOWS_HOOKS, needed[at], HookKind::Serve);
        at += 1;
    }
    bits
};

/// The hooks that could not be placed in a program that has Winsock as this process has it; none
/// where all could.
pub(crate) fn unplaceable(library: &Path) -> Option<String> {
    let missing = Shim::load(library).map_or(0, |shim| shim.try_out());
    (missing != 0).then(|| messages::hook_names(missing))
}
