//! Story of a program's run: its events, the ports in use from moment to moment, and the
//! moments in which no port was left.

use super::why::Why;
use crate::commands::ports::{allowed, ranges};
use crate::platform::{self, Session};
use portshim_policy::config::Shown;
use portshim_policy::ports::{PortSet, Scope};
use portshim_policy::region::{Event, Reader, Region, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Number of events that are kept, of samples, and of moments that are told of.
const EVENTS: usize = 10_000;
const SAMPLES: usize = 400;
const MOMENTS: usize = 100;
/// Number of processes that are told apart, in all and in one moment.
const PROCESSES: usize = 10_000;
const CALLERS: usize = 20;
/// Shares of the time that looking at the host's sockets may take: one in so many.
const SHARE: u32 = 10;
/// Time within which requests that find no port count as one moment.
const ONE_MOMENT: Duration = Duration::from_secs(1);

/// Everything that is gathered for a page.
pub(in crate::commands) struct Story {
    pub(super) policy: Shown,
    pub(super) begun: SystemTime,
    pub(super) events: VecDeque<Event>,
    /// Number of events that were read in all, and that came too fast to be read.
    pub(super) read: u64,
    pub(super) lost: u64,
    pub(super) samples: Vec<Sample>,
    pub(super) moments: Vec<Moment>,
    /// Number of moments that are not told of.
    pub(super) further: u64,
    /// Outcomes of the requests of each process, by its number and name.
    pub(super) processes: BTreeMap<(u32, String), Requests>,
    /// Outcomes of those of all further ones.
    pub(super) further_processes: Requests,
    /// Number of times that each port was handed out, by scope.
    pub(super) handed_out: [Vec<u32>; 4],
    reader: Reader,
    clock: Instant,
    /// Time to look again: at how many ports are in use, and at who has them.
    next: Duration,
    next_why: Duration,
    /// Least time between two samples.
    interval: Duration,
}

/// Ports in use at one time.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// In milliseconds since the beginning.
    pub(super) at: u64,
    /// By scope.
    pub(super) scopes: [InUse; 4],
}

/// Ports of one scope's range in use.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct InUse {
    /// Number of sockets of the session that have a port handed out to them.
    pub(super) own: u32,
    /// Number of ports that any socket has, those in TIME_WAIT apart.
    pub(super) open: u32,
    pub(super) waiting: u32,
    /// Number of ports that could be handed out.
    pub(super) allowed: u32,
}

/// Requests that found no port, shortly one after the other.
#[derive(Serialize)]
pub(super) struct Moment {
    pub(super) scope: &'static str,
    /// In milliseconds since the beginning.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) requests: u64,
    /// Callers that met it: process, name, call, and how often.
    pub(super) met: Vec<Met>,
    /// Number of requests of further callers.
    pub(super) further: u64,
    /// Holders of the ports; `null` where the program had ended before anybody could look.
    pub(super) why: Option<Why>,
}

#[derive(PartialEq, Eq, Serialize)]
pub(super) struct Met {
    pub(super) process: u32,
    pub(super) name: String,
    pub(super) call: &'static str,
    pub(super) requests: u64,
}

/// Outcomes of a process's requests.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Requests {
    pub(super) served: u64,
    pub(super) exhausted: u64,
    pub(super) refused: u64,
    pub(super) uncovered: u64,
}

impl Requests {
    pub(super) fn all(&self) -> u64 {
        self.served + self.exhausted + self.refused + self.uncovered
    }
}

impl Story {
    pub(super) fn begin(policy: Shown) -> Self {
        Self {
            policy,
            begun: SystemTime::now(),
            events: VecDeque::new(),
            read: 0,
            lost: 0,
            samples: Vec::new(),
            moments: Vec::new(),
            further: 0,
            processes: BTreeMap::new(),
            further_processes: Requests::default(),
            handed_out: [(); 4].map(|()| vec![0; 1 << 16]),
            reader: Reader::default(),
            clock: Instant::now(),
            next: Duration::ZERO,
            next_why: Duration::ZERO,
            interval: Duration::from_millis(20),
        }
    }

    /// Takes in what has happened since the last time. Tells how much that was.
    pub(in crate::commands) fn go_on(&mut self, session: &Session, region: &Region) -> u64 {
        let (mut reader, before) = (self.reader, self.read);
        let lost = region.events.read(&mut reader, |event| self.note(event));
        self.reader = reader;
        self.lost += lost;
        let now = self.clock.elapsed();
        let unexplained = self.moments.last_mut().filter(|moment| moment.why.is_none() && now >= self.next_why);
        if let Some(moment) = unexplained {
            let late = (now.as_millis() as u64).saturating_sub(moment.last);
            moment.why = Why::of(session, region, moment.scope, late);
            self.next_why = now + (self.clock.elapsed() - now) * SHARE;
        }
        let now = self.clock.elapsed();
        if now >= self.next {
            self.sample(region, now);
            self.next = now + self.interval.max((self.clock.elapsed() - now) * SHARE);
        }
        self.read - before + lost
    }

