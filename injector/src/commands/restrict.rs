//! `portshim reserve`, `unreserve`, `block` and `unblock`: the ledger of a live session.

use super::ports::allowed;
use super::sessions::target;
use crate::args::Options;
use crate::messages::{self, Bound, Failure, Wanted};
use crate::platform::{self, LiveSession, Process, Socket};
use crate::present;
use portshim_policy::model::Restriction;
use portshim_policy::ports::spec::{self, Spec};
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use portshim_policy::region::{
    Change, Entry, Lift, Maker, Owner, Presence, Process as Place, Refusal, Region, SharedRules, Untold, Whose,
};
use std::thread;
use std::time::Duration;

/// Number of times that the turn to write is asked for, at a millisecond's distance, before that is
/// given up.
const PATIENCE: usize = 2000;

/// Reserves or blocks.
pub(super) fn enter(act: Restriction, args: &Options) -> Result<u32, Failure> {
    let entered = entered(act, &Asked::by(args), &mut present::eprint)?;
    // The handle of a block is its last port.
    let handles =
        entered.iter().filter(|entry| entry.act == Restriction::Block).map(|entry| format!("{}\n", entry.range.last()));
    present::print(&handles.collect::<String>()).map(|()| 0)
}

/// Unreserves or unblocks.
pub(super) fn lift(act: Restriction, args: &Options) -> Result<u32, Failure> {
    let lifted = lifted(act, &Asked::by(args), &mut present::eprint)?;
    let specs = lifted.iter().map(|entry| spec::written(&entry.range, &entry.scopes) + "\n");
    present::print(&specs.collect::<String>()).map(|()| 0)
}

/// Ports, as SPECs, and the session that they are asked of; or one of its processes, for itself and
/// those that descend from it.
pub(super) struct Asked<'a> {
    pub(super) specs: &'a [String],
    pub(super) session: Option<&'a str>,
    pub(super) process: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn by(args: &'a Options) -> Self {
        Self { specs: &args.specs, session: args.session.as_deref(), process: args.process.as_deref() }
    }
}

/// Reserves or blocks; what is to be remarked besides goes to `remark`.
pub(super) fn entered(
    act: Restriction,
    asked: &Asked<'_>,
    remark: &mut dyn FnMut(&str),
) -> Result<Vec<Entry>, Failure> {
    all_or_nothing(asked, act, remark, |change, session, process, wanted| {
        let in_use = |range, scopes| bound(session, range, scopes).map(|socket| socket.map(|socket| socket.port));
        change.enter(act, wanted.range, wanted.scopes, maker_of(process), in_use)
    })
}

/// Unreserves or unblocks.
pub(super) fn lifted(act: Restriction, asked: &Asked<'_>, remark: &mut dyn FnMut(&str)) -> Result<Vec<Entry>, Failure> {
    all_or_nothing(asked, act, remark, |change, _, process, wanted| {
        if process.is_some() {
            // Of those of one process, each ends as it began.
            let whose = Whose::Tree(maker_of(process).owner);
            return change.lift(act, Lift::Exactly(wanted.range), wanted.scopes, whose);
        }
        let which = match act {
            Restriction::Reserve => Lift::Holding(wanted.range),
            Restriction::Block => Lift::From(wanted.range.first()),
            Restriction::Exhaust => Lift::Exactly(wanted.range),
        };
        // What the command line entered goes before what a program did, which is its user's to lift
        // as well.
        let own = change.lift(act, which, wanted.scopes, Whose::Own(Owner::SESSION));
        own.or_else(|_| change.lift(act, which, wanted.scopes, Whose::Any))
    })
}

/// Maker of an entry for a process and those that descend from it; for the whole session, if there
/// is none.
pub(super) fn maker_of(process: Option<&Process>) -> Maker {
    Maker {
        tree: process.is_some(),
        ..process.map_or(Owner::SESSION, |process| process.owner(platform::ticks())).into()
    }
}

/// Changes the ledger for every port that was named, or, where one of them is refused, not at all.
fn all_or_nothing(
    asked: &Asked<'_>,
    act: Restriction,
    remark: &mut dyn FnMut(&str),
    one: impl Fn(&Change<'_>, &LiveSession, Option<&Process>, Wanted) -> Result<Entry, Refusal>,
) -> Result<Vec<Entry>, Failure> {
    let wanted = read(asked.specs)?;
    let (session, process) = target(asked.session, asked.process)?;
    let unreadable = |why: String| messages::unreadable_session(&session.id, &session.path, &why);
    let region = session.region().map_err(unreadable)?;
    let all = |change: &Change<'_>| {
        let mut done = Vec::new();
        for wanted in &wanted {
            match one(change, &session, process.as_ref(), *wanted) {
                Ok(entry) => done.push(entry),
                Err(refusal) => return (done, Some((*wanted, refusal))),
            }
        }
        (done, None)
    };
    let explained = |(wanted, refusal)| explain(&session, region, act, wanted, refusal);
    let before = bare(region);
    let change = begin(region).ok_or_else(|| messages::ledger_busy(&session.id))?;
    if wanted.len() > 1 {
        // Whether all of it can be had is seen on a copy, while nobody else may write.
        let copy = session.snapshot().map_err(unreadable)?;
        let is_alive = |owner: &Owner| !is_writer(owner) && platform::is_alive(owner);
        let rehearsal = Change::begin(&copy, platform::this_thread(), platform::boot_ticks(), is_alive);
        if let Some(refused) = rehearsal.and_then(|rehearsal| all(&rehearsal).1) {
            return Err(explained(refused));
        }
    }
    let (done, refused) = all(&change);
    drop(change);
    if let Some(refused) = refused {
        // A program was quicker to bind one of the ports than we, after the rehearsal.
        if !done.is_empty() {
            remark(&messages::done_in_part(&done));
        }
        return Err(explained(refused));
    }
    if !session.lives() {
        return Err(messages::session_ended(&session.id));
    }
    for ((programs, scopes), (_, had)) in bare(region).iter().zip(before) {
        let taken: Vec<_> = scopes.iter().filter(|scope| !had.contains(*scope)).collect();
        if !taken.is_empty() {
            remark(&messages::nothing_left(act, programs, taken.into_iter().collect()));
        }
    }
    remark_on_sockets(region, Some(act), remark);
    Ok(done)
}

