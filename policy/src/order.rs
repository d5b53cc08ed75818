//! Orders of choice: in which sequence the allowed ports are tried.

use crate::plan::{Call, Request};
use crate::view::{Parity, View};
use crate::{Entropy, Hint, LiveScope, PortRange, Transport};
use core::sync::atomic::Ordering::Relaxed;

/// In which sequence ports are tried. Whatever the order, every allowed port is tried before a
/// request is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Order {
    /// The running kernel's own way of choosing. With a seed it is replayed: parity and halves for
    /// `bind`, a double hash in steps of two for `connect` (Linux `inet_csk_find_open_port` and
    /// `__inet_hash_connect`).
    Native = 0,
    /// A rover that counts up and wraps (4.4BSD `in_pcbbind`).
    Sequential = 1,
    /// A rover that counts down and wraps.
    Descending = 2,
    /// A random start, then upwards: RFC 6056 §3.3.1, algorithm 1.
    RandomStart = 3,
    /// A fresh random port for each try, RFC 6056 §3.3.2, algorithm 2; then a sweep over the rest.
    Random = 4,
    /// A counter offset by a hash of the connection, RFC 6056 §3.3.3, algorithm 3.
    Hash = 5,
    /// One of many counters, chosen by a second hash: RFC 6056 §3.3.4, algorithm 4.
    DoubleHash = 6,
    /// A counter that jumps ahead by 1 to 500: RFC 6056 §3.3.5, algorithm 5; then a sweep.
    RandomIncrement = 7,
}

impl Order {
    /// All of them, as help lists them.
    pub const ALL: [Self; 8] = [
        Self::Native,
        Self::Sequential,
        Self::Descending,
        Self::RandomStart,
        Self::Random,
        Self::Hash,
        Self::DoubleHash,
        Self::RandomIncrement,
    ];

    /// The name used on the command line and in a policy file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sequential => "sequential",
            Self::Descending => "descending",
            Self::RandomStart => "random-start",
            Self::Random => "random",
            Self::Hash => "hash",
            Self::DoubleHash => "double-hash",
            Self::RandomIncrement => "random-increment",
        }
    }

    /// One line for help and for `portshim show`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Native => "the kernel's own order; with --seed, a replay of it",
            Self::Sequential => "one after the other, upwards, wrapping (4.4BSD)",
            Self::Descending => "one after the other, downwards, wrapping",
            Self::RandomStart => "random start, then upwards (RFC 6056 algorithm 1)",
            Self::Random => "random at each try (RFC 6056 algorithm 2)",
            Self::Hash => "a counter offset by a hash of the peer (RFC 6056 algorithm 3)",
            Self::DoubleHash => "many counters, two hashes (RFC 6056 algorithm 4)",
            Self::RandomIncrement => "a counter with random steps (RFC 6056 algorithm 5)",
        }
    }
}

/// RFC 6056 §3.3.5 suggests 500 as the trade-off between reuse distance and predictability.
const INCREMENT: u32 = 500;

/// How many ports in a row may be drawn that are believed taken: then a sweep, which starts at random as well, finds
/// a free one faster.
const PATIENCE: u32 = 256;

/// One pass over the allowed ports of a window, starting in its midst and wrapping.
#[derive(Clone, Copy)]
struct Sweep {
    window: PortRange,
    parity: Parity,
    start: u16,
    down: bool,
}

/// Where a walk stands.
#[derive(Clone, Copy)]
struct Place {
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
    place: Option<Place>,
    rover: bool,
}

impl Walk {
    pub(crate) fn new(
        order: Order,
        request: &Request,
        view: &View<'_>,
        live: &LiveScope,
        entropy: &mut dyn Entropy,
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

    /// Linux's own order over `hull`, as sweeps. Where a sweep starts is drawn among the ports of the view: drawn
    /// from the hull, every start in a hole would lead to the one port behind it.
    fn native(
        &mut self,
        request: &Request,
        view: &View<'_>,
        hull: PortRange,
        live: &LiveScope,
        entropy: &mut dyn Entropy,
    ) {
        let low = Parity::of(hull.first());
        let whole = view.as_range();
        let draw = |entropy: &mut dyn Entropy, window: PortRange| {
            if let Some(range) = whole.filter(|range| range.encloses(window)).map(|_| window) {
                return range.first() + entropy.below(range.len()) as u16;
            }
            let view = view.within(window);
            view.ranked(entropy.below(view.count())).unwrap_or(window.first())
        };
        match (request.call, request.scope.transport()) {
            (_, Transport::Udp) => {
                let start = draw(entropy, hull);
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
                let mut windows = [Some(hull), None];
                if request.reuse && hull.len() >= 4 {
                    // With SO_REUSEADDR the lower half is tried first, to keep the upper for connect.
                    let half = hull.first() + ((hull.len() >> 2) << 1) as u16;
                    windows = [PortRange::new(hull.first(), half - 1).ok(), PortRange::new(half, hull.last()).ok()];
                }
                let mut slot = 0;
                for window in windows.into_iter().flatten() {
                    let start = draw(entropy, window);
                    for parity in [low.other(), low] {
                        self.sweeps[slot] = Some(Sweep { window, parity, start, down: false });
                        slot += 1;
                    }
                }
            }
        }
    }

    /// The next port to try, or `None` once every one has been proposed; without those that `hint` believes taken.
    pub(crate) fn next(
        &mut self,
        view: &View<'_>,
        hint: Option<&Hint>,
        live: &LiveScope,
        entropy: &mut dyn Entropy,
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
        let view = &view.fresh(hint);
        while let Some(Some(sweep)) = self.sweeps.get(self.current) {
            let place = self.place.unwrap_or(Place { at: sweep.start, wrapped: false });
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

impl Sweep {
    /// The first allowed port at or after `place`, and where to go on, or `None` at the end.
    fn advance(&self, view: &View<'_>, place: Place) -> Option<(u16, Option<Place>)> {
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

    fn after(&self, port: u16, wrapped: bool) -> Place {
        let next = if self.down { port.checked_sub(1) } else { port.checked_add(1) };
        match next {
            Some(at) => Place { at, wrapped },
            // The end of all ports: only the other side of the start is left.
            None if !wrapped => Place { at: if self.down { u16::MAX } else { 0 }, wrapped: true },
            None => Place { at: port, wrapped: true },
        }
    }
}
