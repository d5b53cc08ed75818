//! rresvport(3), rresvport_af(3) and bindresvport(3). libc's own call no interposable `bind`, so
//! they are served here whole, from the policy's privileged order.

use super::exits::next_bind;
use crate::linux::memory::read_address;
use crate::linux::{original, start};
use crate::session::Session;
use core::ffi::c_int;
use core::mem::size_of;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use libc::{AF_INET, AF_INET6, sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};
use portshim_mechanism::grant::Grant;
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::descriptors::close;
use portshim_mechanism::linux::kernel::errno;
use portshim_mechanism::linux::kernel::process::process;
use portshim_mechanism::linux::known::{fd_ports, sockets};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::session::About;
use portshim_policy::model::Call;
use portshim_policy::ports::{PortRange, scopes_of};
use portshim_policy::region::Verdict;

/// bindresvport goes on where it stopped, as libc's does. 0 is "not started".
static ROVER: AtomicU32 = AtomicU32::new(0);

/// # Safety
/// As for rresvport(3).
pub(crate) unsafe fn rresvport(port: *mut c_int) -> c_int {
    match start::serving() {
        // SAFETY: as the caller promises.
        Some(session) => unsafe { reserved_socket(session, port, AF_INET) },
        // SAFETY: the program's own call, as it came.
        None => unsafe { original::rresvport::next(port) },
    }
}

/// # Safety
/// As for rresvport_af(3).
pub(crate) unsafe fn rresvport_af(port: *mut c_int, family: sa_family_t) -> c_int {
    match start::serving() {
        Some(session) if [AF_INET, AF_INET6].contains(&c_int::from(family)) => {
            // SAFETY: as the caller promises.
            unsafe { reserved_socket(session, port, c_int::from(family)) }
        }
        // SAFETY: the program's own call, as it came.
        _ => unsafe { original::rresvport_af::next(port, family) },
    }
}

/// A new socket bound to a privileged port, tried downwards from `*port`. EAGAIN when all are
/// taken.
unsafe fn reserved_socket(session: Session, port: *mut c_int, family: c_int) -> c_int {
    // SAFETY: no memory is passed.
    let fd = unsafe { original::socket::next(family, libc::SOCK_STREAM, 0) };
    if fd < 0 {
        return -1;
    }
    // SAFETY: rresvport(3)'s caller passes a port to start from and to be told.
    let from = unsafe { *port };
    // Like libc's, the pointer tells where the search stands, even where it fails.
    let range = session.rules.privileged();
    let start = range.start(from);
    let mut tried = start;
    let result = first_free(session, fd, &any(family), range.rresvport(from).inspect(|port| tried = *port));
    let told = if result == Err(libc::EADDRINUSE) { start } else { tried };
    // SAFETY: as above.
    unsafe { *port = c_int::from(told) };
    match result {
        Ok(_) => fd,
        Err(error) => {
            close(fd);
            errno::set(if error == libc::EADDRINUSE { libc::EAGAIN } else { error });
            -1
        }
    }
}

/// # Safety
/// As for bindresvport(3).
pub(crate) unsafe fn bindresvport(fd: c_int, address: *mut sockaddr_in) -> c_int {
    let served = start::serving().filter(|_| sockets::served(fd).is_some());
    let local = if address.is_null() {
        Some(any(AF_INET))
    } else {
        read_address(address.cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t)
            .filter(|a| a.family() == AF_INET)
    };
    let (Some(session), Some(local)) = (served, local) else {
        // SAFETY: the program's own call, as it came.
        return unsafe { original::bindresvport::next(fd, address) };
    };
    let offset = match ROVER.load(Relaxed) {
        0 => process(),
        next => next,
    };
    let range = session.rules.privileged();
    match first_free(session, fd, &local, range.bindresvport(offset)) {
        Ok(found) => {
            ROVER.store(u32::from(found.saturating_sub(range.base())) + 1, Relaxed);
            if !address.is_null() {
                // SAFETY: bindresvport(3)'s caller passes an address to be completed.
                unsafe { (*address).sin_port = found.to_be() };
            }
            0
        }
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// Binds the first of `ports` that the policy hands out and the kernel gives. Any error but
/// EADDRINUSE ends the search, as in libc.
fn first_free(session: Session, fd: c_int, local: &Address, ports: impl Iterator<Item = u16>) -> Result<u16> {
    let Some(socket) = sockets::served(fd) else { return Err(libc::EAFNOSUPPORT) };
    let (scope, dual) = socket.scope(local, None);
    let scopes = scopes_of(scope, dual);
    let ledger = session.ledger(PortRange::ALL, scopes);
    let denied = |port: u16| {
        let by_policy = |scope| {
            let ports = session.rules.scope(scope);
            ports.reserved.contains(port) || ports.blocked.contains(port)
        };
        scopes.iter().any(by_policy) || ledger.withholds(port, scopes)
    };
    let (before, begun) = (errno::get(), session.begin());
    for port in ports.filter(|port| !denied(*port)) {
        match next_bind(fd, &local.with_port(port)) {
            Ok(()) => {
                let (call, how, single, towards) = (Call::Bind, Verdict::Pinned, false, None);
                let grant = Grant { call, how, scope, scopes, port, single, towards };
                fd_ports::hold(session, fd, &grant, About { peer: None, begun });
                errno::set(before);
                return Ok(port);
            }
            Err(libc::EADDRINUSE) => {}
            Err(error) => return Err(error),
        }
    }
    session.note(Call::Bind, scope, Verdict::Exhausted, 0, About { peer: None, begun });
    Err(libc::EADDRINUSE)
}

/// 0.0.0.0 or `::`.
fn any(family: c_int) -> Address {
    let len = if family == AF_INET6 { size_of::<sockaddr_in6>() } else { size_of::<sockaddr_in>() };
    Address::wildcard(family, len)
}