/// Remarks that the sockets of the session's programs go on as they were made, where that is so.
pub(super) fn remark_on_sockets(region: &Region, act: Option<Restriction>, remark: &mut dyn FnMut(&str)) {
    let is_served_so =
        |place: &Place| place.owner().is_some() && matches!(place.presence(), Presence::Supervised { .. });
    if region.header.makes_sockets() && region.processes.all().iter().any(is_served_so) {
        remark(&messages::sockets_go_on(act == Some(Restriction::Block)));
    }
}

/// The scopes that have no port to hand out, for each of the policy's rules; these by the glob over
/// the programs that they are for, which is empty for all others.
fn bare(region: &Region) -> Vec<(String, ScopeSet)> {
    let of = |rules: &SharedRules| {
        let scopes = Scope::ALL.into_iter().filter(|scope| allowed(region, rules, *scope).is_empty());
        (rules.pattern().unwrap_or_default(), scopes.collect())
    };
    region.all_rules().iter().map(of).collect()
}

/// Tells whether the holder of the turn is asked about, rather than the owner of an entry: on a
/// copy nobody writes.
fn is_writer(owner: &Owner) -> bool {
    owner.since == u64::MAX
}

/// Every port that was named, in the order given.
fn read(specs: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut wanted = Vec::new();
    for text in specs {
        let spec: Spec = text.parse().map_err(|e| messages::not_a_spec(text, &e))?;
        wanted.extend(spec.ports.iter().map(|range| Wanted { range: *range, scopes: spec.scopes }));
    }
    Ok(wanted)
}

/// Waits for the turn to write.
pub(super) fn begin(region: &Region) -> Option<Change<'_>> {
    for _ in 0..PATIENCE {
        let change = Change::begin(region, platform::this_thread(), platform::boot_ticks(), platform::is_alive);
        if change.is_some() {
            return change;
        }
        thread::sleep(Duration::from_millis(1));
    }
    None
}

/// A socket, of any process, that is bound to one of these ports where the session's processes are.
pub(super) fn bound(session: &LiveSession, range: PortRange, scopes: ScopeSet) -> Result<Option<Socket>, Untold> {
    let processes = session.processes.iter().map(|process| process.pid);
    // Before its first process has begun, a session is where we are.
    let here = session.processes.is_empty().then(std::process::id);
    let sockets = platform::sockets(processes.chain(here)).map_err(|_| Untold)?;
    let inside = |socket: &Socket| range.contains(socket.port) && socket.scopes.intersects(scopes);
    let listed = sockets.into_iter().filter(inside).min_by_key(|socket| (socket.port, socket.waits()));
    Ok(listed.or_else(|| platform::unlisted(range, scopes)))
}

/// A process that has this socket, as far as this user may know.
fn owner(socket: &Socket) -> Option<Process> {
    let holders = platform::holders(&[socket.inode].into_iter().filter(|inode| *inode != 0).collect());
    holders.of.values().flatten().next().map(|pid| Process::new(*pid))
}

/// Holder of a port, by one of the sockets that have it.
pub(super) fn holder(socket: Option<Socket>) -> Bound {
    match socket {
        Some(socket) if socket.waits() => Bound::Waiting,
        Some(socket) => owner(&socket).map_or(Bound::Unknown, |process| Bound::By(process.pid, process.name)),
        None => Bound::Unknown,
    }
}

/// Words in which the user is told of a refusal.
pub(super) fn explain(
    session: &LiveSession,
    region: &Region,
    act: Restriction,
    wanted: Wanted,
    refusal: Refusal,
) -> Failure {
    match refusal {
        Refusal::Missing => {
            let policy = region.all_rules().iter().any(|rules| {
                let kept = |shared: &portshim_policy::region::SharedScope, port| match act {
                    Restriction::Reserve => shared.reserved.contains(port),
                    Restriction::Block => shared.blocked.contains(port),
                    Restriction::Exhaust => false,
                };
                let held =
                    |scope| (wanted.range.first()..=wanted.range.last()).all(|port| kept(&rules.scope(scope), port));
                wanted.scopes.iter().any(held)
            });
            let entries: Vec<_> = region.ledger.entries().filter(|entry| entry.act == act).collect();
            messages::nothing_to_lift(act, wanted, policy, &entries)
        }
        Refusal::InUse(port) => {
            let socket = bound(session, PortRange::single(port), wanted.scopes).ok().flatten();
            messages::port_in_use(act, wanted, port, &holder(socket))
        }
        Refusal::Illegal(rule) => {
            let legal: Vec<_> = region.legal().intervals(act).map(|range| range.to_string()).collect();
            messages::illegal_change(act, wanted, &rule, &legal)
        }
        Refusal::Meets(other) => messages::meets(act, wanted, &other, region.legal().preset.apart),
        Refusal::Kept(port) => messages::kept_by_policy(act, wanted, port, region.legal().preset.apart),
        Refusal::Full => messages::ledger_full(act, wanted),
        Refusal::Untold => messages::unseen_sockets("it has no sock_diag, and no tables that can be read"),
    }
}
