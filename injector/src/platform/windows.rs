//! Windows: programs are PE files, and the shim is loaded into a process before its first
//! instruction.

mod directories;
mod environment;
mod exclusive;
mod find;
mod hooks;
mod host;
mod inject;
mod inspect;
mod launch;
mod library;
mod liveness;
mod native;
mod netsh;
mod probe;
mod process;
mod security;
mod session;
mod sessions;
mod sockets;
mod stranger;
mod suspended;

pub(crate) use directories::share;
pub(crate) use environment::{ROOM, connectors, loading, not_loading, session_variable};
pub(crate) use hooks::{is_absent, unplaceable};
pub(crate) use host::{captured, host, host_for, host_name, policy_files, steering};
pub(crate) use inspect::find;
pub(crate) use launch::{BECOMES, Ended, become_program, watch_program};
pub(crate) use library::{can_preload, library_needs, nameable};
pub(super) use library::{installed, laid_down, named, places};
pub(crate) use liveness::{boot_ticks, is_alive, now as ticks, this_thread};
pub(crate) use probe::unlisted;
pub(crate) use process::{Process, is_us, owner, user};
pub(crate) use session::{Session, sweep};
pub(crate) use sessions::LiveSession;
pub(crate) use sockets::{held, holders, sockets};
pub(crate) use stranger::{Stranger, wait_for_end};

/// Whoever connects to this path: Rust's own library has no such sockets here.
pub(crate) fn callers_at(
    _: &std::path::Path,
) -> std::io::Result<std::iter::Empty<std::io::Result<std::net::TcpStream>>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The file that is to be written instead of this one: an open file cannot be renamed here.
pub(crate) fn successor(_: &std::fs::File, _: &std::path::Path) -> Option<std::fs::File> {
    None
}

/// Way in which a supervisor serves programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Sockets,
    Calls,
}

/// The supervisor that serves this process: there is none.
pub(crate) fn outer_supervisor() -> Option<(u32, Way)> {
    None
}

/// What keeps a supervisor's guest out of this program: there is none here.
pub(crate) fn keeps_guest_out(_: &crate::coverage::Program) -> Option<String> {
    Some("on Windows there is none".into())
}

/// Reason why no supervisor can serve a program: there is none.
pub(crate) fn hindrance(_: Option<&crate::coverage::Obstacle>, _: Way) -> Option<String> {
    Some("on Windows there is none".into())
}

/// Tells whether opening this file takes somebody who opens its other end: a named pipe here has
/// one, or cannot be opened.
pub(crate) fn opens_late(_: &std::path::Path) -> std::io::Result<bool> {
    Ok(false)
}

/// Standard error, for a thread that may have to wait while others write to it, too.
pub(crate) fn standard_error() -> std::io::Result<impl std::io::Write + Send> {
    Ok(std::io::stderr())
}

/// Set if the system lists every socket that has a port: it does not list those of TCP that are
/// bound and nothing else.
pub(crate) const LISTS_ALL: bool = false;
