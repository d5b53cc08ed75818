//! Words said on Windows alone, or otherwise than elsewhere.

use super::presence::hook_names;
use super::{CANNOT_EXECUTE, Failure, message, plain};
use portshim_policy::config::{Origin, Problem, Severity};
use portshim_policy::model::{Rules, Sharing};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Way to let the library be laid down, and a session.
pub(super) const LIBRARY_PLACE: &str = "LOCALAPPDATA to a folder that you may write to, and execute programs from";
pub(super) const SESSION_PLACE: &str = "LOCALAPPDATA to a folder that you may write to";

/// Way to find out who has a port.
pub(super) const SEE_SOCKETS: &str = "see who has it, `netstat -ano` shows all";

/// Remedy for a file that cannot be executed.
pub(super) const NAME_A_PROGRAM: &str =
    "name a program or a batch file; of another script, name its interpreter first: portshim run -- python SCRIPT";

/// Remedy for a program for another machine.
pub(super) const OTHER_MACHINE: &str = "use the program's build for 64-bit Windows on x86-64 (x64)";

/// Way to have the system hold a program to these rules by its own settings: there is no way.
pub(super) fn own_network(_: &Rules, _: &[OsString]) -> Option<String> {
    None
}

/// Sockets that a supervisor would not make: there is none.
pub(crate) const BEYOND_SOCKETS: &str = "";

/// Calls that a supervisor would not reach: there is none.
pub(crate) const BEYOND_SUPERVISOR: &str = "";

/// Calls that the library never reaches.
pub(crate) const BEYOND: &str =
    "requests made past Winsock (ws2_32.dll), and children that are not 64-bit x86-64 programs";

/// Words beside a way of sharing: where it came from, and that it is one of other systems.
pub(crate) fn sharing(how: &str, origin: &Origin) -> String {
    let remark =
        if how == <&str>::from(Sharing::Tuple) { "; on Windows each port is one socket's all the same" } else { "" };
    format!("{origin}{remark}")
}

/// Whose errors programs get under every preset, below a table of a preset's own.
pub(crate) const TOLD_IN: &str = "  programs here are told in the words of Windows since Vista\n";

/// Reason why the kernel does not choose.
pub(crate) const UNSTEERABLE: &str = "its choice cannot be narrowed for one program";

pub(crate) fn no_preload() -> Failure {
    Failure::new(
        "no variable has Windows load a library into programs",
        "give the command that starts the program to `portshim run -- CMD`: in the command line of a service, of a task\n\
         or of a container, too",
    )
}

pub(crate) fn netsh_silent() -> Failure {
    Failure::new(
        "netsh does not show this host's port settings",
        "does `netsh interface ipv4 show dynamicport tcp` show them in a console? Windows has them since Vista; of an\n\
         older one, export the registry's key Services\\Tcpip\\Parameters, and give that to `portshim import`",
    )
}

/// Warning of port settings of this host that netsh was asked for in vain, until it had taken this
/// long.
pub(crate) fn netsh_unheard(question: &[String], limit: Option<Duration>) -> Problem {
    let how = limit.map_or_else(String::new, |limit| format!(" within {} seconds", limit.as_secs()));
    Problem {
        severity: Severity::Warning,
        origin: None,
        message: format!(
            "netsh does not tell this host's port settings{how}: Windows' defaults stand in for what is not told\n\
             (49152-65535, and nothing excluded)"
        ),
        help: format!(
            "see whether `netsh {}` answers in a console; or take a preset that does not ask for them,\n\
             such as windows-vista",
            question.join(" ")
        ),
    }
}

pub(crate) fn unloadable(library: &Path, e: &io::Error) -> Failure {
    Failure::new(
        format!("the library `{}` cannot be loaded: {}", library.display(), plain(e)),
        "does a virus scanner keep it from being loaded? Let it pass, or name another copy with PORTSHIM_LIB",
    )
}

pub(crate) fn not_entered(program: &Path, e: &io::Error) -> Failure {
    Failure::new(
        format!("the library cannot be loaded into `{}`: {}", program.display(), plain(e)),
        "does a virus scanner, or a rule for this program that allows Microsoft's libraries alone, forbid it?\n\
         `portshim doctor` tells what it can of a program",
    )
}

pub(crate) fn hooks_refused(program: &Path, hooks: u32) -> Failure {
    let hooks = hook_names(hooks);
    Failure::new(
        format!("`{}` cannot be covered: {hooks} cannot be hooked in it", program.display()),
        "does a virus scanner, or a library that the program brings along, change them? Without them the program's\n\
         ports would not be the policy's",
    )
}

pub(crate) fn hooks_missing(program: &Path, hooks: u32) -> String {
    let hooks = hook_names(hooks);
    let problem = format!("{hooks} cannot be hooked in `{}`: ports that it gets by these", program.display());
    message("warning", &format!("{problem} are not the policy's"), "")
}

pub(crate) fn ended_before(program: &Path, code: u32) -> Failure {
    let problem = format!("`{}` ended before the library was in it, with exit code {code}", program.display());
    Failure::new(problem, "a library that it is linked with ended it, and nothing that it did was covered")
}

/// Ports that Windows keeps back, where a request found none for it.
pub(crate) fn windows_keeps(specs: &[String]) -> String {
    message(
        "warning",
        &format!("kept back by Windows: {}", specs.join(", ")),
        "`netsh interface ipv4 show excludedportrange tcp` shows which; Hyper-V, WSL and Docker take them at their start",
    )
}

/// Tells of processes that are not covered in full: a line for each.
pub(crate) fn not_covered(lines: &[String]) -> String {
    message("warning", &format!("not all that the program started was covered\n{}", lines.join("\n")), "")
}

pub(crate) fn needs_elevation(program: &Path) -> Failure {
    let problem = format!("`{}` cannot be executed: it asks for an administrator's rights", program.display());
    Failure::new(problem, "give the command in a console that was opened as administrator").with_status(CANNOT_EXECUTE)
}
