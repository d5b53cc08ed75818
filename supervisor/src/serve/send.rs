//! The send family. The port is got here, and the program's own call sends.

use super::connect;
use super::got::{INTERCEPTOR, On, Outcome, got, has_port};
use crate::listener::Reply;
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::kernel::errno;
use portshim_mechanism::linux::kernel::sockets::{getsockopt, setsockopt};
use portshim_mechanism::linux::serve::{InterceptedCall, Original, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::linux::socket::fast_open;
use portshim_mechanism::linux::socket::options::{IpFlag, bind_as_recorded, record_address};
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;
use std::cell::Cell;
use std::ffi::c_int;

/// The address of a socket by which a send may get a port. `None` where the send needs no further
/// look: the socket is none of ours, or has its port.
pub(crate) fn unsettled(fd: c_int, flags: c_int) -> Option<Address> {
    let local = Address::local(fd).ok()?;
    let is_ours = matches!(local.family(), libc::AF_INET | libc::AF_INET6);
    (is_ours && (local.port() == 0 || flags & libc::MSG_FASTOPEN != 0)).then_some(local)
}

/// Gets a port for a send to `peer`, or to where the socket, which has the address `local`, is
/// connected to.
pub(super) fn send(on: On<'_>, socket: &Socket, local: &Address, flags: c_int, peer: Option<&Address>) -> Reply {
    if has_port(socket, local) {
        return Reply::Continue;
    }
    let outcome = match (socket.transport, peer) {
        (Transport::Tcp, Some(peer)) if flags & libc::MSG_FASTOPEN != 0 && fast_open::connects(socket) => {
            let range = Cell::new(0);
            let outcome = connect::tcp(on, socket, local, peer, Waits::Once, &|| prepared(socket, &range));
            leave_range(socket, range.get());
            outcome
        }
        (Transport::Tcp, _) => return Reply::Continue,
        (Transport::Udp, peer) => {
            let original = Autobind { fd: socket.fd, any: local.with_port(0), got: Cell::new(None) };
            let call = InterceptedCall::of(on.session, socket, Call::Send, local, &original, &INTERCEPTOR);
            got(on, &InterceptedCall { peer, ..call })
        }
    };
    match outcome {
        Outcome::Answered(answer, error) if answer < 0 => Reply::Error(error),
        // It is still to be sent.
        Outcome::Answered(..) | Outcome::Left => Reply::Continue,
    }
}

/// Binds a datagram socket as the send would by itself (`inet_autobind`): to any port, which a
/// later connect(2) to nowhere releases. Where that cannot be done, the send has the kernel's word
/// for why.
struct Autobind {
    fd: c_int,
    any: Address,
    /// The port that it was last seen to get.
    got: Cell<Option<u16>>,
}

impl Autobind {
    fn bind(&self) -> Result<()> {
        bind_as_recorded(self.fd, &self.any)
    }

    fn port(&self) -> Option<u16> {
        Some(Address::local(self.fd).ok()?.port()).filter(|port| *port != 0)
    }
}

impl Original for Autobind {
    fn call(&self) -> isize {
        let mut bound = self.bind();
        self.got.set(self.port());
        if bound.is_ok() && self.got.get().is_none() {
            // It is to get one (IP_BIND_ADDRESS_NO_PORT).
            let _whole = IpFlag::set(self.fd, libc::IP_BIND_ADDRESS_NO_PORT, false);
            bound = self.bind();
            self.got.set(self.port());
        }
        if bound != Err(libc::EADDRINUSE) {
            return 0;
        }
        // The kernel has forgotten the address that the program has bound it to.
        if !self.any.is_wildcard() {
            let _ = record_address(self.fd, &self.any);
        }
        errno::fail(libc::EAGAIN)
    }

    fn only_binds(&self) -> bool {
        true
    }

    fn once_bound(&self) -> isize {
        0
    }

    fn got(&self) -> Option<u16> {
        self.got.get()
    }
}

/// Lets a send connect by itself (TCP Fast Open): nobody but the program can, for its data goes
/// along. Notes the range that it is to be steered to.
fn prepared(socket: &Socket, range: &Cell<u32>) -> isize {
    range.set(getsockopt(socket.fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE).unwrap_or(0));
    0
}

/// Leaves the range on the socket, for the program's own call.
fn leave_range(socket: &Socket, range: u32) {
    if range != 0 {
        let _ = setsockopt(socket.fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, range);
    }
}
