//! Walks: the allowed ports, each once, in an order of choice.

use super::candidates::Candidates;
use super::request::Request;
use crate::entropy::Entropy;
use crate::model::{Call, Order};
use crate::ports::{Parity, PortRange, Transport};
use crate::region::{BusyPorts, ScopeCounters};
use core::sync::atomic::Ordering::Relaxed;

/// RFC 6056 §3.3.5 suggests 500 as the trade-off between reuse distance and predictability.
const INCREMENT: u32 = 500;

/// Number of ports in a row that may be drawn and are believed taken: then a sweep, which starts at
/// random as well, finds a free one faster.
const PATIENCE: u32 = 256;

/// One pass over the allowed ports of a window, starting in its midst and wrapping.
#[derive(Clone, Copy)]
struct Sweep {
    window: PortRange,
    parity: Parity,
    start: u16,
    down: bool,
}

/// The position of a walk.
#[derive(Clone, Copy)]
struct Cursor {
    at: u16,
    wrapped: bool,
}

/// The ports of a view, each once, in an order of choice.
pub(crate) struct Walk {
    /// Tries left that a draw decides, before the sweeps.
    draws: u32,
    increments: bool,
    sweeps: [Option<Sweep>; 4],
    current: usize,
    place: Option<Cursor>,
    rover: bool,
}

impl Walk {
    pub(crate) fn new(
        order: Order,
        request: &Request,
        view: &Candidates<'_>,
        live: &ScopeCounters,
        entropy: &mut impl Entropy,
    ) -> Self {
        let mut walk = Self { draws: 0, increments: false, sweeps: [None; 4], current: 0, place: None, rover: false };
        let Some(hull) = view.hull() else { return walk };
        let up = |start| Sweep { window: hull, parity: Parity::Any, start, down: false };
        let ranked = |rank: u32| view.ranked(rank).unwrap_or(hull.first());
        walk.sweeps[0] = Some(match order {
            Order::Native => {
                walk.native(request, view, hull, live, entropy);
                return walk;
            }
            Order::Sequential => {
                walk.rover = true;
                up(live.rover_up(hull.first()))
            }
            Order::Descending => {
                walk.rover = true;
                Sweep { down: true, ..up(live.rover_down(hull.last())) }
            }
            Order::RandomStart => up(ranked(entropy.below(view.count()))),
            Order::Random => {
                walk.draws = view.count();
                up(ranked(entropy.below(view.count())))
            }
            Order::Hash => {
                let next = live.counter.fetch_add(1, Relaxed);
                up(ranked((request.peer as u32).wrapping_add(next) % view.count().max(1)))
            }
            Order::DoubleHash => {
                let next = live.perturb(request.peer, 1);
                up(ranked((request.peer as u32).wrapping_add(next) % view.count().max(1)))
            }
            Order::RandomIncrement => {
                walk.draws = view.count();
                walk.increments = true;
                up(ranked(entropy.below(view.count())))
            }
        });
        walk
    }

    /// Linux's own order over `hull`, as sweeps. Where a sweep starts is drawn among the ports of
    /// the view: drawn from the hull, every start in a hole would lead to the one port behind it.
    fn native(
        &mut self,
        request: &Request,
        view: &Candidates<'_>,
        hull: PortRange,
        live: &ScopeCounters,
        entropy: &mut impl Entropy,
    ) {
        let low = Parity::of(hull.first());
        let whole = view.as_range();
        let mut draw = |window: PortRange| {
            if whole.is_some_and(|range| range.encloses(window)) {
                return window.first() + entropy.below(window.len()) as u16;
            }
            let view = view.within(window);
            view.ranked(entropy.below(view.count())).unwrap_or(window.first())
        };
        match (request.call, request.scope.transport()) {
            (_, Transport::Udp) => {
                let start = draw(hull);
                self.sweeps[0] = Some(Sweep { window: hull, parity: Parity::Any, start, down: false });
            }
            (Call::Connect | Call::Send, Transport::Tcp) => {
                // The kernel moves the table's entry on by up to seven steps of two.
                let next = live.perturb(request.peer, 2 + 2 * entropy.below(8));
                let rank = (request.peer as u32).wrapping_add(next);
                let start = match whole {
                    Some(range) => range.first() + (rank % range.len()) as u16,
                    None => view.ranked(rank % view.count().max(1)).unwrap_or(hull.first()),
                };
                for (slot, parity) in [low, low.other()].into_iter().enumerate() {
                    self.sweeps[slot] = Some(Sweep { window: hull, parity, start, down: false });
                }
            }
            (Call::Bind | Call::Listen, Transport::Tcp) => {
                let mut windows = [hull, hull];
                let mut count = 1;
                if request.reuse && hull.len() >= 4 {
                    // With SO_REUSEADDR the lower half is tried first, to keep the upper for
                    // connect.
                    let half = hull.first() + ((hull.len() >> 2) << 1) as u16;
                    if let (Ok(lower), Ok(upper)) =
                        (PortRange::new(hull.first(), half - 1), PortRange::new(half, hull.last()))
                    {
                        (windows, count) = ([lower, upper], 2);
                    }
                }
                for (slots, window) in self.sweeps.chunks_exact_mut(2).zip(windows).take(count) {
                    let start = draw(window);
                    slots[0] = Some(Sweep { window, parity: low.other(), start, down: false });
                    slots[1] = Some(Sweep { window, parity: low, start, down: false });
                }
            }
        }
    }

