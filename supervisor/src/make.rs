//! Sockets made in a program's stead, each limited to the ports that it may get: the kernel chooses
//! among them from then on.

use crate::full::Full;
use crate::listener::{Call, Listener, Reply};
use crate::surroundings::Standing;
use portshim_mechanism::linux::kernel::constants::{IP_LOCAL_PORT_RANGE, MPTCP};
use portshim_mechanism::linux::kernel::sockets;
use portshim_mechanism::linux::socket::steering;
use portshim_mechanism::session::{About, Session};
use portshim_policy::model::Call as Request;
use portshim_policy::plan::beforehand;
use portshim_policy::ports::{PortRange, Scope, Transport, scopes_of};
use portshim_policy::region::Verdict;
use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Flags that socket(2) takes in its type.
const FLAGS: c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

/// A socket that a program asks for, and whose ports are served.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    family: c_int,
    kind: c_int,
    protocol: c_int,
    scope: Scope,
}

impl Asked {
    /// `None` where it is of another kind, or the kernel knows no such socket.
    pub(crate) fn of(arguments: &[u64; 6]) -> Option<Self> {
        let [family, kind, protocol] = [0, 1, 2].map(|at| arguments[at] as c_int);
        let transport = match (kind & !FLAGS, protocol) {
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP | MPTCP) => Transport::Tcp,
            (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE) => Transport::Udp,
            _ => return None,
        };
        let scope = match (family, transport) {
            (libc::AF_INET, Transport::Tcp) => Scope::Tcp4,
            (libc::AF_INET6, Transport::Tcp) => Scope::Tcp6,
            (libc::AF_INET, Transport::Udp) => Scope::Udp4,
            (libc::AF_INET6, Transport::Udp) => Scope::Udp6,
            _ => return None,
        };
        Some(Self { family, kind, protocol, scope })
    }

    /// Makes it, limited to the ports of `range`.
    fn made(&self, range: PortRange, standing: Standing) -> Result<OwnedFd, c_int> {
        let fd = as_its_user(standing, || sockets::socket(self.family, self.kind | libc::SOCK_CLOEXEC, self.protocol))?;
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let ports = u32::from(range.first()) | u32::from(range.last()) << 16;
        // MPTCP has no such option on some kernels. Programs take TCP where there is no MPTCP.
        let limited = sockets::setsockopt(socket.as_raw_fd(), libc::SOL_IP, IP_LOCAL_PORT_RANGE, ports);
        limited.map(|()| socket).map_err(|_| libc::EPROTONOSUPPORT)
    }
}

/// Makes a socket for a thread that stands there, and is under the rules of `session`. Answers its
/// call.
pub(crate) fn make(
    listener: &Listener,
    call: &Call,
    asked: Asked,
    session: Session,
    standing: Standing,
    full: &mut Full,
) -> Reply {
    let scope = asked.scope;
    let left = || {
        session.note(Request::Bind, scope, Verdict::Uncovered, 0, About::default());
        Reply::Continue
    };
    steering::reload_at_times();
    let Some(own) = steering::own_range().filter(|_| standing != Standing::Elsewhere) else { return left() };
    let mut entropy = session.rules.entropy(scope, session.secret());
    let scopes = scopes_of(scope, true);
    let ledger = session.ledger(own, scopes);
    let run = beforehand(session.rules, ledger, scope, own, steering::kept, &mut entropy);
    if run.is_some() && !session.exhausts_some(scopes) {
        full.is_over(session.rules, scope.transport());
    }
    let Some(range) = run.or_else(|| full.port(session.rules, scope, own)) else { return left() };
    let given = asked.made(range, standing).and_then(|socket| {
        // Ours is closed before the call is answered: the program's own descriptors alone keep its
        // socket.
        listener.give(call, socket.as_fd(), asked.kind & libc::SOCK_CLOEXEC != 0)
    });
    given.map_or_else(Reply::Error, |fd| Reply::Value(fd.into()))
}

/// Does it as the user and the group of the thread that it is for: they stand on the socket, and on
/// its file.
fn as_its_user<T>(standing: Standing, work: impl FnOnce() -> Result<T, c_int>) -> Result<T, c_int> {
    let Standing::As(user, group) = standing else { return work() };
    // SAFETY: of each, no memory is passed, and this thread alone is another user's meanwhile.
    unsafe {
        let (own_user, own_group) = (libc::geteuid(), libc::getegid());
        libc::setfsgid(group);
        libc::setfsuid(user);
        // Each tells what it was before.
        let is_it = libc::setfsuid(user).cast_unsigned() == user && libc::setfsgid(group).cast_unsigned() == group;
        let done = if is_it { work() } else { Err(libc::EPERM) };
        libc::setfsuid(own_user);
        libc::setfsgid(own_group);
        done
    }
}
