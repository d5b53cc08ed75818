//! What this kernel lets portshim do, which decides what a comparison may expect.

use std::sync::LazyLock;

/// Set if the kernel can be made to choose inside a range: from Linux 6.3 on, and in older ones
/// that a distribution has taught it.
pub(super) static CHOOSES: LazyLock<bool> = LazyLock::new(|| can_be_steered(libc::IPPROTO_TCP));

/// The same for an MPTCP socket, from Linux 6.8 on. Where there is no MPTCP, it makes no
/// difference.
pub(super) static CHOOSES_FOR_MPTCP: LazyLock<bool> = LazyLock::new(|| can_be_steered(libc::IPPROTO_MPTCP));

fn can_be_steered(protocol: libc::c_int) -> bool {
    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
    let whole = 0_u32;
    // SAFETY: setsockopt(2) reads the four bytes of `whole`; the other calls take no pointers.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, protocol);
        if fd < 0 {
            return true;
        }
        let answer = libc::setsockopt(fd, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, (&raw const whole).cast(), 4);
        libc::close(fd);
        answer == 0
    }
}
