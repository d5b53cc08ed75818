//! The processes of a session that have asked for a port, and what became of their requests.

use super::events::NAME;
use super::ledger::Owner;
use super::text;
use crate::ports::Scope;
use core::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use zerocopy::{FromBytes, IntoBytes};

/// Number of processes a session keeps apart. Where more are alive at once, the totals still count
/// them all.
pub const PROCESSES: usize = 256;

/// One process's requests in one scope.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Counts {
    /// Requests that got a port.
    pub served: AtomicU64,
    /// Requests that got none.
    pub exhausted: AtomicU64,
    /// Specific binds refused because the port is blocked.
    pub refused: AtomicU64,
    /// Sockets that were handed a port and have not been closed.
    pub held: AtomicU32,
    /// Requests that were left to the system, because the program's sandbox left no way to serve
    /// them.
    pub uncovered: AtomicU32,
}

/// Progress of the guest on its way into a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there, without these hooks: a bit for each, by its place in its system's table.
    Here {
        /// The bits.
        missing: u32,
    },
    /// It is there: a supervisor has brought it in.
    Brought,
    /// It was sent for, and has not said that it is there.
    Awaited,
    /// It cannot come in: the process runs for another machine.
    OtherMachine,
    /// It cannot come in.
    Unreached,
    /// It is not there: a supervisor serves the process from outside.
    Supervised {
        /// Set if the process has set up io_uring, whose requests nobody sees.
        ring: bool,
    },
}

impl Presence {
    const HOOKS: u32 = (1 << 24) - 1;
    const AWAITED: u32 = 1 << 24;
    const OTHER_MACHINE: u32 = 2 << 24;
    const UNREACHED: u32 = 3 << 24;
    const SUPERVISED: u32 = 4 << 24;
    const BROUGHT: u32 = 5 << 24;

    const fn to_word(self) -> u32 {
        match self {
            Self::Here { missing } => missing & Self::HOOKS,
            Self::Brought => Self::BROUGHT,
            Self::Awaited => Self::AWAITED,
            Self::OtherMachine => Self::OTHER_MACHINE,
            Self::Unreached => Self::UNREACHED,
            Self::Supervised { ring } => Self::SUPERVISED | ring as u32,
        }
    }

    const fn of_word(word: u32) -> Self {
        match word & !Self::HOOKS {
            0 => Self::Here { missing: word },
            Self::BROUGHT => Self::Brought,
            Self::AWAITED => Self::Awaited,
            Self::OTHER_MACHINE => Self::OtherMachine,
            Self::SUPERVISED => Self::Supervised { ring: word & Self::HOOKS != 0 },
            _ => Self::Unreached,
        }
    }
}

/// One process.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Process {
    /// Process and PID namespace; 0 where there is none.
    id: AtomicU64,
    /// 0 where it has not said so yet.
    since: AtomicU64,
    name: [AtomicU64; NAME / 8],
    /// Number of the set of rules that it is under, counted from 0.
    pub rules: AtomicU32,
    /// A [`Presence`].
    presence: AtomicU32,
    counts: [Counts; 4],
    /// Counts of one process. They shall not lie in a cache line with what the next one does.
    _apart: [AtomicU64; 3],
}

impl Process {
    /// Owner of this place; `None` where this place is free.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.who().map(owner)
    }

    /// Parts that [`Process::owner`] is made of. `None` also where the place is changing hands.
    fn who(&self) -> Option<(u64, u64)> {
        let id = self.id.load(Acquire);
        let since = self.since.load(Acquire);
        (id != 0 && self.id.load(Relaxed) == id).then_some((id, since))
    }

    /// The name that it goes by, as an event carries it.
    #[must_use]
    pub fn name(&self) -> [u8; NAME] {
        text::load(&self.name)
    }

    /// Progress of the guest on its way into it.
    #[must_use]
    pub fn presence(&self) -> Presence {
        Presence::of_word(self.presence.load(Relaxed))
    }

    /// Says how far the guest has come into it.
    pub fn set_presence(&self, presence: Presence) {
        self.presence.store(presence.to_word(), Relaxed);
    }

    /// Outcomes of its requests in one scope.
    #[must_use]
    pub fn counts(&self, scope: Scope) -> &Counts {
        &self.counts[scope.index()]
    }

    fn begin(&self, me: &Owner, name: &[u8; NAME], rules: u32) {
        self.since.store(0, Relaxed);
        for counts in &self.counts {
            for counter in [&counts.served, &counts.exhausted, &counts.refused] {
                counter.store(0, Relaxed);
            }
            counts.held.store(0, Relaxed);
            counts.uncovered.store(0, Relaxed);
        }
        text::store(&self.name, name);
        self.rules.store(rules, Relaxed);
        self.presence.store(0, Relaxed);
        self.since.store(me.since, Release);
    }
}

