//! Words said of netsh's command lines.

use super::{Failure, unwritable};
use portshim_policy::config::{Origin, Problem};
use portshim_policy::model::RestrictionRule;
use portshim_policy::netsh::EditError;
use portshim_policy::ports::{PortRange, PortSet, Scope, spec};
use std::io;
use std::path::Path;

pub(crate) fn nothing_dynamic(scope: Scope) -> Failure {
    Failure::new(
        format!("no port is handed out for {scope}, so there is no dynamic range to show"),
        "set one: set dynamicport",
    )
}

pub(crate) fn range_with_holes(scope: Scope, ports: &PortSet) -> String {
    format!(
        "note: for {scope}, the ports that may be handed out are {ports}; netsh shows them from the first to the last"
    )
}

/// `origins` are what keeps them out, where that is known.
pub(crate) fn excluded_already(range: PortRange, met: &PortSet, origins: &[String]) -> Failure {
    let by = if origins.is_empty() { String::new() } else { format!(" by {}", origins.join(", ")) };
    Failure::new(
        format!("{range} cannot be excluded: {met} is reserved or blocked already{by}"),
        "exclude only ports that are not; `show excludedportrange` lists them",
    )
}

/// The policy's model has no such reservations.
pub(crate) fn model_excludes_elsewhere(range: PortRange, rule: &RestrictionRule) -> Failure {
    Failure::new(format!("{range} cannot be excluded: {rule}"), "exclude ports inside these, or choose another preset")
}

pub(crate) fn nothing_left_after_that(scope: Scope) -> Failure {
    Failure::new(
        format!("with that change, no port would be left to hand out for {scope}"),
        "exclude less of the dynamic range, or set a wider one before",
    )
}

/// Ports that are excluded, but not by what netsh writes.
pub(crate) fn not_netshs(range: PortRange, reserved: bool, origin: &Origin) -> Failure {
    let word = if reserved { "reserved" } else { "blocked" };
    Failure::new(format!("{range} is {word} by {origin}, which netsh cannot lift"), "change it there")
}

/// `near` are the ranges that meet the one that is to be deleted.
pub(crate) fn other_ranges(path: &Path, near: &[String]) -> Failure {
    Failure::new(
        format!("{}: {}", path.display(), EditError::Missing),
        format!("name exactly one that there is: {}", near.join("; ")),
    )
}

pub(crate) fn excluded_in_session(path: &Path, range: PortRange, id: &str) -> Failure {
    Failure::new(
        format!("{}: {}", path.display(), EditError::Missing),
        format!("session {id} has {range}: store=active deletes it there"),
    )
}

/// Words said where a session is shown and a policy file is not.
pub(crate) fn session_shown(id: &str, path: &Path) -> String {
    let path = path.display();
    format!("note: this is what session {id} has now; store=persistent shows what `{path}` keeps")
}

/// Words said where no session is there to be shown.
pub(crate) const NO_SESSION_SHOWN: &str =
    "note: no session of yours is live; this is what a program that starts here would get";

/// A live session has no reservation of exactly these ports.
pub(crate) fn not_excluded(range: PortRange, scope: Scope) -> Failure {
    Failure::new(
        format!(
            "{}: no reservation made while the session runs is of exactly these ports",
            spec::written(&range, &scope)
        ),
        "name exactly the ports that were added: `portshim status` lists them",
    )
}

pub(crate) fn not_kept(path: &Path, e: &EditError) -> Failure {
    let help = match e {
        EditError::Missing => {
            "name exactly the ports that were added: `show excludedportrange store=persistent` lists them"
        }
        EditError::Meets(_) => "exclude only ports that are not: `show excludedportrange store=persistent` lists them",
        EditError::Unreadable => "write it as TOML: `portshim check` names what is wrong",
    };
    Failure::new(format!("{}: {e}", path.display()), help)
}

pub(crate) fn not_toml(path: &Path) -> Failure {
    Failure::new(
        format!("the policy file `{}` is not in TOML, so it cannot be changed", path.display()),
        format!("make one of it: portshim import {} > portshim.toml", path.display()),
    )
}

/// The lines that `problems` speak of are not there yet, so they are not shown.
pub(crate) fn not_after_that(path: &Path, problems: &[Problem]) -> Failure {
    let first = problems.iter().find(|problem| problem.is_error());
    let (message, help) = first.map_or(("", ""), |problem| (&problem.message, &problem.help));
    Failure::new(format!("with that change, `{}` would be no policy: {message}", path.display()), help)
}

/// Words said where a change begins a policy file; `here` tells that it holds for the folder.
pub(crate) fn policy_begun(path: &Path, here: bool) -> String {
    let holds = if here {
        "every `portshim run` in this folder obeys it from now on".to_owned()
    } else {
        format!("`portshim run -c {}` obeys it", path.display())
    };
    format!("note: `{}` was begun, with preset windows-vista; {holds}", path.display())
}

pub(crate) fn policy_unwritable(path: &Path, e: &io::Error) -> Failure {
    unwritable("policy file", path, e, "name one in a folder that you may write to: -c FILE")
}

pub(crate) fn others_unchanged(others: usize) -> String {
    let whose = if others == 1 { "one [[process]] rule that has" } else { "[[process]] rules that have" };
    format!("note: programs under {whose} a range of their own keep it")
}
