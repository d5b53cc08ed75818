//! Words said of live sessions, and of what is asked of them.

use super::{Failure, SEE_SOCKETS, message};
use portshim_policy::model::{Restriction, RestrictionRule};
use portshim_policy::ports::spec::{self, SpecError};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, grouped};
use portshim_policy::region::{Entry, Owner, Region};
use std::path::Path;

/// Ports of a SPEC: what one entry is made of, or asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) range: PortRange,
    pub(crate) scopes: ScopeSet,
}

/// The ports that the system keeps back, as far as the session has asked for them, as SPECs.
pub(crate) fn kept_back(region: &Region) -> Vec<String> {
    let scopes = Scope::ALL.map(|scope| (scope, region.kept_back(scope).ports()));
    let some = scopes.iter().filter(|(_, ports)| !ports.is_empty());
    let groups = grouped(some, |(_, ports)| ports).into_iter();
    let written = |(group, ports): (Vec<&(Scope, PortSet)>, &PortSet)| {
        let scopes: ScopeSet = group.into_iter().map(|(scope, _)| *scope).collect();
        spec::written(&ports.to_string(), &scopes.to_string())
    };
    groups.map(written).collect()
}

const BEGIN_ONE: &str = "a session begins with `portshim run`, and lives as long as its processes";

/// Words of `ps` where it has nothing to list.
pub(crate) const NOTHING_LIVES: &str = "portshim: no session of yours is live";

pub(crate) fn no_live_session() -> Failure {
    Failure::new("no session of yours is live", BEGIN_ONE)
}

/// Indentation of the further lines of a message.
pub(crate) const INDENT: usize = "error: ".len();

/// `list` is what `ps` says of them, `such` one that can be named.
pub(crate) fn several_sessions(count: usize, list: &str, such: Option<&str>) -> Failure {
    let (problem, help) = match such {
        Some(id) => ("one must be named", format!("name it, such as --session {id}")),
        None => {
            ("none of them can be read", "start their programs anew; --session ID tells why it is so of one".into())
        }
    };
    let joined = if such.is_some() { "so" } else { "and" };
    Failure::new(format!("{count} sessions are live, {joined} {problem}\n{}", list.trim_end()), help)
}

pub(crate) fn no_name(name: &str, most: usize) -> Failure {
    Failure::new(
        format!("a session cannot be called `{}`", name.escape_debug()),
        format!("use up to {most} letters, digits, `-`, `_` and `.`, not digits alone"),
    )
}

/// Whose the process of a number is.
pub(crate) enum ProcessOwner {
    Us,
    /// Another user, of this name.
    Other(String),
}

/// `owner` is whose the process of that number is, where there is one.
pub(crate) fn no_such_session(name: &str, owner: Option<ProcessOwner>) -> Failure {
    match owner {
        None => Failure::new(
            format!("there is no session `{name}`: it has ended, or never was"),
            "`portshim ps` lists those that live",
        ),
        Some(ProcessOwner::Us) => Failure::new(
            format!("process {name} is in no session of yours"),
            format!("{BEGIN_ONE}; `portshim ps` lists them"),
        ),
        Some(ProcessOwner::Other(owner)) => Failure::new(
            format!("process {name} belongs to {owner}, and a session is open to its own user alone"),
            format!("give the command as {owner}"),
        ),
    }
}

pub(crate) fn unreadable_session(id: &str, path: &Path, why: &str) -> Failure {
    Failure::new(
        format!("session {id} cannot be read: {}: {why}", path.display()),
        "its programs go on under the policy that they began with; start them anew for a session that can be read",
    )
}

pub(crate) fn unseen_sockets(why: &str) -> Failure {
    Failure::new(format!("the kernel does not tell which ports are in use: {why}"), "")
}

/// Word of `who` where no socket has a port.
pub(crate) fn nobody_has(port: &str) -> String {
    format!("{port}: no socket has it")
}

pub(crate) fn more_sockets(count: usize) -> String {
    format!("and {count} more; -v lists all")
}

/// Words for who has a socket that nobody has: a connection that is over, or ends by itself.
pub(crate) const NO_HOLDER: &str = "no process has it any more";

