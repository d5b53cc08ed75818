//! What is said of netsh's command lines.

use super::plain;
use crate::failure::Failure;
use portshim_policy::spec::SpecError;
use portshim_policy::text::netsh::EditError;
use portshim_policy::{PortRange, PortSet, Scope};
use std::io;
use std::path::Path;

pub(crate) fn not_netsh(e: &SpecError) -> Failure {
    Failure::new(e.to_string(), &e.remedy)
}

pub(crate) fn nothing_dynamic(scope: Scope) -> Failure {
    Failure::new(format!("no port is handed out for {scope}, so there is no dynamic range to show"), "")
}

pub(crate) fn range_with_holes(scope: Scope, ports: &PortSet) -> String {
    format!(
        "note: for {scope}, the ports that may be handed out are {ports}; netsh shows them from the first to the last"
    )
}

pub(crate) fn excluded_already(range: PortRange, met: &PortSet) -> Failure {
    Failure::new(format!("{range}: of these ports, {met} cannot be excluded: they are already"), "")
}

/// A live session has no reservation of exactly these ports.
pub(crate) fn not_excluded(range: PortRange, scope: Scope) -> Failure {
    Failure::new(
        format!("{range}/{scope}: no reservation made while the session runs is of exactly these ports"),
        "name exactly the ports that were added: `portshim status` lists them",
    )
}

pub(crate) fn not_kept(path: &Path, e: &EditError) -> Failure {
    let help = match e {
        EditError::Missing => {
            "name exactly the ports that were added: `show excludedportrange store=persistent` lists them"
        }
        EditError::Meets(_) | EditError::Unreadable => "",
    };
    Failure::new(format!("{}: {e}", path.display()), help)
}

pub(crate) fn not_toml(path: &Path) -> Failure {
    Failure::new(
        format!("the policy file `{}` is not in TOML, so it cannot be changed", path.display()),
        format!("make one of it: portshim import {} > portshim.toml", path.display()),
    )
}

pub(crate) fn not_after_that(path: &Path, failure: &Failure) -> Failure {
    Failure::new(format!("with that change, `{}` would be no policy\n{failure}", path.display()), "")
}

pub(crate) fn policy_unwritable(path: &Path, e: &io::Error) -> Failure {
    Failure::new(format!("the policy file `{}` cannot be written: {}", path.display(), plain(e)), "")
}
