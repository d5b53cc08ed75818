//! Who this process is, and whether another one still lives. Asked only where the ledger or the table of
//! processes has something to say about it.

use super::sys;
use core::ffi::CStr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use portshim_policy::Owner;

/// This process and the inode of its PID namespace, which a fork may change.
static NAMESPACE: AtomicU64 = AtomicU64::new(0);

/// This process, now.
pub(crate) fn me() -> Owner {
    let process = sys::process();
    Owner { process, namespace: namespace(process), since: sys::ticks() }
}

/// This thread, now.
pub(crate) fn this_thread() -> Owner {
    Owner { process: sys::thread(), ..me() }
}

fn namespace(process: u32) -> u32 {
    let known = NAMESPACE.load(Relaxed);
    if known as u32 == process {
        return (known >> 32) as u32;
    }
    let inode = sys::inode(c"/proc/self/ns/pid").unwrap_or(0) as u32;
    NAMESPACE.store(u64::from(process) | u64::from(inode) << 32, Relaxed);
    inode
}

/// Whether this process, or thread, still lives. Where there is no telling, it does.
pub(crate) fn is_alive(owner: &Owner) -> bool {
    // The numbers of another namespace say nothing here.
    if owner.namespace != namespace(sys::process()) {
        return true;
    }
    sys::is_alive(owner.process) && runs(owner.process).is_none_or(|since| since.is_some_and(|s| s <= owner.since))
}

/// When a process started, in hundredths of a second since boot: `Some(None)` where it has ended and nobody has
/// asked how, `None` where /proc does not say.
fn runs(process: u32) -> Option<Option<u64>> {
    let mut path = *b"/proc/0000000000/stat\0";
    // The number with its leading zeroes cut off: /proc knows no others.
    let mut digits = [0; 10];
    let mut number = process;
    let mut count = 0;
    while number > 0 || count == 0 {
        digits[count] = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
    }
    digits[..count].reverse();
    path[6..6 + count].copy_from_slice(&digits[..count]);
    path[6 + count..13 + count - 1].copy_from_slice(b"/stat\0");
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let fd = sys::open(path, libc::O_RDONLY).ok()?;
    let mut text = [0; 1024];
    let read = sys::read(fd, &mut text);
    sys::close(fd);
    let text = &text[..read.ok()?];
    // The name, in parentheses, may hold anything; the state is the first field after it, and proc(5)
    // counts that as the third.
    let end = text.iter().rposition(|b| *b == b')')?;
    let mut fields = text[end + 1..].split(|b| *b == b' ').filter(|field| !field.is_empty());
    if matches!(fields.next()?, b"Z" | b"X") {
        return Some(None);
    }
    let digits = fields.nth(22 - 4)?;
    Some(Some(digits.iter().fold(0u64, |n, d| n.wrapping_mul(10).wrapping_add(u64::from(d.wrapping_sub(b'0'))))))
}