/// Words for a holder who cannot be seen; `denied`, if there are processes that this user may not
/// look into.
pub(crate) fn hidden_holder(user: &str, denied: bool) -> String {
    let of = if user.is_empty() { String::new() } else { format!(" of {user}") };
    if denied {
        return format!("a process{of}, which that user and root alone may look into");
    }
    format!("a process{of} that cannot be seen from here: of another container, or ended meanwhile")
}

pub(crate) fn session_ended(id: &str) -> Failure {
    Failure::new(format!("session {id} has ended meanwhile"), "`portshim ps` lists those that live")
}

pub(crate) fn not_a_spec(text: &str, e: &SpecError) -> Failure {
    let place = if e.part == text { String::new() } else { format!("`{text}`: ") };
    Failure::new(format!("{place}{e}"), &e.remedy)
}

pub(crate) fn ledger_busy(id: &str) -> Failure {
    Failure::new(
        format!("another process has been changing session {id} for two seconds"),
        "try again; does one of its processes hang?",
    )
}

/// Holder of a port that is in use.
pub(crate) enum Bound {
    /// A process: its number and name.
    By(u32, String),
    /// Nobody any more: a connection in TIME_WAIT.
    Waiting,
    /// There is no telling: another user's, or gone by now.
    Unknown,
}

fn whose(owner: &Owner) -> String {
    if owner.is(&Owner::SESSION) { "the command line".into() } else { format!("process {}", owner.process) }
}

/// Tells what was done of several before one of them was refused.
pub(crate) fn done_in_part(done: &[Entry]) -> String {
    let done: Vec<_> = done.iter().map(|entry| spec::written(&entry.range, &entry.scopes)).collect();
    message("warning", &format!("this was done before the next was refused: {}", done.join(" ")), "")
}

/// Words said where the last port of a scope has been taken; `programs` is a glob, empty for all
/// others.
pub(crate) fn nothing_left(act: Restriction, programs: &str, scopes: ScopeSet) -> String {
    let who = if programs.is_empty() { String::new() } else { format!(" to {}", programs.escape_debug()) };
    let problem = format!("no port is left to hand out{who} ({scopes}): whoever asks for any gets none");
    message("warning", &problem, &format!("`portshim un{act}` lifts what was {}", act.done()))
}

fn cannot_be(act: Restriction, wanted: Wanted) -> String {
    format!("{} cannot be {}", spec::written(&wanted.range, &wanted.scopes), act.done())
}

pub(crate) fn port_in_use(act: Restriction, wanted: Wanted, port: u16, by: &Bound) -> Failure {
    let (by, help) = match by {
        Bound::By(pid, name) => (format!("is in use by process {pid} ({})", name.escape_debug()), "end that process"),
        Bound::Waiting => ("is held by a connection in TIME_WAIT".into(), "wait a minute"),
        Bound::Unknown => ("is in use".into(), SEE_SOCKETS),
    };
    Failure::new(format!("{}: port {port} {by}", cannot_be(act, wanted)), format!("{help}, or {act} other ports"))
}

/// `legal` are the ports for which it would be.
pub(crate) fn illegal_change(act: Restriction, wanted: Wanted, rule: &RestrictionRule, legal: &[String]) -> Failure {
    let help = match legal {
        [] => "start the program with a lower --max-user-port, or under --preset windows-2003-sp1".into(),
        some => format!("{act} ports inside {}", some.join(" or ")),
    };
    Failure::new(format!("{}: {rule}", cannot_be(act, wanted)), help)
}

/// `source` is where it is written down that such entries keep apart.
pub(crate) fn meets(act: Restriction, wanted: Wanted, other: &Entry, source: Option<&str>) -> Failure {
    let (theirs, owner) = (spec::written(&other.range, &other.scopes), whose(&other.maker.owner));
    let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
    let problem = format!("{}: {theirs} is {} already, by {owner}", cannot_be(act, wanted), other.act.done());
    Failure::new(problem, format!("under this model entries keep apart{source}: name other ports, or lift that one"))
}