    /// The next port to try, or `None` once every one has been proposed; without those that `hint`
    /// believes taken.
    pub(crate) fn next(
        &mut self,
        view: &Candidates<'_>,
        hint: Option<&BusyPorts>,
        live: &ScopeCounters,
        entropy: &mut impl Entropy,
    ) -> Option<u16> {
        let mut patience = PATIENCE;
        while self.draws > 0 {
            self.draws -= 1;
            let count = view.count();
            let rank = if self.increments {
                let step = 1 + entropy.below(INCREMENT);
                live.counter.fetch_add(step, Relaxed).wrapping_add(step) % count.max(1)
            } else {
                entropy.below(count)
            };
            let port = view.ranked(rank)?;
            if hint.is_none_or(|hint| !hint.contains(port)) {
                return Some(port);
            }
            patience -= 1;
            if patience == 0 {
                self.draws = 0;
            }
        }
        let view = &view.skip_busy(hint);
        while let Some(Some(sweep)) = self.sweeps.get(self.current) {
            let place = self.place.unwrap_or(Cursor { at: sweep.start, wrapped: false });
            match sweep.advance(view, place) {
                Some((port, then)) => {
                    self.place = then;
                    if then.is_none() {
                        self.current += 1;
                    }
                    if self.rover {
                        live.rove(port);
                    }
                    return Some(port);
                }
                None => {
                    self.current += 1;
                    self.place = None;
                }
            }
        }
        None
    }
}

/// The port that Linux's own order begins with for `bind`, where all of `hull` may be had; `None`
/// where that is before the start that is drawn.
#[inline(always)]
pub(super) fn native_start(transport: Transport, hull: PortRange, entropy: &mut impl Entropy) -> Option<u16> {
    let start = hull.first() + entropy.below(hull.len()) as u16;
    match transport {
        Transport::Udp => Some(start),
        Transport::Tcp => Parity::of(hull.first()).other().at_or_after(start).filter(|port| hull.contains(*port)),
    }
}

impl Sweep {
    /// The first allowed port at or after `place`, and where to go on, or `None` at the end.
    fn advance(&self, view: &Candidates<'_>, place: Cursor) -> Option<(u16, Option<Cursor>)> {
        if !place.wrapped {
            // Mostly it is the very next one.
            let next = self.parity.at_or_after(place.at).filter(|next| !self.down && self.window.contains(*next));
            if let Some(next) = next.filter(|next| view.contains(*next)) {
                return Some((next, Some(self.after(next, false))));
            }
            let view = view.within(self.window).of_parity(self.parity);
            let ahead = if self.down { view.at_or_below(place.at) } else { view.at_or_above(place.at) };
            if let Some(port) = ahead {
                return Some((port, Some(self.after(port, false))));
            }
        }
        let view = view.within(self.window).of_parity(self.parity);
        let from = match (place.wrapped, self.down) {
            (true, _) => place.at,
            (false, true) => u16::MAX,
            (false, false) => 0,
        };
        let port = if self.down { view.at_or_below(from)? } else { view.at_or_above(from)? };
        let behind = if self.down { port > self.start } else { port < self.start };
        behind.then(|| (port, Some(self.after(port, true))))
    }

    fn after(&self, port: u16, wrapped: bool) -> Cursor {
        let next = if self.down { port.checked_sub(1) } else { port.checked_add(1) };
        match next {
            Some(at) => Cursor { at, wrapped },
            // The end of all ports: only the other side of the start is left.
            None if !wrapped => Cursor { at: if self.down { u16::MAX } else { 0 }, wrapped: true },
            None => Cursor { at: port, wrapped: true },
        }
    }
}
