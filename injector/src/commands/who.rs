//! `portshim who`: the sockets that have a port, on this host and in the networks of the sessions,
//! and the processes that have the sockets.

mod shown;
mod table;

use super::sessions::chosen;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::platform::{self, LiveSession, Socket};
use crate::present::{self, width};
use portshim_policy::ports::spec::Spec;
use shown::{Sessions, Shown};
use std::collections::BTreeSet;

/// Exit status where no socket has such a port.
const NOBODY: u32 = 1;

pub(super) fn who(args: &Options) -> Result<u32, Failure> {
    let spec: Spec = args.port.parse().map_err(|e| messages::not_a_spec(&args.port, &e))?;
    let named = args.session.as_deref().map(|name| chosen(Some(name))).transpose()?;
    let all = named.is_none();
    let sessions = named.map_or_else(LiveSession::all, |session| vec![session]);
    let here = all.then(std::process::id);
    let members = sessions.iter().flat_map(|session| &session.processes).map(|process| process.pid);
    let mut sockets = platform::sockets(members.chain(here)).map_err(|why| messages::unseen_sockets(&why))?;
    let is_meant = |socket: &Socket| {
        socket.scopes.intersects(spec.scopes) && spec.ports.iter().any(|range| range.contains(socket.port))
    };
    sockets.retain(is_meant);
    let inodes: BTreeSet<_> = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let holders = platform::holders(&inodes);
    let sessions = Sessions::new(&sessions);
    let mut shown: Vec<_> = sockets.iter().map(|socket| Shown::new(socket, &holders, &sessions)).collect();
    if !all {
        // What nobody has any more is the session's if it was handed out there.
        shown.retain(|socket| socket.handed_out.is_some() || socket.processes.iter().any(|it| it.session.is_some()));
    }
    shown.sort_by_key(Shown::rank);
    let text = if args.json { present::json(&shown) } else { table::of(&args.port, &shown, width(), args.verbose) };
    present::print(&text).map(|()| if shown.is_empty() { NOBODY } else { 0 })
}
