//! Choice of the live session that a command is about.

use super::names::named;
use super::ps::listed;
use crate::environment::SESSION;
use crate::messages::{self, Failure, ProcessOwner};
use crate::platform::{self, LiveSession, Process};
use crate::present::width;

/// The session that is named by its ID, its file's name or one of its processes; without a name,
/// the only one, or the only one that can be read.
pub(super) fn chosen(name: Option<&str>) -> Result<LiveSession, Failure> {
    let mut sessions = LiveSession::all();
    let Some(name) = name else {
        // Whoever is inside a session means that one.
        let own = std::env::var_os(SESSION);
        if let Some(at) = sessions.iter().position(|session| own.as_deref() == Some(session.path.as_os_str())) {
            return Ok(sessions.swap_remove(at));
        }
        let readable: Vec<_> = (0..sessions.len()).filter(|at| sessions[*at].snapshot().is_ok()).collect();
        return match (readable.as_slice(), sessions.len()) {
            (_, 0) => Err(messages::no_live_session()),
            ([only], _) => Ok(sessions.swap_remove(*only)),
            // That it cannot be read, and why, is said by whoever reads it.
            ([], 1) => Ok(sessions.swap_remove(0)),
            (readable, _) => {
                let such = readable.first().map(|at| sessions[*at].id.as_str());
                Err(messages::several_sessions(sessions.len(), &listed(&sessions, width() - messages::INDENT), such))
            }
        };
    };
    let called: Vec<_> = sessions.iter().filter(|session| named(session).as_deref() == Some(name)).collect();
    if called.len() > 1 {
        let such = called.first().map(|session| session.id.clone());
        let count = called.len();
        sessions.retain(|session| named(session).as_deref() == Some(name));
        let list = listed(&sessions, width() - messages::INDENT);
        return Err(messages::several_sessions(count, &list, such.as_deref()));
    }
    let has = |session: &LiveSession| session.processes.iter().any(|process| process.pid.to_string() == name);
    let is_it = |session: &LiveSession| session.id == name || session.name() == name;
    let found = sessions.iter().position(is_it);
    let found = found.or_else(|| sessions.iter().position(|session| named(session).as_deref() == Some(name)));
    match found.or_else(|| sessions.iter().position(has)) {
        Some(at) => Ok(sessions.remove(at)),
        None => Err(messages::no_such_session(name, name.parse().ok().and_then(owner))),
    }
}

/// The session that a command is about, and the process of it that `pid` names, if any.
pub(super) fn target(name: Option<&str>, pid: Option<&str>) -> Result<(LiveSession, Option<Process>), Failure> {
    let pid = pid.map(|text| text.parse::<u32>().map_err(|_| messages::no_pid(text))).transpose()?;
    let process = pid.map(|pid| Process::running(pid).ok_or_else(|| messages::no_process(pid))).transpose()?;
    // A process that no policy reaches may have children that one does.
    let session = match (name, pid) {
        (None, Some(pid)) => chosen(Some(&pid.to_string())).or_else(|_| chosen(None)),
        (name, _) => chosen(name),
    }?;
    Ok((session, process))
}

/// Whose a process is.
fn owner(pid: u32) -> Option<ProcessOwner> {
    let user = platform::owner(pid)?;
    Some(if platform::is_us(user) { ProcessOwner::Us } else { ProcessOwner::Other(platform::user(user)) })
}
