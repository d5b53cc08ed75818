//! Descriptors that hold a port that was handed out: what a session has in use at once is counted
//! by them, and when one is closed, its port is believed to be free again.

use crate::grant::Grant;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use crate::linux::{Descriptor, index_of, lingers};
use crate::place;
use crate::session::{About, Session};
use crate::system::clock::boot_ticks;
use crate::system::liveness;
use crate::system::process::process_even_in_vfork;
#[cfg(windows)]
use crate::windows::{Descriptor, index_of, lingers};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use portshim_policy::region::{BusyPorts, PeerSlot, Process, Recorded};

const DESCRIPTORS: usize = 65536;

/// A cell is 0, or what a descriptor holds. In a forked child the cells still speak of its parent,
/// whose sockets stay open whatever the child closes.
pub(crate) static CELLS: [AtomicU64; DESCRIPTORS] = [const { AtomicU64::new(0) }; DESCRIPTORS];

/// Port that a descriptor holds, and by which process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) process: u32,
    /// 0 where nobody has looked yet.
    pub(crate) port: u16,
    pub(crate) scopes: ScopeSet,
    /// Whose port was asked for.
    pub(crate) scope: Scope,
    /// Towards which peer alone the port is taken, where that is known.
    pub(crate) towards: Option<PeerSlot>,
}

/// Place where in a cell the number of that peer's place stands.
const TOWARDS: u32 = 54;
const _: () = assert!(PeerSlot::NUMBERS <= 1 << (u64::BITS - TOWARDS));

impl Hold {
    pub(crate) fn pack(self) -> u64 {
        let kind = u64::from(self.scopes.bits()) | (self.scope.index() as u64) << 4;
        let towards = u64::from(PeerSlot::number(self.towards)) << TOWARDS;
        u64::from(self.process) | u64::from(self.port) << 32 | kind << 48 | towards
    }

    pub(crate) fn unpack(cell: u64) -> Self {
        let scope = Scope::ALL[(cell >> 52) as usize % Scope::ALL.len()];
        Self {
            process: cell as u32,
            port: (cell >> 32) as u16,
            scopes: ScopeSet::from_bits((cell >> 48) as u8),
            scope,
            towards: PeerSlot::numbered((cell >> TOWARDS) as usize),
        }
    }

    /// For every scope, what is believed of it.
    pub(crate) fn hints(self, session: Session) -> impl Iterator<Item = &'static BusyPorts> {
        self.scopes.iter().filter_map(move |scope| session.hint(scope))
    }

    /// The port is believed to be free again.
    fn unmark(self, session: Session) {
        self.hints(session).for_each(|hint| hint.unmark(self.port));
        if self.scope.transport() == Transport::Tcp {
            session.region.header.end_single(self.port, self.process);
            if let Some(peers) = session.region.peers() {
                peers.unmark(self.towards, self.port);
            }
        }
    }
}

/// `fd` holds what was handed out from now on.
#[inline(always)]
pub fn hold(session: Session, fd: Descriptor, grant: &Grant, about: About<'_>) {
    let Grant { call, how, scope, scopes, port, single, .. } = *grant;
    let place = session.place();
    session.note_at(place, call, scope, how, port, about);
    let hold = Hold { process: liveness::this_process(), port, scopes, scope, towards: None };
    if port != 0 {
        hold.hints(session).for_each(|hint| hint.mark(port));
    }
    let (Some(place), Some(cell)) = (place, CELLS.get(index_of(fd))) else { return };
    let held_still = if cell.load(Relaxed) == 0 {
        cell.store(hold.pack(), Relaxed);
        false
    } else {
        is_held_still(session, place, cell, hold)
    };
    // Only now, for from here on the port is given back with the descriptor.
    if single {
        session.region.header.keep_single(port, hold.process);
    }
    if held_still {
        return;
    }
    place.counts(scope).held.fetch_add(1, Relaxed);
    let high = &session.rules.live(scope).high;
    let most = high.load(Relaxed);
    let moment = || boot_ticks() as u32;
    let held = session.region.processes.held(place, scope, most, moment, liveness::may_be_alive, liveness::is_alive);
    if held > most {
        high.fetch_max(held, Relaxed);
    }
}

/// Puts `hold` in the place of what a cell said before; whether the descriptor is counted in its
/// scope already.
#[cold]
fn is_held_still(session: Session, place: &Process, cell: &AtomicU64, hold: Hold) -> bool {
    let before = Hold::unpack(cell.swap(hold.pack(), Relaxed));
    if before.process == hold.process {
        if before.port != hold.port && before.port != 0 {
            before.unmark(session);
        }
        if before.scope == hold.scope {
            return true;
        }
        drop_from(place, before.scope);
    }
    false
}

/// `fd` is closed, or about to be.
#[inline]
pub fn release(fd: Descriptor) {
    if let Some(cell) = CELLS.get(index_of(fd))
        && cell.load(Relaxed) != 0
    {
        give_back(cell);
    }
}

/// Notes that what a cell speaks of is held no longer.
#[cold]
pub(crate) fn give_back(cell: &AtomicU64) {
    let packed = cell.load(Relaxed);
    let hold = Hold::unpack(packed);
    // A child of vfork(2) closes its own descriptors, and shares these cells with its parent.
    let Some(session) = Session::current().filter(|_| hold.process == process_even_in_vfork()) else { return };
    if cell.compare_exchange(packed, 0, Relaxed, Relaxed).is_err() {
        return;
    }
    if hold.port != 0 && !lingers(hold.scope) {
        hold.unmark(session);
    }
    if session.records(Recorded::RELEASES) {
        session.log_release(hold.scope, hold.port);
    }
    if let Some(place) = place::taken_by(hold.process) {
        drop_from(place, hold.scope);
    }
}

/// One less that `place` holds.
fn drop_from(place: &Process, scope: Scope) {
    let held = &place.counts(scope).held;
    let _ = held.fetch_update(Relaxed, Relaxed, |held| held.checked_sub(1));
}
