//! `portshim exhaust`, `only` and `release`: a live session, or one of its processes, out of ports.

use super::ports::allowed;
use super::processes::place_of;
use super::restrict::{begin, maker_of, remark_on_sockets};
use super::sessions::target;
use super::time::duration;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::platform::{self, LiveSession, Process};
use crate::present;
use portshim_policy::model::Restriction;
use portshim_policy::ports::spec::Spec;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, gaps, grouped};
use portshim_policy::region::{Change, Entry, Maker, Owner, Region, SharedRules};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

/// A session, and for whom of it a change is.
struct Target {
    session: LiveSession,
    region: &'static Region,
    /// The process that heads those that the change is for; `None` for the whole session.
    process: Option<Process>,
}

/// Lets no wildcard bind have a port but as many as are to be left.
pub(super) fn exhaust(args: &Options) -> Result<u32, Failure> {
    let scopes = scopes(&args.scopes)?;
    let leave = match &args.leave {
        Some(text) => text.parse::<u16>().map_err(|_| messages::no_count(text))?,
        None => 0,
    };
    let maker_for = maker_for(args)?;
    let target = Target::of(args)?;
    let left = if leave == 0 { BTreeMap::new() } else { target.free(scopes, leave)? };
    let fewest = scopes.iter().map(|scope| left.get(&scope).map_or(0, PortSet::len)).min().unwrap_or(0);
    if fewest < leave.into() {
        present::eprint(&messages::fewer_left(leave, fewest));
    }
    let none = PortSet::new();
    target.withhold(scopes, maker_for(&target), |scope| left.get(&scope).unwrap_or(&none))
}

/// Lets no wildcard bind have a port but these.
pub(super) fn only(args: &Options) -> Result<u32, Failure> {
    let mut kept: BTreeMap<Scope, PortSet> = BTreeMap::new();
    for text in &args.specs {
        let spec: Spec = text.parse().map_err(|e| messages::not_a_spec(text, &e))?;
        for scope in spec.scopes.iter() {
            spec.ports.iter().for_each(|range| kept.entry(scope).or_default().insert(*range));
        }
    }
    let maker_for = maker_for(args)?;
    let target = Target::of(args)?;
    for (scope, ports) in &kept {
        let has = |rules: &SharedRules| target.allowed(rules, *scope);
        let meet = |ours: PortSet| ours.words().iter().zip(ports.words()).any(|(ours, theirs)| ours & theirs != 0);
        if !target.rules().any(|rules| meet(has(rules))) {
            let offered = target.rules().last().map(has).unwrap_or_default();
            return Err(messages::only_none(&ports.to_string(), *scope, &offered.to_string()));
        }
    }
    target.withhold(kept.keys().copied().collect(), maker_for(&target), |scope| &kept[&scope])
}

/// Lifts whatever `exhaust` and `only` did.
pub(super) fn release(args: &Options) -> Result<u32, Failure> {
    let target = Target::of(args)?;
    let fits = |entry: &Entry| {
        entry.act == Restriction::Exhaust
            && match &target.process {
                Some(process) => entry.maker.tree && process.is(&entry.maker.owner),
                None => !entry.maker.tree,
            }
    };
    target.change(|change| change.lift_all(fits)).map(|_| 0)
}

/// Maker of the entries, once it is known for whom they are.
fn maker_for(args: &Options) -> Result<impl Fn(&Target) -> Maker, Failure> {
    let time = args.time.as_deref().map(duration).transpose()?;
    Ok(move |target: &Target| Maker {
        until: time.map_or(0, |time| platform::boot_ticks().saturating_add((time.as_millis() / 10) as u64).max(1)),
        ..maker_of(target.process.as_ref())
    })
}

/// The scopes that were named, or all.
fn scopes(names: &[String]) -> Result<ScopeSet, Failure> {
    let named = names.iter().map(|name| ScopeSet::named(name).ok_or_else(|| messages::no_scope(name)));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    Ok(if named.is_empty() { ScopeSet::ALL } else { named.iter().flat_map(|scopes| scopes.iter()).collect() })
}

impl Target {
    fn of(args: &Options) -> Result<Self, Failure> {
        let (session, process) = target(args.session.as_deref(), args.process.as_deref())?;
        let unreadable = |why: String| messages::unreadable_session(&session.id, &session.path, &why);
        let region = session.region().map_err(unreadable)?;
        Ok(Self { session, region, process })
    }

    /// The rules that the processes in question may be under: those of all others come last.
    fn rules(&self) -> impl Iterator<Item = &'static SharedRules> {
        let place = self.process.as_ref().and_then(|process| place_of(process, self.region));
        let number = place.map(|place| place.rules.load(Relaxed) as usize);
        let all = self.region.all_rules().iter().enumerate();
        all.filter(move |(index, _)| number.is_none_or(|number| number == *index)).map(|(_, rules)| rules)
    }

    /// The ports that wildcard binds of `scope` may get, as far as that is known of the target.
    fn allowed(&self, rules: &SharedRules, scope: Scope) -> PortSet {
        let mut ports = allowed(self.region, rules, scope);
        let is_own = |owner: &Owner| self.process.as_ref().is_some_and(|process| process.is(owner));
        let own = |entry: &Entry| entry.maker.tree && entry.scopes.contains(scope) && is_own(&entry.maker.owner);
        self.region.ledger.entries().filter(own).for_each(|entry| ports.remove(entry.range));
        ports
    }

    /// Of each scope the lowest ports that wildcard binds may get and nobody uses, `count` at most.
    fn free(&self, scopes: ScopeSet, count: u16) -> Result<BTreeMap<Scope, PortSet>, Failure> {
        let processes = self.session.processes.iter().map(|process| process.pid);
        let sockets = platform::sockets(processes.chain([std::process::id()]));
        let sockets = sockets.map_err(|why| messages::unseen_sockets(&why))?;
        let of = |scope: Scope| {
            let Some(rules) = self.rules().last() else { return PortSet::new() };
            let mut ports = self.allowed(rules, scope);
            ports.subtract(&self.region.kept_back(scope).ports());
            let here = sockets.iter().filter(|socket| socket.scopes.contains(scope));
            here.for_each(|socket| ports.remove(PortRange::single(socket.port)));
            let singles = ports.runs().flat_map(|run| run.first()..=run.last()).take(count.into());
            singles.map(PortRange::single).collect()
        };
        Ok(scopes.iter().map(|scope| (scope, of(scope))).collect())
    }

    /// Keeps all ports of `scopes` but those of `left` from wildcard binds.
    fn withhold<'a>(
        &self,
        scopes: ScopeSet,
        maker: Maker,
        left: impl Fn(Scope) -> &'a PortSet,
    ) -> Result<u32, Failure> {
        let mut ports = Vec::new();
        for (alike, left) in grouped(scopes.iter(), &left) {
            let scopes: ScopeSet = alike.into_iter().collect();
            let left: Vec<_> = left.runs().collect();
            ports.extend(gaps(&left).map(|range| (range, scopes)));
        }
        self.change(|change| change.exhaust(ports.iter().copied(), maker))?.map_err(|_| messages::no_room())?;
        Ok(0)
    }

    fn change<T>(&self, change: impl FnOnce(&Change<'_>) -> T) -> Result<T, Failure> {
        let turn = begin(self.region).ok_or_else(|| messages::ledger_busy(&self.session.id))?;
        let done = change(&turn);
        drop(turn);
        remark_on_sockets(self.region, None, &mut present::eprint);
        if self.session.lives() { Ok(done) } else { Err(messages::session_ended(&self.session.id)) }
    }
}
