//! `bind`.

use crate::session::{self, Session};
use crate::windows::memory::read_address;
use crate::windows::serve::serve;
use crate::windows::{errno, fd_cache, original};
use portshim_mechanism::session::About;
use portshim_mechanism::windows::serve::InterceptedCall;
use portshim_mechanism::windows::socket::address::Address;
use portshim_mechanism::windows::socket::facts::Socket;
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::scopes_of;
use portshim_policy::region::{Recorded, Verdict};
use windows_sys::Win32::Networking::WinSock::{SOCKADDR, SOCKET};

/// # Safety
/// As for bind.
pub(super) unsafe extern "system" fn bind(handle: SOCKET, address: *const SOCKADDR, len: i32) -> i32 {
    let before = errno::get();
    let original = || {
        errno::set(before);
        // SAFETY: the program's own call, as it came.
        unsafe { original::bind::next(handle, address, len) }
    };
    let Some(session) = session::get() else { return original() };
    let Some(socket) = fd_cache::served(handle) else { return original() };
    let Some(local) = read_address(address, len).filter(|a| a.fits(socket.family)) else { return original() };
    if local.port() != 0 {
        if is_blocked(session, &socket, &local) {
            return refuse();
        }
        let answer = original();
        if answer == 0 {
            fd_cache::mark_bound(handle);
        }
        if answer == 0 && session.records(Recorded::SPECIFIC) {
            let left = errno::get();
            session.log_specific(socket.scope(&local, None).0, local.port());
            errno::set(left);
        }
        return answer;
    }
    if socket.has_port() || fd_cache::is_associated(handle) {
        return original();
    }
    serve(&InterceptedCall { session, socket, call: Call::Bind, local, peer: None, before, original: &original })
}

/// Tells whether a specific bind to this address is refused.
fn is_blocked(session: Session, socket: &Socket, local: &Address) -> bool {
    let (scope, dual) = socket.scope(local, None);
    let blocked = session.blocks(local.port(), scopes_of(scope, dual)) && !socket.has_port();
    if blocked {
        session.note(Call::Bind, scope, Verdict::Refused, local.port(), About::default());
    }
    blocked
}

fn refuse() -> i32 {
    errno::fail(errno::of(Fault::Blocked))
}
