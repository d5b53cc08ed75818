//! `portshim doctor --hooks`: every function that is hooked, and what for.

use crate::messages::Failure;
use crate::present;
use portshim_policy::hooks::{Hook, LINUX_HOOKS, WINDOWS_HOOKS};
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    kind: &'static str,
    library: &'static str,
}

/// Prints the table of this system's hooks.
pub(super) fn hooks(json: bool) -> Result<u32, Failure> {
    let table = if cfg!(windows) { WINDOWS_HOOKS } else { LINUX_HOOKS };
    let row = |hook: &Hook| Row { name: hook.name, kind: hook.kind.name(), library: hook.library };
    let rows: Vec<Row> = table.iter().map(row).collect();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let line = |row: &Row| format!("{:<width$}  {:<8} {}\n", row.name, row.kind, row.library);
    present::print(&if json { present::json(&rows) } else { rows.iter().map(line).collect() })?;
    Ok(0)
}
