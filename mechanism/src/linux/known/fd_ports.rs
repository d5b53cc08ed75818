//! Ports that descriptors hold, as they are passed on and closed in numbers, and while the kernel
//! alone knows their ports.

pub use crate::fd_ports::release;
use crate::fd_ports::{self, CELLS, Hold, give_back};
use crate::grant::Grant;
use crate::linux::kernel::liveness::this_process;
use crate::linux::kernel::process::process_even_in_vfork;
use crate::linux::socket::address::Address;
use crate::session::{About, Session};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use portshim_policy::ports::Scope;
use portshim_policy::region::PeerSlot;

/// For each scope, the descriptors below this may hold ports that nobody has looked at.
static UNSEEN: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

/// Looks at the ports of `scope` that nobody has looked at, so that the hint knows them.
#[cold]
fn look(session: Session, scope: Scope) {
    let end = UNSEEN[scope.index()].swap(0, Relaxed);
    for (fd, cell) in (0..).zip(CELLS.iter().take(end as usize)) {
        let packed = cell.load(Relaxed);
        let hold = Hold::unpack(packed);
        if packed == 0 || hold.port != 0 || hold.scope != scope || hold.process != this_process() {
            continue;
        }
        let port = Address::local(fd).map_or(0, |local| local.port());
        let seen = Hold { port, ..hold };
        if port != 0 && cell.compare_exchange(packed, seen.pack(), Relaxed, Relaxed).is_ok() {
            seen.hints(session).for_each(|hint| hint.mark(port));
        }
    }
}

/// Looks at the ports of `scope` that nobody has looked at, if there are any.
pub fn learn_unseen(session: Session, scope: Scope) {
    if UNSEEN[scope.index()].load(Relaxed) != 0 {
        look(session, scope);
    }
}

/// `fd` holds what was handed out from now on.
#[inline(always)]
pub fn hold(session: Session, fd: c_int, grant: &Grant, about: About<'_>) {
    let end = &UNSEEN[grant.scope.index()];
    if grant.port == 0 && end.load(Relaxed) <= fd as u32 {
        end.fetch_max(fd as u32 + 1, Relaxed);
    }
    fd_ports::hold(session, fd, grant, about);
    if let Some(peer) = grant.towards {
        share(fd, peer, grant.port);
    }
}

/// Tells whether `fd` is known to hold what was handed out.
pub fn is_counted(fd: c_int, grant: &Grant) -> bool {
    let packed = CELLS.get(fd as usize).map_or(0, |cell| cell.load(Relaxed));
    let hold = Hold::unpack(packed);
    packed != 0
        && hold.process == this_process()
        && hold.scope == grant.scope
        && (hold.port == grant.port || grant.port == 0)
}

/// The port that `fd` holds is taken towards the peer of this place alone.
fn share(fd: c_int, towards: PeerSlot, port: u16) {
    let Some(cell) = CELLS.get(fd as usize) else { return };
    let packed = cell.load(Relaxed);
    let hold = Hold { towards: Some(towards), ..Hold::unpack(packed) };
    if packed != 0 && hold.port == port && hold.process == this_process() {
        let _ = cell.compare_exchange(packed, hold.pack(), Relaxed, Relaxed);
    }
}

/// The descriptors from `first` to `last` are closed.
pub fn release_all(first: u32, last: u32) {
    let cells = CELLS.iter().take((last as usize).saturating_add(1)).skip(first as usize);
    cells.filter(|cell| cell.load(Relaxed) != 0).for_each(give_back);
}

/// `to` is the same socket as `from` from now on, and is taken to be the one that will be kept.
pub fn move_to(from: c_int, to: c_int) {
    release(to);
    if let (Some(from), Some(to)) = (CELLS.get(from as usize), CELLS.get(to as usize)) {
        let packed = from.load(Relaxed);
        // A process that shares its parent's memory (vfork) leaves the parent's sockets where they
        // are.
        let is_ours = packed != 0 && Hold::unpack(packed).process == process_even_in_vfork();
        if is_ours && from.compare_exchange(packed, 0, Relaxed, Relaxed).is_ok() {
            to.store(packed, Relaxed);
        }
    }
}
