//! The messages of every error and warning that is not about the text of a policy.

mod collide;
mod failure;
mod made;
mod metrics;
mod netsh;
#[cfg(target_os = "linux")]
mod network;
mod presence;
mod sessions;
#[cfg(target_os = "linux")]
mod supervisor;
/// Words said on this system alone, or otherwise than on others.
#[cfg_attr(target_os = "linux", path = "messages/linux.rs")]
#[cfg_attr(windows, path = "messages/windows.rs")]
mod system;
mod top;

pub(crate) use collide::*;
pub(crate) use failure::FAILED;
pub(crate) use failure::{CANNOT_EXECUTE, Failure, NOT_FOUND, message, plain, render};
pub(crate) use made::*;
pub(crate) use metrics::*;
pub(crate) use netsh::*;
pub(crate) use presence::*;
pub(crate) use sessions::*;
#[cfg(target_os = "linux")]
pub(crate) use supervisor::*;
pub(crate) use system::*;
pub(crate) use top::*;

use crate::coverage::{Coverage, Gap, Obstacle, Program};
use portshim_policy::config::{Problem, Severity};
use portshim_policy::model::Rules;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

pub(crate) fn unreadable_policy(path: &Path, e: &io::Error) -> Failure {
    let help = match e.kind() {
        io::ErrorKind::NotFound => "name a policy file that exists, or begin one with `portshim capture`",
        io::ErrorKind::IsADirectory => "name a file",
        io::ErrorKind::PermissionDenied => "make it readable for this user, or name another with -c",
        _ => "",
    };
    Failure::new(format!("the policy file `{}` cannot be read: {}", path.display(), plain(e)), help)
}

pub(crate) fn policy_too_large(path: &Path, most: u64) -> Failure {
    Failure::new(
        format!("the policy file `{}` is larger than {most} bytes", path.display()),
        "is it a policy? Write neighbouring ports as a range, such as 4000-4999. Of a registry, export the key\n\
         Services\\Tcpip\\Parameters alone",
    )
}

pub(crate) fn unreadable_settings(path: &Path, e: &io::Error) -> Failure {
    let help = match e.kind() {
        io::ErrorKind::NotFound => "name a file that exists, or - for standard input",
        io::ErrorKind::IsADirectory => "name a file",
        io::ErrorKind::PermissionDenied => "let this user read it, or name another",
        _ => "name another file",
    };
    Failure::new(format!("the file `{}` cannot be read: {}", path.display(), plain(e)), help)
}

pub(crate) fn not_found(name: &OsStr) -> Failure {
    let name = name.to_string_lossy();
    let (problem, help) = match (name.is_empty(), name.contains(std::path::is_separator)) {
        (true, _) => ("the program's name is empty".into(), "write `portshim run [POLICY] -- CMD [ARG…]`".to_owned()),
        (_, true) => (format!("`{name}` does not exist"), "give the path of a program that exists".to_owned()),
        _ => (format!("`{name}` was not found in PATH"), format!("give its path, such as .{MAIN_SEPARATOR}{name}")),
    };
    Failure::new(problem, help).with_status(NOT_FOUND)
}

/// `--report FILE`, whose value stands behind `=`, since it may be left out.
pub(crate) fn report_named_apart(file: &OsStr) -> Failure {
    let file = file.to_string_lossy();
    let help = format!("for a report in that file, write --report={file}");
    Failure::new(format!("`{file}` was taken for the program, and was not found"), help).with_status(NOT_FOUND)
}

pub(crate) fn not_a_hint(variable: &str, value: &str) -> Failure {
    Failure::new(format!("{variable}={value}: there is no such hint"), "write off, to have every port tried in turn")
}

pub(crate) fn switched_off() -> String {
    message("warning", "PORTSHIM_DISABLE is 1, so the program runs outside the policy", "unset PORTSHIM_DISABLE")
}

pub(crate) fn misspelt_variable(name: &str, meant: &str) -> Problem {
    let (message, help) = (format!("there is no variable {name}"), format!("did you mean {meant}?"));
    Problem { severity: Severity::Warning, origin: None, message, help }
}

