//! `portshim netsh`: netsh's own command lines, against a live session or a policy file.

use super::changing::{Wanted, begin, bound, explain};
use super::ports::set;
use super::sessions::chosen;
use crate::cli::{Netsh, PolicyOptions};
use crate::failure::Failure;
use crate::platform::{self, LiveSession};
use crate::{output, policy, wording};
use portshim_policy::text::Resolved;
use portshim_policy::text::netsh::{self, Command, EditError, Store};
use portshim_policy::{Act, Lift, Owner, PortRange, PortSet, Refusal, Scope, ScopeSet, Transport, Whose};
use std::io::Write;
use std::path::Path;

/// The exit status of netsh where it did nothing.
const REFUSED: u8 = 1;

/// What netsh says where it refuses, and what there is to add to it.
type Refused = (&'static str, Failure);

pub(super) fn netsh(args: &Netsh) -> Result<u8, Failure> {
    let line = args.words.join(" ");
    let command: Command = line.parse().map_err(|e| wording::not_netsh(&e))?;
    let refused = match command {
        Command::ShowDynamicPort { scope, store } => {
            let range = ports(args, store, scope)?.range(scope)?;
            return output::print(&netsh::dynamic_port(protocol(scope), range)).map(|()| 0);
        }
        Command::ShowExcludedPortRange { scope, store } => {
            let excluded = ports(args, store, scope)?.excluded();
            return output::print(&netsh::excluded_port_ranges(protocol(scope), &excluded)).map(|()| 0);
        }
        Command::SetDynamicPort { store, .. }
        | Command::AddExcludedPortRange { store, .. }
        | Command::DeleteExcludedPortRange { store, .. } => match store {
            Store::Active => change(args, &command)?,
            Store::Persistent => keep(args, &command)?,
        },
    };
    let Some((said, failure)) = refused else { return output::print(netsh::DONE).map(|()| 0) };
    output::print(said)?;
    output::complain(&failure.to_string());
    Ok(REFUSED)
}

fn protocol(scope: Scope) -> &'static str {
    match scope.transport() {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// The ports of one scope, as netsh sees them.
struct Ports {
    dynamic: PortSet,
    /// What an administrator excluded: reserved ports.
    administered: Vec<PortRange>,
    /// What belongs to some program: blocked ports.
    others: Vec<PortRange>,
}

impl Ports {
    fn of_session(session: &LiveSession, scope: Scope) -> Result<Self, Failure> {
        let region = session.snapshot().map_err(|why| wording::unreadable_session(session, &why))?;
        let none = || wording::unreadable_session(session, "it holds no rules");
        let rules = region.all_rules().last().ok_or_else(none)?;
        let shared = rules.scope(scope);
        let live = |act| region.ledger.entries().filter(move |e| e.act == act && e.scopes.contains(scope));
        let all = |ports: &PortSet, act| ports.runs().chain(live(act).map(|entry| entry.range)).collect();
        Ok(Self {
            dynamic: set(&shared.dynamic),
            administered: all(&set(&shared.reserved), Act::Reserve),
            others: all(&set(&shared.blocked), Act::Block),
        })
    }

    fn of_policy(policy: &Resolved, scope: Scope) -> Self {
        let general = policy.rules.last().map(|rules| rules.scope(scope).clone()).unwrap_or_default();
        Self {
            dynamic: general.dynamic,
            administered: general.reserved.runs().collect(),
            others: general.blocked.runs().collect(),
        }
    }

    /// The dynamic range. netsh knows of one; where there are several, the user is told.
    fn range(&self, scope: Scope) -> Result<PortRange, Failure> {
        let mut runs = self.dynamic.runs();
        let first = runs.next().ok_or_else(|| wording::nothing_dynamic(scope))?;
        match runs.last() {
            None => Ok(first),
            Some(last) => {
                output::complain(&wording::range_with_holes(scope, &self.dynamic));
                Ok(PortRange::new(first.first(), last.last()).unwrap_or(first))
            }
        }
    }

    /// All that is excluded, ascending, and what of it an administrator did.
    fn excluded(&self) -> Vec<(PortRange, bool)> {
        let administered = self.administered.iter().map(|range| (*range, true));
        let mut all: Vec<_> = administered.chain(self.others.iter().map(|range| (*range, false))).collect();
        all.sort_unstable();
        all
    }

    /// What is excluded of `range`.
    fn excluded_of(&self, range: PortRange) -> PortSet {
        self.administered.iter().chain(&self.others).filter_map(|other| other.intersect(range)).collect()
    }
}

/// The ports that a command is to show.
fn ports(args: &Netsh, store: Store, scope: Scope) -> Result<Ports, Failure> {
    if store == Store::Persistent {
        let path = policy::named_or_here(args.file.as_deref());
        let text = policy::text(&path)?.unwrap_or_else(netsh::new_file);
        return Ok(Ports::of_policy(&policy::alone(&text, &path)?, scope));
    }
    let named = args.session.session.as_deref();
    if named.is_some() || args.file.is_none() && !LiveSession::all().is_empty() {
        return Ports::of_session(&chosen(named)?, scope);
    }
    let options = PolicyOptions { file: args.file.clone(), ..PolicyOptions::default() };
    policy::resolved(&options).map(|policy| Ports::of_policy(&policy, scope))
}

/// Changes a live session. Says why, where Windows would not.
fn change(args: &Netsh, command: &Command) -> Result<Option<Refused>, Failure> {
    let session = chosen(args.session.session.as_deref())?;
    let region = session.region().map_err(|why| wording::unreadable_session(&session, &why))?;
    let change = begin(region).ok_or_else(|| wording::ledger_busy(&session))?;
    let (scope, range, refusal) = match *command {
        Command::SetDynamicPort { scope, range, .. } => {
            change.set_dynamic(scope, range);
            return Ok(None);
        }
        Command::AddExcludedPortRange { scope, range, .. } => {
            let met = Ports::of_session(&session, scope)?.excluded_of(range);
            if !met.is_empty() {
                return Ok(Some((netsh::IN_USE, wording::excluded_already(range, &met))));
            }
            let in_use = |range, scopes| bound(&session, range, scopes).map(|socket| socket.map(|socket| socket.port));
            let entered = change.enter(Act::Reserve, range, scope.into(), Owner::SESSION, in_use);
            (scope, range, entered.err())
        }
        Command::DeleteExcludedPortRange { scope, range, .. } => {
            let lifted = change.lift(Act::Reserve, Lift::Exactly(range), scope.into(), Whose::Any);
            (scope, range, lifted.err())
        }
        Command::ShowDynamicPort { .. } | Command::ShowExcludedPortRange { .. } => return Ok(None),
    };
    drop(change);
    let Some(refusal) = refusal else { return Ok(None) };
    if matches!(refusal, Refusal::Missing) {
        return Ok(Some((netsh::MISSING, wording::not_excluded(range, scope))));
    }
    let failure = explain(&session, region, Act::Reserve, Wanted { range, scopes: ScopeSet::from(scope) }, refusal);
    match refusal {
        Refusal::InUse(_) | Refusal::Meets(_) | Refusal::Kept(_) => Ok(Some((netsh::IN_USE, failure))),
        Refusal::Illegal(_) | Refusal::Full | Refusal::Untold | Refusal::Missing => Err(failure),
    }
}

/// Changes a policy file. Says why, where Windows would not.
fn keep(args: &Netsh, command: &Command) -> Result<Option<Refused>, Failure> {
    let path = policy::named_or_here(args.file.as_deref());
    let before = policy::text(&path)?;
    // What is wrong with the file as it is has to be told of first.
    if let Some(text) = &before {
        policy::alone(text, &path)?;
    }
    let text = match after(before.as_deref(), command, &path)? {
        Ok(text) => text,
        Err(refused) => return Ok(Some(refused)),
    };
    policy::alone(&text, &path).map_err(|failure| wording::not_after_that(&path, &failure))?;
    replace(&path, &text).map_err(|e| wording::policy_unwritable(&path, &e))?;
    Ok(None)
}

/// The text of a policy file after a change, or what netsh would say.
fn after(text: Option<&str>, command: &Command, path: &Path) -> Result<Result<String, Refused>, Failure> {
    match netsh::edited(text, command) {
        Ok(text) => Ok(Ok(text)),
        Err(e @ EditError::Meets(_)) => Ok(Err((netsh::IN_USE, wording::not_kept(path, &e)))),
        Err(e @ EditError::Missing) => Ok(Err((netsh::MISSING, wording::not_kept(path, &e)))),
        Err(EditError::Unreadable) => Err(wording::not_toml(path)),
    }
}

/// Puts a file in another's place at once, so that nobody ever reads half of it; who may read it stays.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    match std::fs::metadata(&target) {
        Ok(metadata) => file.as_file().set_permissions(metadata.permissions())?,
        // A temporary file is its owner's alone; a policy is no secret.
        Err(_) => file.as_file().set_permissions(platform::usual_permissions())?,
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|e| e.error).map(drop)
}