fn owner((id, since): (u64, u64)) -> Owner {
    // Of one that has only just come in, its number alone tells whether it lives.
    let since = if since == 0 { u64::MAX } else { since };
    Owner { process: id as u32, namespace: (id >> 32) as u32, since }
}

/// The table of processes, all zeroes when empty.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Processes {
    /// They lie in this many places from the first on, at most.
    end: AtomicU32,
    /// Time when it was last looked thoroughly for processes that are gone.
    looked: AtomicU32,
    places: [Process; PROCESSES],
}

impl Processes {
    /// The places that may be taken.
    #[must_use]
    pub fn all(&self) -> &[Process] {
        &self.places[..(self.end.load(Acquire) as usize).min(PROCESSES)]
    }

    /// The place that a supervisor has taken for `me`, with what it has counted so far, for the
    /// guest in it. `None` where that was for another program, or for a process that had its number
    /// before it began.
    pub fn join(&self, me: &Owner, name: &[u8; NAME], began: impl Fn() -> u64) -> Option<&Process> {
        let is_its = |owner: Owner| owner.is(me) && owner.since >= began();
        let served =
            |place: &&Process| matches!(place.presence(), Presence::Supervised { .. }) && place.name() == *name;
        let place = self.all().iter().filter(served).find(|place| place.owner().is_some_and(is_its))?;
        // That it has a ring stays told.
        if place.presence() == (Presence::Supervised { ring: false }) {
            place.set_presence(Presence::Here { missing: 0 });
        }
        Some(place)
    }

    /// A place for `me`: its own from before it became another program, a free one, or that of a
    /// process that is gone. `None` where all are taken by the living.
    pub fn enter(
        &self,
        me: &Owner,
        name: &[u8; NAME],
        rules: u32,
        is_alive: impl Fn(&Owner) -> bool,
    ) -> Option<&Process> {
        let id = u64::from(me.process) | u64::from(me.namespace) << 32;
        let take = |place: &Process, old: u64| place.id.compare_exchange(old, id, AcqRel, Relaxed).is_ok();
        let free = |place: &&Process| match place.id.load(Relaxed) {
            0 => take(place, 0),
            old => old == id,
        };
        // Its time goes before its number does: nobody must find us there with the time of the
        // dead, and take us for dead as well.
        let left = |place: &&Process| {
            let clear = |since| place.since.compare_exchange(since, 0, AcqRel, Relaxed).is_ok();
            place.who().is_some_and(|who| !is_alive(&owner(who)) && clear(who.1) && take(place, who.0))
        };
        let index = self.places.iter().position(|place| free(&place));
        let index = index.or_else(|| self.places.iter().position(|place| left(&place)))?;
        let place = &self.places[index];
        place.begin(me, name, rules);
        self.end.fetch_max(index as u32 + 1, Release);
        Some(place)
    }

    /// Number of sockets that hold a port that `scope` of the rules of `own` handed out, all
    /// processes together. Where that is more than `most`, processes that are gone are looked for,
    /// and no longer counted: `exists` is asked about each but `own`, and `is_alive`, which takes
    /// much longer, the first time in each moment, be it by whom it may.
    #[inline]
    pub fn held(
        &self,
        own: &Process,
        scope: Scope,
        most: u32,
        moment: impl FnOnce() -> u32,
        exists: impl Fn(&Owner) -> bool,
        is_alive: impl Fn(&Owner) -> bool,
    ) -> u32 {
        let sum = self.sum_held(own.rules.load(Relaxed), scope);
        if sum <= most { sum } else { self.held_by_the_living(own, scope, moment, exists, is_alive) }
    }

    #[inline]
    fn sum_held(&self, rules: u32, scope: Scope) -> u32 {
        let under = self.all().iter().filter(|place| place.rules.load(Relaxed) == rules);
        under.map(|place| place.counts(scope).held.load(Relaxed)).fold(0, u32::saturating_add)
    }