    /// Time since the beginning, in milliseconds.
    pub(super) fn took(&self) -> u64 {
        self.clock.elapsed().as_millis() as u64
    }

    /// Time since the beginning, in milliseconds, of an event.
    pub(super) fn since(&self, event: &Event) -> u64 {
        let begun = self.begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_nanos(event.time).saturating_sub(begun).as_millis() as u64
    }

    fn note(&mut self, event: Event) {
        let name = name(&event);
        let whose = (event.process, name.clone());
        let is_told_apart = self.processes.len() < PROCESSES || self.processes.contains_key(&whose);
        let requests = match is_told_apart {
            true => self.processes.entry(whose).or_default(),
            false => &mut self.further_processes,
        };
        match event.verdict {
            Verdict::Steered | Verdict::Pinned | Verdict::Shared => {
                requests.served += 1;
                self.handed_out[event.scope.index()][usize::from(event.port)] += 1;
            }
            Verdict::Exhausted => {
                requests.exhausted += 1;
                self.meet(&event, name);
            }
            Verdict::Refused => requests.refused += 1,
            Verdict::Uncovered => requests.uncovered += 1,
            Verdict::Released | Verdict::Specific => return,
        }
        self.read += 1;
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Takes in a request that found no port.
    fn meet(&mut self, event: &Event, name: String) {
        let at = self.since(event);
        let is_same = |moment: &&mut Moment| {
            moment.scope == event.scope.name() && at <= moment.last + ONE_MOMENT.as_millis() as u64
        };
        let met = Met { process: event.process, name, call: event.call.into(), requests: 1 };
        if let Some(moment) = self.moments.iter_mut().rev().take(Scope::ALL.len()).find(is_same) {
            moment.last = at;
            moment.requests += 1;
            let is_it = |other: &&mut Met| (other.process, other.call) == (met.process, met.call);
            let is_full = moment.met.len() == CALLERS;
            match moment.met.iter_mut().find(is_it) {
                Some(before) => before.requests += 1,
                None if is_full => moment.further += 1,
                None => moment.met.push(met),
            }
        } else if self.moments.len() == MOMENTS {
            self.further += 1;
        } else {
            let scope = event.scope.name();
            let met = vec![met];
            self.moments.push(Moment { scope, first: at, last: at, requests: 1, met, further: 0, why: None });
        }
    }

    fn sample(&mut self, region: &Region, now: Duration) {
        let dynamic = ranges(region);
        let mut in_use = [(); 4].map(|()| (PortSet::new(), PortSet::new()));
        // Where the system does not tell, what the session itself knows is all there is.
        for socket in platform::sockets([std::process::id()]).unwrap_or_default() {
            for scope in socket.scopes.iter().map(Scope::index).filter(|scope| dynamic[*scope].contains(socket.port)) {
                let (open, waiting) = &mut in_use[scope];
                let set = if socket.waits() { waiting } else { open };
                set.insert(portshim_policy::ports::PortRange::single(socket.port));
            }
        }
        let lives = |owner: Option<portshim_policy::region::Owner>| owner.as_ref().is_some_and(platform::is_alive);
        let places: Vec<_> = region.processes.all().iter().filter(|place| lives(place.owner())).collect();
        let scopes = Scope::ALL.map(|scope| {
            let (open, mut waiting) = std::mem::take(&mut in_use[scope.index()]);
            waiting.subtract(&open);
            let mut may = PortSet::new();
            region.all_rules().iter().for_each(|rules| may.union(&allowed(region, rules, scope)));
            let held = places.iter().map(|place| place.counts(scope).held.load(Relaxed));
            InUse {
                own: held.fold(0, u32::saturating_add),
                open: open.len(),
                waiting: waiting.len(),
                allowed: may.len(),
            }
        });
        if self.samples.len() == SAMPLES {
            self.thin_out();
        }
        self.samples.push(Sample { at: now.as_millis() as u64, scopes });
    }

    /// Makes one sample of each two, the fuller one, and has half as many made from now on.
    fn thin_out(&mut self) {
        let fullness = |sample: &Sample| sample.scopes.iter().map(|scope| scope.open + scope.waiting).sum::<u32>();
        let pairs = self.samples.chunks(2);
        self.samples = pairs.filter_map(|pair| pair.iter().copied().max_by_key(fullness)).collect();
        self.interval *= 2;
    }
}

/// The name of an event's program.
pub(super) fn name(event: &Event) -> String {
    String::from_utf8_lossy(event.name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
