//! Messages about processes that the library is not wholly in.

use portshim_policy::hooks::{LINUX_HOOKS, WINDOWS_HOOKS};
use portshim_policy::region::Presence;

/// The names of hooks: a bit for each, by its place in this system's table.
pub(crate) fn hook_names(bits: u32) -> String {
    let table = if cfg!(windows) { WINDOWS_HOOKS } else { LINUX_HOOKS };
    let named = table.iter().take(u32::BITS as usize).enumerate().filter(|(n, _)| bits & 1 << n != 0);
    named.map(|(_, hook)| hook.name).collect::<Vec<_>>().join(", ")
}

/// Says how far the library is in a process; `None` where it is wholly in.
pub(crate) fn presence(presence: Presence) -> Option<String> {
    Some(match presence {
        Presence::Here { missing: 0 } | Presence::Supervised => return None,
        Presence::Here { missing } => format!("not covered: what it does by {}", hook_names(missing)),
        Presence::Awaited => "not covered: the library has not said that it is there".into(),
        Presence::OtherMachine => "not covered: it is for another machine than the library".into(),
        Presence::Unreached => "not covered: the library cannot be loaded into it".into(),
    })
}
