//! Messages about processes that the library is not wholly in.

use portshim_policy::hooks::{LINUX_HOOKS, WINDOWS_HOOKS};

/// The names of hooks: a bit for each, by its place in this system's table.
pub(crate) fn hook_names(bits: u32) -> String {
    let table = if cfg!(windows) { WINDOWS_HOOKS } else { LINUX_HOOKS };
    let named = table.iter().take(u32::BITS as usize).enumerate().filter(|(n, _)| bits & 1 << n != 0);
    named.map(|(_, hook)| hook.name).collect::<Vec<_>>().join(", ")
}