pub(crate) fn kept_by_policy(act: Restriction, wanted: Wanted, port: u16, source: Option<&str>) -> Failure {
    let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
    let problem = format!("{}: the policy itself reserves or blocks port {port}", cannot_be(act, wanted));
    Failure::new(problem, format!("under this model entries keep apart{source}: name other ports"))
}

pub(crate) fn ledger_full(act: Restriction, wanted: Wanted) -> Failure {
    Failure::new(
        format!(
            "{}: the ledger is full, it holds {} entries",
            cannot_be(act, wanted),
            portshim_policy::region::ENTRIES
        ),
        format!("lift some with `portshim un{act}`, or name ranges"),
    )
}

/// `policy`: whether the policy itself keeps these ports back. `entries` are those that could be
/// lifted.
pub(crate) fn nothing_to_lift(act: Restriction, wanted: Wanted, policy: bool, entries: &[Entry]) -> Failure {
    const MOST: usize = 8;
    let (done, asked) = (act.done(), spec::written(&wanted.range, &wanted.scopes));
    if policy {
        return Failure::new(
            format!("{asked} is {done} by the policy itself, which holds as long as the session"),
            "start the program anew under another policy",
        );
    }
    let problem = match act {
        Restriction::Reserve => format!("no reservation holds all of {asked}"),
        Restriction::Block => format!("no block begins with {}", spec::written(&wanted.range.first(), &wanted.scopes)),
        Restriction::Exhaust => format!("{asked} is not exhausted"),
    };
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| (entry.range, entry.number));
    let mut lines: Vec<_> = sorted
        .iter()
        .take(MOST)
        .map(|entry| {
            let (ports, owner) = (spec::written(&entry.range, &entry.scopes), whose(&entry.maker.owner));
            // Only the option --process lifts one of these.
            if entry.maker.tree { format!("{ports} for {owner} alone") } else { format!("{ports} by {owner}") }
        })
        .collect();
    if sorted.len() > MOST {
        lines.push(format!("and {} more, which `portshim status` shows", sorted.len() - MOST));
    }
    let help = match lines.as_slice() {
        [] => format!("nothing is {done}, unless by the policy itself"),
        lines => format!("{done} are:\n{}", lines.join("\n")),
    };
    Failure::new(problem, help)
}

pub(crate) fn no_scope(name: &str) -> Failure {
    let names = ScopeSet::NAMES.map(|(name, _)| name).join(", ");
    Failure::new(format!("`{}` is no scope", name.escape_debug()), format!("the scopes are {names}"))
}

pub(crate) fn no_count(text: &str) -> Failure {
    Failure::new(format!("`{}` is no number of ports", text.escape_debug()), "--leave takes 0 to 65535")
}

pub(crate) fn no_time(text: &str) -> Failure {
    Failure::new(format!("`{}` is no time", text.escape_debug()), "--for takes times such as 30s, 500ms or 5m")
}

pub(crate) fn no_pid(text: &str) -> Failure {
    Failure::new(
        format!("`{}` is no process", text.escape_debug()),
        "--process takes a process's number; `portshim ps --verbose` lists those of sessions",
    )
}

pub(crate) fn no_process(pid: u32) -> Failure {
    Failure::new(format!("no process {pid} runs"), "`portshim ps --verbose` lists those of sessions")
}

pub(crate) fn no_room() -> Failure {
    Failure::new(
        format!("the session holds {} entries, and there is no room for more", portshim_policy::region::ENTRIES),
        "lift some with `portshim release`, `unreserve` and `unblock`, or leave ports that lie together",
    )
}

/// `offered` are the ports that the policy hands out.
pub(crate) fn only_none(ports: &str, scope: Scope, offered: &str) -> Failure {
    let problem = format!("the session hands out none of {} for {scope}", ports.replace(',', ", "));
    Failure::new(problem, format!("name some of {offered}, or start the program with another --range"))
}

/// Words said where fewer ports could be left than were asked for.
pub(crate) fn fewer_left(asked: u16, left: u32) -> String {
    message("warning", &format!("{asked} ports were to be left, and only {left} are free"), "")
}
