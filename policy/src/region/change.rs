//! Changing the ledger: one writer at a time, by the rules of the session's model.

use super::layout::Region;
use super::ledger::{ENTRIES, Entry, Ledger, Maker, Owner, Slot};
use super::sets::SharedScope;
use crate::model::{Restriction, RestrictionRule};
use crate::ports::{PortRange, Scope, ScopeSet};
use core::sync::atomic::{Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A writer's turn. It ends when this is dropped, or when its thread is found to be dead.
pub struct Change<'a> {
    region: &'a Region,
    turn: u64,
}

/// Entry that shall be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// The first that holds all of these ports; it goes whole (The Cable Guy, December 2005:
    /// unreserving).
    Holding(PortRange),
    /// The first that begins with this port (the same, unblocking).
    From(u16),
    /// The first of these ports and no others (netsh, deleting an excluded range).
    Exactly(PortRange),
}

/// Whose entries may be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This owner's alone, for the whole session.
    Own(Owner),
    /// This owner's alone, for its own tree of processes.
    Tree(Owner),
    /// Everybody's for the whole session: the user's own word.
    Any,
}

/// The system does not tell which ports are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold;

/// Reason why the ledger stays as it is.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// The model has no such reservation or block.
    Illegal(RestrictionRule),
    /// A socket is bound to this port.
    InUse(u16),
    /// The system does not tell whether a socket is bound there.
    Untold,
    /// The model keeps reservations apart, and these ports meet this entry.
    Meets(Entry),
    /// The model keeps reservations apart, and the policy itself reserves or blocks this port.
    Kept(u16),
    /// There is no room for another entry.
    Full,
    /// There is no such entry.
    Missing,
}

impl<'a> Change<'a> {
    /// Takes the turn for `thread`, if nobody else has it who is alive. Entries of owners that are
    /// gone go with it, and those whose time is over `now`.
    pub fn begin(region: &'a Region, thread: Owner, now: u64, is_alive: impl Fn(&Owner) -> bool) -> Option<Self> {
        let turn = u64::from(thread.process) | u64::from(thread.namespace) << 32;
        let word = &region.ledger.turn;
        if let Err(other) = word.compare_exchange(0, turn, AcqRel, Acquire) {
            let holder = Owner { process: other as u32, namespace: (other >> 32) as u32, since: u64::MAX };
            // Its own number: the one that had it before is gone, for a thread has one turn at a
            // time.
            if other != turn && is_alive(&holder) || word.compare_exchange(other, turn, AcqRel, Acquire).is_err() {
                return None;
            }
        }
        region.ledger.end.store(ENTRIES as u32, Release); // a scribble must not hide what is there
        region.ledger.expire(PortRange::ALL, ScopeSet::ALL, now, is_alive);
        Some(Self { region, turn })
    }

