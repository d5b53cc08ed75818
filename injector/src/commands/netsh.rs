//! `portshim netsh`: netsh's own command lines, against a live session or a policy file.

mod seen;

use super::policy;
use super::restrict::{begin, bound, explain};
use super::sessions::chosen;
use crate::args::{Options, PolicyOptions};
use crate::messages::{self, Failure, Wanted};
use crate::platform::{self, LiveSession};
use crate::present;
use portshim_policy::config::{Layer, Resolved, resolve};
use portshim_policy::model::Restriction;
use portshim_policy::netsh::{self, Ask, Change, Command, CommandError, EditError, Object, Store};
use portshim_policy::ports::{PortRange, Scope, ScopeSet, Transport};
use portshim_policy::region::{Entry, Lift, Owner, Refusal, Whose};
use seen::{Refused, Seen};
use std::io::Write;
use std::path::Path;

/// The exit status of netsh where it did nothing.
const REFUSED: u32 = 1;

pub(super) fn netsh(args: &Options) -> Result<u32, Failure> {
    let line = args.words.join(" ");
    if let Some(usage) = netsh::usage(&line) {
        return present::print(&usage).map(|()| 0);
    }
    let command: Command = match line.parse() {
        Ok(command) => command,
        Err(CommandError::Incorrect(e)) => return refuse((netsh::INCORRECT, e.into())),
        Err(CommandError::Unreadable(e)) => return Err(e.into()),
    };
    let Command { scope, store, ask } = command;
    let refused = match ask {
        Ask::Show(object) => {
            let seen = seen(args, store, scope)?;
            let text = match object {
                Object::DynamicPort => netsh::dynamic_port(protocol(scope), seen.range(scope)?),
                Object::ExcludedPortRange => netsh::excluded_port_ranges(protocol(scope), &seen.listed()),
            };
            return present::print(&text).map(|()| 0);
        }
        Ask::Change(change, range) => match store {
            Store::Active => change_session(args, scope, change, range)?,
            Store::Persistent => change_policy(args, scope, change, range)?,
        },
    };
    match refused {
        Some(refused) => refuse(refused),
        None => present::print(netsh::DONE).map(|()| 0),
    }
}

fn refuse((said, failure): Refused) -> Result<u32, Failure> {
    present::print(said)?;
    present::eprint(&failure.to_string());
    Ok(REFUSED)
}

