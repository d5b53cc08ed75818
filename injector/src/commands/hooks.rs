//! `portshim doctor --hooks`: every function that is hooked, and what for.

use crate::messages::Failure;
use crate::{platform, present};
use portshim_policy::hooks::{Hook, LINUX_HOOKS, WINDOWS_HOOKS};
use serde::Serialize;
use std::ops::Not;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    kind: &'static str,
    library: &'static str,
    /// Set if this system does not have the function.
    #[serde(skip_serializing_if = "Not::not")]
    absent: bool,
}

/// Prints the table of this system's hooks.
pub(super) fn hooks(json: bool) -> Result<u32, Failure> {
    let table = if cfg!(windows) { WINDOWS_HOOKS } else { LINUX_HOOKS };
    let row = |hook: &Hook| {
        let Hook { name, kind, library } = *hook;
        Row { name, kind: kind.into(), library, absent: platform::is_absent(hook) }
    };
    let rows: Vec<Row> = table.iter().map(row).collect();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let line = |row: &Row| {
        let remark = if row.absent { "  (this system does not have it)" } else { "" };
        format!("{:<width$}  {:<8} {}{remark}\n", row.name, row.kind, row.library)
    };
    present::print(&if json { present::json(&rows) } else { rows.iter().map(line).collect() })?;
    Ok(0)
}