    #[cold]
    fn held_by_the_living(
        &self,
        own: &Process,
        scope: Scope,
        moment: impl FnOnce() -> u32,
        exists: impl Fn(&Owner) -> bool,
        is_alive: impl Fn(&Owner) -> bool,
    ) -> u32 {
        let rules = own.rules.load(Relaxed);
        let moment = moment();
        let thorough = self.looked.swap(moment, Relaxed) != moment;
        for place in self.all().iter().filter(|place| place.rules.load(Relaxed) == rules) {
            if core::ptr::eq(place, own) || place.counts(scope).held.load(Relaxed) == 0 {
                continue;
            }
            let is_gone = |owner| !exists(&owner) || thorough && !is_alive(&owner);
            let left = place.id.load(Relaxed) == 0 || place.owner().is_some_and(is_gone);
            if left {
                place.counts.iter().for_each(|counts| counts.held.store(0, Relaxed));
            }
        }
        self.sum_held(rules, scope)
    }
}

const _: () = {
    assert!(size_of::<Process>() == 24 + NAME + 4 * size_of::<Counts>() + 24);
    assert!(size_of::<Process>().is_multiple_of(64));
    assert!(size_of::<Processes>() == 8 + PROCESSES * size_of::<Process>());
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::layout::Region;

    fn process(process: u32) -> Owner {
        Owner { process, namespace: 7, since: 5 }
    }

    #[test]
    fn a_place_is_joined_by_the_process_that_it_was_taken_for() {
        let region = Region::boxed(&[]);
        let all = &region.processes;
        let place = all.enter(&process(1), b"a-program-of-16b", 3, |_| true).unwrap();
        let join = |n, name, began| all.join(&process(n), name, || began).map(core::ptr::from_ref);
        assert_eq!(join(1, b"a-program-of-16b", 5), None, "it is no supervisor's");
        place.set_presence(Presence::Supervised { ring: false });
        assert_eq!(join(2, b"a-program-of-16b", 5), None);
        assert_eq!(join(1, b"another-program-", 5), None);
        assert_eq!(join(1, b"a-program-of-16b", 6), None, "that one has ended");
        assert_eq!(join(1, b"a-program-of-16b", 5), Some(core::ptr::from_ref(place)));
        assert_eq!(place.presence(), Presence::Here { missing: 0 });
    }

    #[test]
    fn a_process_keeps_its_place_and_the_dead_make_room() {
        let region = Region::boxed(&[]);
        let enter = |n: u32, alive: &dyn Fn(&Owner) -> bool| {
            region.processes.enter(&process(n), b"a-program-of-16b", 3, alive).map(core::ptr::from_ref)
        };
        let first = enter(1, &|_| true).unwrap();
        assert_eq!(enter(1, &|_| true), Some(first));
        for n in 2..=PROCESSES as u32 {
            assert!(enter(n, &|_| true).is_some_and(|place| place != first), "{n}");
        }
        assert_eq!(enter(9999, &|_| true), None);
        assert_eq!(enter(9999, &|owner| owner.process != 1), Some(first));
        let place = &region.processes.all()[0];
        assert_eq!(place.presence(), Presence::Here { missing: 0 });
        let absent = [Presence::Brought, Presence::Awaited, Presence::OtherMachine, Presence::Unreached];
        let supervised = [false, true].map(|ring| Presence::Supervised { ring });
        for presence in absent.into_iter().chain(supervised).chain([Presence::Here { missing: 5 }]) {
            place.set_presence(presence);
            assert_eq!(place.presence(), presence);
        }
        assert!(
            enter(9999, &|_| true).is_some() && place.presence() == Presence::Here { missing: 0 },
            "it begins anew"
        );
        assert_eq!(
            (place.owner(), &place.name(), place.rules.load(Relaxed)),
            (Some(process(9999)), b"a-program-of-16b", 3)
        );
    }

    #[test]
    fn what_the_dead_held_is_not_counted_in_a_record() {
        let region = Region::boxed(&[]);
        for (n, rules, held) in [(1, 0, 3), (2, 0, 4), (3, 1, 100)] {
            let place = region.processes.enter(&process(n), &[0; NAME], rules, |_| true).unwrap();
            place.counts(Scope::Udp4).held.store(held, Relaxed);
        }
        let own = region.processes.enter(&process(4), &[0; NAME], 0, |_| true).unwrap();
        own.counts(Scope::Udp4).held.store(5, Relaxed);
        let held = |most, moment, missing: u32, dead: u32| {
            let exists = |owner: &Owner| owner.process != missing;
            let is_alive = |owner: &Owner| owner.process != 4 && owner.process != dead;
            region.processes.held(own, Scope::Udp4, most, || moment, exists, is_alive)
        };
        assert_eq!(held(12, 1, 1, 0), 12);
        assert_eq!(held(11, 1, 1, 0), 9);
        // One look a moment finds those that exist, and are dead; nobody doubts that it lives
        // itself.
        assert_eq!(held(0, 1, 0, 2), 9);
        assert_eq!(held(0, 2, 0, 2), 5);
    }
}