fn protocol(scope: Scope) -> &'static str {
    match scope.transport() {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// The ports that a command is to show. Where that may be something else than what was meant, the
/// user is told.
fn seen(args: &Options, store: Store, scope: Scope) -> Result<Seen, Failure> {
    if store == Store::Persistent {
        let path = policy::named_or_here(args.policy.file.as_deref());
        return kept(policy::text(&path)?.as_deref(), &path).map(|policy| Seen::of_policy(&policy, scope));
    }
    let store_named = netsh::names_store(&args.words.join(" "));
    let named = args.session.as_deref();
    let lives = !LiveSession::all().is_empty();
    if named.is_some() || args.policy.file.is_none() && lives {
        let session = chosen(named)?;
        let path = policy::named_or_here(None);
        if named.is_none() && !store_named && path.exists() {
            present::eprint(&messages::session_shown(&session.id, &path));
        }
        return Seen::of_session(&session, scope);
    }
    if store_named && !lives {
        present::eprint(messages::NO_SESSION_SHOWN);
    }
    let options = PolicyOptions { file: args.policy.file.clone(), ..PolicyOptions::default() };
    policy::resolved(&options).map(|policy| Seen::of_policy(&policy, scope))
}

/// Policy in the file that keeps what is persistent.
fn kept(text: Option<&str>, path: &Path) -> Result<Resolved, Failure> {
    policy::alone(text.unwrap_or(&netsh::new_file()), path)
}

/// Changes a live session. Says why, where Windows would not.
fn change_session(args: &Options, scope: Scope, change: Change, range: PortRange) -> Result<Option<Refused>, Failure> {
    let session = chosen(args.session.as_deref())?;
    let region = session.region().map_err(|why| messages::unreadable_session(&session.id, &session.path, &why))?;
    let turn = begin(region).ok_or_else(|| messages::ledger_busy(&session.id))?;
    let refusal = match change {
        Change::SetDynamicPort => {
            Seen::of_session(&session, scope)?.hands_out_of(range, scope)?;
            let others = turn.set_dynamic(scope, range);
            if others > 0 {
                present::eprint(&messages::others_unchanged(others));
            }
            return Ok(None);
        }
        Change::AddExcludedPortRange => {
            let seen = Seen::of_session(&session, scope)?;
            if let Some(refused) = seen.meets(range) {
                return Ok(Some(refused));
            }
            seen.hands_out_without(range, scope)?;
            let in_use = |range, scopes| bound(&session, range, scopes).map(|socket| socket.map(|socket| socket.port));
            turn.enter(Restriction::Reserve, range, scope.into(), Owner::SESSION, in_use).err()
        }
        Change::DeleteExcludedPortRange => {
            turn.lift(Restriction::Reserve, Lift::Exactly(range), scope.into(), Whose::Any).err()
        }
    };
    drop(turn);
    let Some(refusal) = refusal else { return Ok(None) };
    if matches!(refusal, Refusal::Missing) {
        return Ok(Some((netsh::MISSING, messages::not_excluded(range, scope))));
    }
    let failure =
        explain(&session, region, Restriction::Reserve, Wanted { range, scopes: ScopeSet::from(scope) }, refusal);
    match refusal {
        Refusal::InUse(_) | Refusal::Meets(_) | Refusal::Kept(_) => Ok(Some((netsh::IN_USE, failure))),
        Refusal::Illegal(_) => Ok(Some((netsh::INCORRECT, failure))),
        Refusal::Full | Refusal::Untold | Refusal::Missing => Err(failure),
    }
}

/// Changes a policy file. Says why, where Windows would not.
fn change_policy(args: &Options, scope: Scope, change: Change, range: PortRange) -> Result<Option<Refused>, Failure> {
    let path = policy::named_or_here(args.policy.file.as_deref());
    let before = policy::text(&path)?;
    // What is wrong with the file as it is has to be told of first.
    let policy = kept(before.as_deref(), &path)?;
    let seen = Seen::of_policy(&policy, scope);
    match change {
        Change::SetDynamicPort => seen.hands_out_of(range, scope)?,
        Change::AddExcludedPortRange => {
            if !policy.legal.allows(Restriction::Reserve, range) && !seen.is_dynamic(range) {
                let rule = policy.legal.rule(Restriction::Reserve);
                return Ok(Some((netsh::INCORRECT, messages::model_excludes_elsewhere(range, &rule))));
            }
            if let Some(refused) = seen.meets(range) {
                return Ok(Some(refused));
            }
            seen.hands_out_without(range, scope)?;
        }
        Change::DeleteExcludedPortRange => {}
    }
    let text = match netsh::edited(before.as_deref(), scope, change, range) {
        Ok(text) => text,
        Err(e @ EditError::Meets(_)) => return Ok(Some((netsh::IN_USE, messages::not_kept(&path, &e)))),
        Err(EditError::Missing) => return Ok(Some((netsh::MISSING, missing(scope, range, &seen, &path)))),
        Err(EditError::Unreadable) => return Err(messages::not_toml(&path)),
    };
    let layer = Layer::from_toml(&text, &path.display().to_string());
    if let Err(problems) = layer.and_then(|layer| resolve(&[layer], &platform::host())) {
        return Err(messages::not_after_that(&path, &problems));
    }
    replace(&path, &text).map_err(|e| messages::policy_unwritable(&path, &e))?;
    if before.is_none() {
        present::eprint(&messages::policy_begun(&path, policy::is_here(&path)));
    }
    Ok(None)
}

/// Reason why a policy file has nothing to delete.
fn missing(scope: Scope, range: PortRange, seen: &Seen, path: &Path) -> Failure {
    if let Some(entry) = seen.excluded.iter().find(|entry| entry.range == range)
        && let Some(origin) = &entry.origin
    {
        return messages::not_netshs(range, entry.administered, origin);
    }
    let near: Vec<_> = (seen.excluded.iter())
        .filter(|entry| entry.range.intersect(range).is_some())
        .filter_map(|entry| entry.origin.as_ref().map(|origin| format!("{}, by {origin}", entry.range)))
        .collect();
    if !near.is_empty() {
        return messages::other_ranges(path, &near);
    }
    let has = |session: &LiveSession| {
        let entered =
            |entry: &Entry| entry.act == Restriction::Reserve && entry.range == range && entry.scopes.contains(scope);
        session.snapshot().is_ok_and(|region| region.ledger.entries().any(|entry| entered(&entry)))
    };
    match LiveSession::all().into_iter().find(has) {
        Some(session) => messages::excluded_in_session(path, range, &session.id),
        None => messages::not_kept(path, &EditError::Missing),
    }
}

/// Puts a file in another's place at once, so that nobody ever reads half of it; who may read it
/// stays.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    match std::fs::metadata(&target) {
        Ok(metadata) => file.as_file().set_permissions(metadata.permissions())?,
        // A temporary file is its owner's alone; a policy is no secret.
        Err(_) => platform::share(file.as_file())?,
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|e| e.error).map(drop)
}
