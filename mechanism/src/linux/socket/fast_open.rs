//! TCP Fast Open: whether a send with MSG_FASTOPEN makes a connection, and so takes a port.

use super::facts::Socket;
use crate::linux::kernel::constants::MPTCP;
use crate::linux::kernel::descriptors::close;
use crate::linux::kernel::sockets::{send_fast_nowhere, socket};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

const UNKNOWN: u8 = 0;
const HAS_IT: u8 = 1;
const LACKS_IT: u8 = 2;

/// Set once it is known if MPTCP has it, which is so since Linux 6.2.
static OF_MPTCP: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Tells whether such a send makes a connection on this socket. Where it does not, it fails and
/// takes no port.
#[cold]
pub fn connects(socket: &Socket) -> bool {
    if socket.confirmed().is_none_or(|socket| socket.protocol != MPTCP) {
        return true;
    }
    if OF_MPTCP.load(Relaxed) == UNKNOWN {
        OF_MPTCP.store(if mptcp_lacks_it() { LACKS_IT } else { HAS_IT }, Relaxed);
    }
    OF_MPTCP.load(Relaxed) == HAS_IT
}

/// Asks a socket of our own: what a failed send leaves of the program's is not to be tried.
fn mptcp_lacks_it() -> bool {
    let Ok(fd) = socket(libc::AF_INET, libc::SOCK_STREAM, MPTCP) else { return false };
    let answer = send_fast_nowhere(fd);
    close(fd);
    answer == Err(libc::EOPNOTSUPP)
}