/// Libraries that are preloaded already and connect in the program's stead, behind ours.
pub(crate) fn connect_behind(libraries: &[PathBuf]) -> String {
    let names: Vec<_> = libraries.iter().map(|path| format!("`{}`", path.display())).collect();
    let tool = libraries.iter().find_map(|path| connecting_tool(path)).unwrap_or("TOOL");
    message(
        "warning",
        &format!(
            "LD_PRELOAD names {}, which connects in the program's stead:\n\
             connections that it makes by sockets of its own get ports from outside the policy",
            names.join(" and ")
        ),
        &format!("start it inside: portshim run [POLICY] -- {tool} CMD [ARG…]; or add --cover tree"),
    )
}

/// The command that preloads such a library.
fn connecting_tool(library: &Path) -> Option<&'static str> {
    let name = library.file_name()?.to_str()?;
    let tools =
        [("libproxychains.so.3", "proxychains3"), ("libproxychains", "proxychains4"), ("libtorsocks", "torsocks")];
    let tools = tools.into_iter().chain([("libtsocks", "tsocks")]);
    tools.into_iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, tool)| tool)
}

pub(crate) fn cannot_execute(path: &Path, why: &str) -> Failure {
    let help = match why {
        "it is not executable" => match interpreter(path) {
            Some(interpreter) => format!("name what runs it: portshim run -- {interpreter} {}", path.display()),
            None => format!("chmod +x {}", path.display()),
        },
        _ => NAME_A_PROGRAM.to_owned(),
    };
    Failure::new(format!("`{}` cannot be executed: {why}", path.display()), help).with_status(CANNOT_EXECUTE)
}

/// Program that runs a file of this name that does not say so itself: to make it executable would
/// have the shell read it.
fn interpreter(path: &Path) -> Option<&'static str> {
    const INTERPRETERS: [(&str, &str); 9] = [
        ("py", "python3"),
        ("jar", "java -jar"),
        ("js", "node"),
        ("mjs", "node"),
        ("cjs", "node"),
        ("pl", "perl"),
        ("php", "php"),
        ("rb", "ruby"),
        ("lua", "lua"),
    ];
    let mut head = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path).ok()?, 4), &mut head).ok()?;
    let extension = path.extension()?;
    let (_, interpreter) = INTERPRETERS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known))?;
    (!head.starts_with(b"#!") && head != b"\x7fELF").then_some(interpreter)
}

const COPY: &str = "run a copy without the set-user-ID and set-group-ID bits, as the user it would become";

/// Obstacle that keeps a preloaded library from a program, in one sentence.
pub(crate) fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Static => "is statically linked, so a preloaded library cannot reach it".into(),
        Obstacle::Go => "is a Go program, which makes its system calls itself, past every preloaded library".into(),
        Obstacle::SetId => "runs as another user or group, so the loader ignores a preloaded library".into(),
        Obstacle::Capabilities => "has file capabilities, so the loader ignores a preloaded library".into(),
        Obstacle::Loader(loader) => {
            format!("is loaded by `{loader}`: its C library is neither glibc nor musl, which portshim's library is for")
        }
        Obstacle::IoUring => {
            "links liburing: what it asks of the kernel by io_uring goes past every preloaded library".into()
        }
        Obstacle::OldLibrary { theirs, needed } => {
            format!("has glibc {theirs} for its C library, and portshim's library needs {needed} or later")
        }
        Obstacle::Machine { theirs, ours } => format!("is a {theirs} program; portshim's library is {ours}"),
    }
}

/// What of a process is not covered, and why.
pub(crate) fn gap(gap: &Gap) -> String {
    let why = match gap {
        Gap::Program(what) => format!("it {}", obstacle(what)),
        Gap::Absent => "the library is not in it".into(),
        Gap::SwitchedOff => "PORTSHIM_DISABLE is 1 in its environment".into(),
        Gap::Abandoned => "its supervisor has ended: calls that need a port fail (ENOSYS)".into(),
        Gap::Ring => "what it asks of io_uring, which nobody is told of".into(),
        Gap::Sockets => NOT_DONE.into(),
        Gap::Hooks(missing) => format!("what it does by {}", hook_names(*missing)),
        Gap::Sandbox(1) => "1 request, which its sandbox left no way to serve".into(),
        Gap::Sandbox(requests) => format!("{requests} requests, which its sandbox left no way to serve"),
        Gap::Awaited => "the library has not said that it is there".into(),
        Gap::OtherMachine => "it is for another machine than the library".into(),
        Gap::Unreached => "the library cannot be loaded into it".into(),
    };
    format!("not covered: {why}")
}

