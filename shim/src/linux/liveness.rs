//! Who this process is, and whether another one still lives. The latter is asked only where the ledger or the table
//! of processes has something to say about it.

use super::sys;
use crate::held::UNKNOWN;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed};
use portshim_policy::region::Owner;

/// This process and the inode of its PID namespace, which a fork may change.
static NAMESPACE: AtomicU64 = AtomicU64::new(0);
static PARTED: AtomicBool = AtomicBool::new(false);

/// This process's number, in memory that a forked child finds empty; null where there is no such memory.
static NUMBER: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

/// Looks where this process is, while /proc can surely be reached: it may confine itself to a folder later.
pub(crate) fn look() {
    namespace(sys::process());
    if let Ok(page) = sys::map_wiped_on_fork() {
        NUMBER.store(page.cast(), Relaxed);
        // Now, for the first to ask later may be a child of vfork(2).
        process();
    }
}

/// This process's number, mostly without asking. A child of vfork(2), which shares its parent's memory, is taken
/// for its parent.
pub(crate) fn process() -> u32 {
    // SAFETY: null, or a page of zeroes that is never unmapped, for which any bytes are valid.
    let Some(number) = (unsafe { NUMBER.load(Relaxed).as_ref() }) else { return sys::process() };
    match number.load(Relaxed) {
        0 => {
            let process = sys::process();
            number.store(process, Relaxed);
            process
        }
        process => process,
    }
}

/// This process's number without asking; [`UNKNOWN`] in a child that was forked after it was forbidden to ask.
pub(crate) fn remembered() -> u32 {
    // SAFETY: as in `process`.
    let number = unsafe { NUMBER.load(Relaxed).as_ref() }.map_or(0, |number| number.load(Relaxed));
    if number == 0 { UNKNOWN } else { number }
}

/// This process, now.
pub(crate) fn me() -> Owner {
    let process = sys::process();
    Owner { process, namespace: namespace(process), since: sys::ticks() }
}

/// This thread, now.
pub(crate) fn this_thread() -> Owner {
    Owner { process: sys::thread(), ..me() }
}

/// Children are born into another PID namespace from now on, where one of them may have the number of its parent.
pub(crate) fn part() {
    PARTED.store(true, Relaxed);
}

fn namespace(process: u32) -> u32 {
    let known = NAMESPACE.load(Relaxed);
    if known as u32 == process && !PARTED.load(Relaxed) {
        return (known >> 32) as u32;
    }
    // Where /proc cannot be reached, in a chroot perhaps, a child's namespace is most likely its parent's.
    let inode = sys::inode(c"/proc/self/ns/pid").map_or((known >> 32) as u32, |inode| inode as u32);
    NAMESPACE.store(u64::from(process) | u64::from(inode) << 32, Relaxed);
    inode
}

/// Whether this process, or thread, still lives. Where there is no telling, it does.
pub(crate) fn is_alive(owner: &Owner) -> bool {
    let me = sys::process();
    // The numbers of another namespace say nothing here.
    if owner.namespace != namespace(me) {
        return true;
    }
    sys::is_alive(owner.process) && runs(owner.process, me).is_none_or(|since| since.is_some_and(|s| s <= owner.since))
}

/// As [`is_alive`], in one system call: one that has ended, and that nobody has asked how, may be alive.
pub(crate) fn may_be_alive(owner: &Owner) -> bool {
    owner.namespace != namespace(sys::process()) || sys::is_alive(owner.process)
}

/// When a process started, in hundredths of a second since boot: `Some(None)` where it has ended and nobody has
/// asked how, `None` where /proc does not say, or is that of another PID namespace than `me` has its number in.
fn runs(process: u32, me: u32) -> Option<Option<u64>> {
    let mut text = [0; 1024];
    let read = sys::readlink(c"/proc/self", &mut text).ok()?;
    if text[..read] != *Decimal::of(me).digits() {
        return None;
    }
    let decimal = Decimal::of(process);
    let mut path = [0; 6 + 10 + 6];
    let parts = [b"/proc/", decimal.digits(), b"/stat\0"];
    for (place, byte) in path.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    let fd = sys::open(CStr::from_bytes_until_nul(&path).ok()?, libc::O_RDONLY).ok()?;
    let read = sys::read(fd, &mut text);
    sys::close(fd);
    since(&text[..read.ok()?])
}

/// What a line of proc(5)'s stat says of when the process started: `Some(None)` where it has ended, `None` where
/// it is no such line.
fn since(stat: &[u8]) -> Option<Option<u64>> {
    // The name, in parentheses, may hold anything; the state is the first field after it, and proc(5)
    // counts that as the third.
    let end = stat.iter().rposition(|b| *b == b')')?;
    let mut fields = stat[end + 1..].split(|b| *b == b' ').filter(|field| !field.is_empty());
    let ended = matches!(fields.next()?, b"Z" | b"X");
    // A process whose first thread has ended before the others is a zombie here, too.
    let threads = fields.nth(20 - 4)?;
    if ended && matches!(threads, b"0" | b"1") {
        return Some(None);
    }
    let digits = fields.nth(22 - 21)?;
    Some(Some(digits.iter().fold(0u64, |n, d| n.wrapping_mul(10).wrapping_add(u64::from(d.wrapping_sub(b'0'))))))
}

/// A number without leading zeroes: /proc knows no others.
struct Decimal {
    digits: [u8; 10],
    first: usize,
}

impl Decimal {
    fn of(mut number: u32) -> Self {
        let (mut digits, mut first) = ([b'0'; 10], 9);
        loop {
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, first };
            }
            first -= 1;
        }
    }

    fn digits(&self) -> &[u8] {
        &self.digits[self.first..]
    }
}
