//! Serving: a hook's call is handed to the mechanism, and the port that it got is counted.

use crate::session::Session;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use portshim_mechanism::grant::Grant;
use portshim_mechanism::linux::kernel::sandbox;
use portshim_mechanism::linux::known::{fd_cache, fd_ports};
use portshim_mechanism::linux::serve::{self, InterceptedCall, Original, tell_uncovered};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::session::About;
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;

/// Exit of a call that came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Through the next library's function of that name.
    Library,
    /// By system call, for it came in by syscall(2): perhaps from that very function.
    Kernel,
}

/// Set if the process has been given a port in a call that came in by syscall(2).
static BY_NUMBER: AtomicBool = AtomicBool::new(false);

/// Serves a call: what the program's call returns. `errno` is set as that call would set it. `None`
/// where the descriptor is not what was remembered of it: that has been forgotten, and nothing has
/// been done.
#[inline]
pub(crate) fn serve<O: Original>(call: &InterceptedCall<'_, O>, exit: Exit) -> Option<isize> {
    let fd = call.socket.fd;
    let Some(served) = serve::serve(call) else {
        fd_cache::forget(fd);
        return None;
    };
    if let Some(grant) = &served.grant {
        count(call.session, fd, exit, grant, call.about());
    }
    let answer = served.answer;
    if sandbox::is_on() && answer >= 0 && call.socket.transport == Transport::Udp && Address::local(fd).is_err() {
        // Nobody can see later that it has a port now.
        fd_cache::mark_settled(fd, fd_cache::get(fd));
    }
    Some(answer)
}

/// Counts the port that was got. A library behind us may have made the call by its number: then it
/// has been served, and counted, inside.
#[inline(always)]
fn count(session: Session, fd: core::ffi::c_int, exit: Exit, grant: &Grant, about: About<'_>) {
    let by_number = BY_NUMBER.load(Relaxed);
    match exit {
        Exit::Kernel if !by_number => BY_NUMBER.store(true, Relaxed),
        Exit::Library if by_number && fd_ports::is_counted(fd, grant) => return,
        Exit::Kernel | Exit::Library => {}
    }
    fd_ports::hold(session, fd, grant, about);
}

/// Makes the program's own call on a socket that is served, where its sandbox leaves no way to know
/// what it takes to serve it.
#[cold]
pub(crate) fn unserved(session: Session, socket: &Socket, call: Call, original: &dyn Fn() -> isize) -> isize {
    let has_port = fd_cache::is_bound(socket.fd);
    let answer = original();
    if has_port {
        return answer;
    }
    tell_uncovered(session, call, socket, answer);
    answer
}
