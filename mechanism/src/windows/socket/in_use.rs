//! Ports in use: asked of Winsock by trying. The system's tables do not list TCP sockets that are
//! bound and do nothing yet.

use super::probe::Probe;
use crate::windows::kernel::calls::Result;
use crate::windows::kernel::errno;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use windows_sys::Win32::Networking::WinSock::{
    WSACleanup, WSADATA, WSAEACCES, WSAEADDRINUSE, WSAEAFNOSUPPORT, WSAEMFILE, WSAENOBUFS, WSAStartup,
};

/// Winsock 2.2.
const VERSION: u16 = 0x0202;

/// A port of `range` that a socket of any process is bound to in one of `scopes`. The error is
/// EMFILE where asking takes more than there is, else EOPNOTSUPP: Winsock does not tell.
pub fn bound_port(range: PortRange, scopes: ScopeSet) -> Result<Option<u16>> {
    let _winsock = Winsock::start()?;
    for scope in scopes.iter() {
        let mut probe = None;
        for port in range.first()..=range.last() {
            let asking = match probe.take() {
                Some(probe) => probe,
                None => match Probe::of(scope) {
                    Ok(probe) => probe,
                    // Nobody has a port of a family that this host does not know.
                    Err(WSAEAFNOSUPPORT) => break,
                    Err(WSAEMFILE | WSAENOBUFS) => return Err(errno::EMFILE),
                    Err(_) => return Err(errno::EOPNOTSUPP),
                },
            };
            match asking.take(port) {
                Ok(()) => {}
                Err(WSAEADDRINUSE) => return Ok(Some(port)),
                // The system keeps the port back itself: no socket is bound to it.
                Err(WSAEACCES) => probe = Some(asking),
                Err(_) => return Err(errno::EOPNOTSUPP),
            }
        }
    }
    Ok(None)
}

/// Fills `found` with ports of `scope` that no socket of any process is bound to, in ascending
/// order, and says how many there are. `next` gives the lowest of those in question that is not
/// below a port. Errors are those of [`bound_port`].
pub fn unused(scope: Scope, next: impl Fn(u16) -> Option<u16>, found: &mut [PortRange]) -> Result<usize> {
    let (mut count, mut from) = (0, Some(1));
    while let Some(port) = from.filter(|_| count < found.len()).and_then(&next) {
        let single = PortRange::single(port);
        if bound_port(single, scope.into())?.is_none() {
            found[count] = single;
            count += 1;
        }
        from = port.checked_add(1);
    }
    Ok(count)
}

/// Winsock, started once more: a program may ask about ports before it has started it.
struct Winsock;

impl Winsock {
    fn start() -> Result<Self> {
        // SAFETY: the structure is plain integers and pointers, and ours.
        let started = unsafe {
            let mut data: WSADATA = core::mem::zeroed();
            WSAStartup(VERSION, &raw mut data)
        };
        if started == 0 { Ok(Self) } else { Err(errno::EOPNOTSUPP) }
    }
}

impl Drop for Winsock {
    fn drop(&mut self) {
        // SAFETY: undoes one start.
        unsafe { WSACleanup() };
    }
}