/// Remedy; `rules` are what the program was to be under, `command` is how it is called.
pub(crate) fn remedy(obstacle: &Obstacle, rules: Option<&Rules>, command: &[OsString]) -> String {
    let instead = match obstacle {
        Obstacle::Static => "link it dynamically",
        Obstacle::Go => "",
        Obstacle::SetId => {
            let name = command.first().and_then(|name| Path::new(name).file_name()).and_then(OsStr::to_str);
            return match name {
                Some(name @ ("su" | "runuser" | "sg" | "newgrp")) => {
                    format!("let it start portshim: {name} [OPTION…] -c 'portshim run [POLICY] -- CMD'")
                }
                Some(name @ ("sudo" | "doas" | "pkexec")) => {
                    format!("let it start portshim: {name} portshim run [POLICY] -- CMD [ARG…]")
                }
                _ => COPY.into(),
            };
        }
        Obstacle::IoUring => {
            return "if it asks io_uring for files alone, all is well; else switch io_uring off in its settings".into();
        }
        Obstacle::Capabilities => return "run a copy of it, which has no capabilities, or run it as root".into(),
        Obstacle::Loader(_) => "use the program's build for glibc or musl",
        Obstacle::OldLibrary { needed, .. } => &format!("run it on a system that has glibc {needed} or later"),
        Obstacle::Machine { .. } => OTHER_MACHINE,
    };
    let network = rules.and_then(|rules| own_network(rules, command));
    let parts: Vec<_> =
        [Some(instead.to_owned()).filter(|part| !part.is_empty()), network].into_iter().flatten().collect();
    parts.join(", or ")
}

/// The program, and where it leads, if that is not where the trouble is: `./a.sh`, executed by
/// `/bin/x`,
pub(crate) fn culprit(program: &Program) -> String {
    let typed = program.typed.to_string_lossy();
    match program.steps.last() {
        Some(step) if program.steps.len() > 1 => format!("`{typed}` is executed by `{}`, which", step.path.display()),
        _ => format!("`{typed}`"),
    }
}

/// `remedy` is what to do about it, and `hindrance` why no supervisor serves it either; and whether
/// one would if each socket might have one of several runs of ports.
pub(crate) fn uncovered(program: &Program, what: &Obstacle, remedy: &str, hindrance: Option<(&str, bool)>) -> Failure {
    let reach = match program.coverage {
        _ if hindrance.is_some_and(|(_, if_cut)| if_cut) => ONE_OF_SEVERAL_RUNS,
        Coverage::Partial(_) => "--allow-uncovered launches it all the same, partly outside the policy",
        _ => "--allow-uncovered launches it all the same, outside the policy",
    };
    let besides = hindrance.map(|(why, _)| format!("\nno supervisor can serve it, either: {why}")).unwrap_or_default();
    Failure::new(format!("{} {}{besides}", culprit(program), obstacle(what)), format!("{remedy}\n{reach}"))
}

pub(crate) fn launched_uncovered(program: &Program, what: &Obstacle) -> String {
    message("warning", &format!("{} {}", culprit(program), obstacle(what)), "")
}

pub(crate) fn no_place_for_library(reasons: &[String]) -> Failure {
    Failure::new(
        format!("there is no place to lay down the library\n{}", reasons.join("\n")),
        format!("set {LIBRARY_PLACE}, or name the\nlibrary with PORTSHIM_LIB"),
    )
}

pub(crate) fn no_such_library(who: &str, path: &Path, why: &str) -> Failure {
    Failure::new(
        format!("{who} names `{}`, which cannot be preloaded: {why}", path.display()),
        format!("name portshim's library, or leave {who} out: portshim carries its own"),
    )
}

