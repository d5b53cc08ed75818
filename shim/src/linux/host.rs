//! The host's own port range, inside which the kernel can be steered.

use super::{sandbox, sys};
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use portshim_policy::PortRange;

/// The range as first | last << 16; 0 where it is not known.
static RANGE: AtomicU32 = AtomicU32::new(0);
/// Whether this kernel has IP_LOCAL_PORT_RANGE (Linux 6.3): 0 perhaps, 1 no.
static UNSUPPORTED: AtomicU8 = AtomicU8::new(0);

/// The ports to which the kernel can be steered: net.ipv4.ip_local_port_range, which serves IPv4 and
/// IPv6 alike. An end outside it would be ignored silently.
pub(crate) fn steerable() -> Option<PortRange> {
    let packed = RANGE.load(Relaxed);
    if packed == 0 || UNSUPPORTED.load(Relaxed) != 0 {
        return None;
    }
    PortRange::new(packed as u16, (packed >> 16) as u16).ok()
}

/// Remembers that this kernel cannot be steered.
pub(crate) fn cannot_steer() {
    UNSUPPORTED.store(1, Relaxed);
}

/// The moment in which the kernel was last seen to choose where it was told to.
static SEEN: AtomicU32 = AtomicU32::new(0);
/// How often it has been relied on since: a clock may have been made to stand still.
static RELIED: AtomicU32 = AtomicU32::new(0);
const OFTEN: u32 = 256;
/// The process has been to more than one network, perhaps in some of its threads alone.
static ELSEWHERE: AtomicBool = AtomicBool::new(false);

/// The kernel was just seen to choose where it was told to.
pub(crate) fn saw_it_obey() {
    SEEN.store(sys::moment(), Relaxed);
    RELIED.store(0, Relaxed);
}

/// Whether it was seen to in this very moment.
pub(crate) fn just_obeyed() -> bool {
    let relied = RELIED.load(Relaxed);
    RELIED.store(relied.wrapping_add(1), Relaxed);
    relied < OFTEN && SEEN.load(Relaxed) == sys::moment() && !ELSEWHERE.load(Relaxed)
}

/// The process is in another network namespace, as far as that can be told.
pub(crate) fn move_on() {
    ELSEWHERE.store(true, Relaxed);
    look();
}

/// Reads the range, which differs from one network namespace to the next.
pub(crate) fn look() {
    RANGE.store(read().unwrap_or(0), Relaxed);
}

fn read() -> Option<u32> {
    let [first, last] = numbers(c"/proc/sys/net/ipv4/ip_local_port_range")?;
    (first <= last && last <= 65535).then_some(first | last << 16)
}

/// The numbers in a file of /proc.
fn numbers<const N: usize>(path: &CStr) -> Option<[u32; N]> {
    let fd = sys::open(path, libc::O_RDONLY).ok()?;
    let mut text = [0; 32];
    let read = sys::read(fd, &mut text);
    sys::close(fd);
    let mut told = text[..read.ok()?]
        .split(|b| !b.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.iter().fold(0u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0'))));
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = told.next()?;
    }
    Some(numbers)
}

/// Whether the error of a bind to `port` says that the program, or whoever confined it, forbids it to bind that port
/// at all: seccomp does it with EPERM or ENOSYS mostly, Landlock and SELinux with EACCES. That is also what the kernel
/// says of a privileged port.
pub(crate) fn is_forbidden(error: c_int, port: u16) -> bool {
    match error {
        sandbox::NOT_ASKED | libc::ENOSYS => true,
        libc::EACCES => {
            // Where /proc does not say, as a host has it that nobody has changed.
            let start = numbers(c"/proc/sys/net/ipv4/ip_unprivileged_port_start").map_or(1024, |[start]| start);
            u32::from(port) >= start
        }
        _ => false,
    }
}