    fn ledger(&self) -> &'a Ledger {
        &self.region.ledger
    }

    /// Enters a reservation or a block. `in_use` asks the system for a port of the range that some
    /// socket, of any process, is bound to; an error means that it does not tell.
    ///
    /// # Errors
    /// [`Refusal`], and the ledger is as it was.
    pub fn enter(
        &self,
        act: Restriction,
        range: PortRange,
        scopes: ScopeSet,
        maker: impl Into<Maker>,
        in_use: impl FnOnce(PortRange, ScopeSet) -> Result<Option<u16>, Untold>,
    ) -> Result<Entry, Refusal> {
        let legal = self.region.legal();
        let allowed = legal.allows(act, range) || act == Restriction::Reserve && self.is_dynamic(range, scopes);
        if !allowed {
            return Err(Refusal::Illegal(legal.rule(act)));
        }
        let apart = legal.preset.apart.is_some();
        let meets = |entry: &Entry| {
            entry.act != Restriction::Exhaust
                && entry.range.intersect(range).is_some()
                && entry.scopes.intersects(scopes)
        };
        if apart && let Some(other) = self.ledger().entries().find(meets) {
            return Err(Refusal::Meets(other));
        }
        if apart && let Some(port) = self.kept_by_policy(range, scopes) {
            return Err(Refusal::Kept(port));
        }
        let slots = &self.ledger().slots;
        let free = slots.iter().find(|slot| slot.ports().range().is_none()).ok_or(Refusal::Full)?;
        let number = self.ledger().next.fetch_add(1, Relaxed);
        let entry = Entry { act, range, scopes, maker: maker.into(), number };
        free.put(&entry);
        // Asked once the entry counts: whoever of the session begins to bind a port there from now
        // on is refused. A bind that is under way may still end inside (docs/fidelity.md).
        let refusal = match act == Restriction::Block || apart {
            true => in_use(range, scopes).map_or(Some(Refusal::Untold), |port| port.map(Refusal::InUse)),
            false => None,
        };
        match refusal {
            Some(refusal) => {
                free.ports.store(free.ports().gone().0, Release);
                Err(refusal)
            }
            None => Ok(entry),
        }
    }

    /// Keeps all of these ports from wildcard binds, as if they were taken, and gives the number of
    /// the entries.
    ///
    /// # Errors
    /// [`Refusal::Full`], and the ledger is as it was.
    pub fn exhaust(
        &self,
        ports: impl Iterator<Item = (PortRange, ScopeSet)> + Clone,
        maker: Maker,
    ) -> Result<u64, Refusal> {
        let mut free = self.ledger().slots.iter().filter(|slot| slot.ports().range().is_none());
        if free.clone().count() < ports.clone().count() {
            return Err(Refusal::Full);
        }
        let number = self.ledger().next.fetch_add(1, Relaxed);
        for ((range, scopes), slot) in ports.zip(&mut free) {
            slot.put(&Entry { act: Restriction::Exhaust, range, scopes, maker, number });
        }
        Ok(number)
    }

    /// Lifts every entry that `fits`, and says how many there were.
    pub fn lift_all(&self, fits: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.ledger().used().iter().filter(|slot| slot.entry().as_ref().is_some_and(&fits));
        entries.map(|slot| slot.ports.store(slot.ports().gone().0, Release)).count()
    }

    /// A port of the range that the policy itself reserves or blocks, for all programs or for some.
    fn kept_by_policy(&self, range: PortRange, scopes: ScopeSet) -> Option<u16> {
        let kept = |port: &u16| {
            let by = |shared: &SharedScope| shared.reserved.contains(*port) || shared.blocked.contains(*port);
            self.region.all_rules().iter().any(|rules| scopes.iter().any(|scope| by(&rules.scope(scope))))
        };
        (range.first()..=range.last()).find(kept)
    }

    /// Makes `range` the dynamic ports of `scope`, for all programs but those whose `[[process]]`
    /// gives them others: says how many of these rules were left as they are.
    pub fn set_dynamic(&self, scope: Scope, range: PortRange) -> usize {
        let Some((general, special)) = self.region.all_rules().split_last() else { return 0 };
        let mut left = 0;
        for rules in special {
            if rules.scope(scope).dynamic.equals(&general.scope(scope).dynamic) {
                rules.replace_dynamic(scope, range);
            } else {
                left += 1;
            }
        }
        general.replace_dynamic(scope, range);
        left
    }

    /// Tells whether all ports of the range are ones that the policy itself would hand out: a
    /// policy may have moved its range, and what is handed out can be reserved.
    fn is_dynamic(&self, range: PortRange, scopes: ScopeSet) -> bool {
        self.region.all_rules().iter().any(|rules| {
            scopes.iter().all(|scope| (range.first()..=range.last()).all(|p| rules.scope(scope).dynamic.contains(p)))
        })
    }

    /// Lifts an entry. A request for all scopes is met by an entry for any of them, if there is
    /// none for all.
    ///
    /// # Errors
    /// [`Refusal::Missing`].
    pub fn lift(&self, act: Restriction, which: Lift, scopes: ScopeSet, whose: Whose) -> Result<Entry, Refusal> {
        let fits = |entry: &Entry| {
            entry.act == act
                && (scopes == ScopeSet::ALL || entry.scopes.contains_all(scopes))
                && match which {
                    Lift::Holding(range) => entry.range.encloses(range),
                    Lift::From(port) => entry.range.first() == port,
                    Lift::Exactly(range) => entry.range == range,
                }
                && match whose {
                    Whose::Own(owner) => !entry.maker.tree && entry.maker.owner.is(&owner),
                    Whose::Tree(owner) => entry.maker.tree && entry.maker.owner.is(&owner),
                    Whose::Any => !entry.maker.tree,
                }
        };
        let found = self.ledger().used().iter().filter_map(|slot| Some((slot, slot.entry().filter(fits)?)));
        let oldest = |(_, entry): &(_, Entry)| (entry.scopes != scopes, entry.number);
        let (slot, entry) = found.min_by_key(oldest).ok_or(Refusal::Missing)?;
        slot.ports.store(slot.ports().gone().0, Release);
        Ok(entry)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let ledger = self.ledger();
        let last = ledger.slots.iter().rposition(|slot: &Slot| slot.ports().range().is_some());
        ledger.end.store(last.map_or(0, |index| index as u32 + 1), Release);
        // Not where another has taken the turn over, having taken us for dead.
        let _ = ledger.turn.compare_exchange(self.turn, 0, Release, Relaxed);
    }
}