pub(crate) fn library_not_utf8(path: &Path) -> Failure {
    Failure::new(
        format!("the library's path `{}` is not UTF-8, and cannot be written", path.display()),
        "set XDG_CACHE_HOME to a directory whose path is",
    )
}

pub(crate) fn no_session_to_watch(why: &str) -> Failure {
    Failure::new(
        format!("there is no place for a session, so nothing can be logged or reported: {why}"),
        format!("set {SESSION_PLACE}, or leave --log and --report out"),
    )
}

/// Way to do without a supervisor.
const WITHOUT_SUPERVISOR: &str =
    "--engine preload does without a supervisor, for programs that a library can be loaded into";

/// No supervisor can be had, where one was asked for.
pub(crate) fn no_supervisor(why: &str) -> Failure {
    Failure::new(format!("no supervisor can serve the program: {why}"), WITHOUT_SUPERVISOR)
}

pub(crate) fn no_session_to_serve(why: &str) -> Failure {
    Failure::new(
        format!("there is no place for a session, so no supervisor can serve the program: {why}"),
        format!("set {SESSION_PLACE}"),
    )
}

pub(crate) fn report_unwritable(path: &Path, e: &io::Error) -> Failure {
    unwritable("report", path, e, "name a file in a folder that you may write to: --report=FILE")
}

pub(crate) fn log_unwritable(path: &Path, e: &io::Error) -> Failure {
    unwritable("log", path, e, "name a file in a folder that you may write to: --log FILE")
}

/// The reader of a pipe has not taken all of the log.
pub(crate) fn log_unread(path: &Path, events: u64) -> Failure {
    let these = if events == 1 { "one event was".to_owned() } else { format!("{events} events were") };
    Failure::new(format!("{these} not logged: nobody read `{}` in time", path.display()), READ_ON)
}

pub(crate) fn report_unread(path: &Path) -> Failure {
    Failure::new(format!("the report was not written: nobody read `{}` in time", path.display()), READ_ON)
}

const READ_ON: &str = "have it read until the program ends, or name a file";

pub(crate) fn output_unwritable(e: &io::Error) -> Failure {
    Failure::new(
        format!("standard output cannot be written: {}", plain(e)),
        "send it to a file or a program that can take it",
    )
}

/// The program has ended, and so many of its processes have not.
pub(crate) fn goes_on(processes: usize) -> String {
    let who = if processes == 1 { "a process of it goes".into() } else { format!("{processes} processes of it go") };
    let problem = format!("the program has ended, but {who} on: no port from now on is logged or reported");
    message("warning", &problem, "keep it in the foreground, or see `portshim status`")
}

pub(crate) fn nothing_to_report(why: &str) -> Failure {
    Failure::new(format!("the session cannot be read, so nothing can be reported: {why}"), "")
}

pub(crate) fn no_such_command(name: &str) -> Failure {
    Failure::new(format!("there is no command `{name}`"), "`portshim --help` lists them")
}

pub(crate) fn page_unwritable(path: &Path, e: &io::Error) -> Failure {
    unwritable("page", path, e, "name a folder that you may write to")
}

fn unwritable(what: &str, path: &Path, e: &io::Error, help: &str) -> Failure {
    Failure::new(format!("the {what} `{}` cannot be written: {}", path.display(), plain(e)), help)
}

pub(crate) fn more_than_one_port(text: &str) -> Failure {
    Failure::new(
        format!("`{text}`: this is more than one port"),
        "write one, such as 8080 or 53/udp; `portshim show` tells of all",
    )
}

pub(crate) fn policy_too_long_to_print(length: usize) -> Failure {
    Failure::new(
        format!("the policy takes {length} bytes, too many for an environment variable"),
        "use `portshim run`, or ranges with fewer holes",
    )
}

pub(crate) fn policy_too_long(why: &str) -> Failure {
    Failure::new(
        format!("the policy is too long for an environment variable, and there is no place for a session: {why}"),
        format!("set {SESSION_PLACE}, or use ranges with fewer holes"),
    )
}
