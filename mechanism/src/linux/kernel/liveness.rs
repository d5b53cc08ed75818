//! Identity of this process, and whether another one still lives. The latter is asked only where
//! the ledger or the table of processes has something to say about it.

use super::clock::boot_ticks;
use super::descriptors::{self, close, inode, open, readlink};
use super::memory::map_wiped_on_fork;
pub use super::process::this_process;
use super::process::{self, process, remember_in, thread};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use portshim_policy::region::Owner;

/// This process and the inode of its PID namespace, which a fork may change.
static NAMESPACE: AtomicU64 = AtomicU64::new(0);
static PARTED: AtomicBool = AtomicBool::new(false);

/// Looks where this process is, while /proc can surely be reached: it may confine itself to a
/// folder later.
pub fn look() {
    namespace(process());
    if let Ok(page) = map_wiped_on_fork() {
        remember_in(page);
    }
}

/// This process, now.
pub fn me() -> Owner {
    let process = process();
    Owner { process, namespace: namespace(process), since: boot_ticks() }
}

/// Tells whether a process is `owner`, or descends from it: through parents that live.
pub fn descends(child: u32, owner: &Owner) -> bool {
    let me = process();
    if owner.namespace != namespace(me) {
        return false;
    }
    let own = child == me;
    let (mut at, mut parent) = (child, if own { process::parent() } else { parent_of(child, me).unwrap_or(0) });
    for _ in 0..MOST_PARENTS {
        if at == owner.process {
            return true;
        }
        at = parent;
        if at <= 1 {
            break;
        }
        parent = parent_of(at, me).unwrap_or(0);
    }
    at == owner.process
}

/// Number of parents that are looked through, at most: numbers of processes are used again, so that
/// what is read in turn might form a circle.
pub const MOST_PARENTS: usize = 1000;

/// Start of this process, in hundredths of a second since boot; 0 where that is not told.
pub fn began() -> u64 {
    let me = process();
    runs(me, me).flatten().unwrap_or(0)
}

/// This thread, now.
pub fn this_thread() -> Owner {
    Owner { process: thread(), ..me() }
}

/// Children are born into another PID namespace from now on, where one of them may have the number
/// of its parent.
pub fn part() {
    PARTED.store(true, Relaxed);
}

fn namespace(process: u32) -> u32 {
    let known = NAMESPACE.load(Relaxed);
    if known as u32 == process && !PARTED.load(Relaxed) {
        return (known >> 32) as u32;
    }
    // Where /proc cannot be reached, in a chroot perhaps, a child's namespace is most likely its
    // parent's.
    let inode = inode(c"/proc/self/ns/pid").map_or((known >> 32) as u32, |inode| inode as u32);
    NAMESPACE.store(u64::from(process) | u64::from(inode) << 32, Relaxed);
    inode
}

/// Tells whether this process, or thread, still lives. Where there is no telling, it does.
pub fn is_alive(owner: &Owner) -> bool {
    let me = process();
    // The numbers of another namespace say nothing here.
    if owner.namespace != namespace(me) {
        return true;
    }
    process::is_alive(owner.process)
        && runs(owner.process, me).is_none_or(|since| since.is_some_and(|s| s <= owner.since))
}

/// As [`is_alive`], in one system call: one that has ended, and that nobody has asked how, may be
/// alive.
pub fn may_be_alive(owner: &Owner) -> bool {
    owner.namespace != namespace(process()) || process::is_alive(owner.process)
}

/// Start of a process, in hundredths of a second since boot: `Some(None)` where it has ended and
/// nobody has asked how, `None` where /proc does not say, or is that of another PID namespace than
/// `me` has its number in.
fn runs(process: u32, me: u32) -> Option<Option<u64>> {
    let mut text = [0; STAT];
    since(stat(process, me, &mut text)?)
}

/// Parent of another process; `None` as in [`runs`].
fn parent_of(process: u32, me: u32) -> Option<u32> {
    let mut text = [0; STAT];
    parent(stat(process, me, &mut text)?)
}

/// Number of bytes of a line of proc(5)'s stat that are read.
const STAT: usize = 1024;

/// The line that proc(5)'s stat has of a process.
fn stat(process: u32, me: u32, text: &mut [u8; STAT]) -> Option<&[u8]> {
    let read = readlink(c"/proc/self", text).ok()?;
    if text[..read] != *Decimal::of(me).digits() {
        return None;
    }
    let decimal = Decimal::of(process);
    let mut path = [0; 6 + 10 + 6];
    let parts = [b"/proc/", decimal.digits(), b"/stat\0"];
    for (place, byte) in path.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    let fd = open(CStr::from_bytes_until_nul(&path).ok()?, libc::O_RDONLY).ok()?;
    let read = descriptors::read(fd, text);
    close(fd);
    text.get(..read.ok()?)
}

/// Fields of a line of proc(5)'s stat, from the state on, which proc(5) counts as the third. The
/// name before it, in parentheses, may hold anything.
fn fields(stat: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let end = stat.iter().rposition(|b| *b == b')')?;
    Some(stat[end + 1..].split(|b| *b == b' ').filter(|field| !field.is_empty()))
}

/// Reads from a line of proc(5)'s stat when the process started: `Some(None)` where it has ended,
/// `None` where it is no such line.
fn since(stat: &[u8]) -> Option<Option<u64>> {
    let mut fields = fields(stat)?;
    let ended = matches!(fields.next()?, b"Z" | b"X");
    // A process whose first thread has ended before the others is a zombie here, too.
    let threads = fields.nth(20 - 4)?;
    if ended && matches!(threads, b"0" | b"1") {
        return Some(None);
    }
    fields.nth(22 - 21).map(|digits| Some(number(digits)))
}

/// Reads from such a line which process is the parent.
fn parent(stat: &[u8]) -> Option<u32> {
    fields(stat)?.nth(4 - 3).map(|digits| number(digits) as u32)
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0u64, |n, d| n.wrapping_mul(10).wrapping_add(u64::from(d.wrapping_sub(b'0'))))
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

#[cfg(test)]
mod tests {
    use super::{Decimal, descends, me, parent, process, since};
    use portshim_policy::region::Owner;

    fn stat(name: &str, state: char, threads: u32) -> String {
        // Fields 3 to 22 of proc(5).
        format!("42 ({name}) {state} 1 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 {threads} 0 98765 1000 10")
    }

    #[test]
    fn the_start_is_read_whatever_the_name() {
        for name in ["cat", "a b", ") Z 1 (", "((", ""] {
            assert_eq!(since(stat(name, 'S', 1).as_bytes()), Some(Some(98765)), "{name}");
        }
    }

    #[test]
    fn the_parent_is_read_whatever_the_name() {
        for name in ["cat", ") Z 7 (", ""] {
            assert_eq!(parent(stat(name, 'S', 1).as_bytes()), Some(1), "{name}");
        }
    }

    #[test]
    fn a_process_descends_from_itself_and_from_its_parents() {
        let me = me();
        let above = Owner { process: process::parent(), ..me };
        assert!(descends(process(), &me) && descends(process(), &above));
        assert!(!descends(process(), &Owner { namespace: me.namespace.wrapping_add(1), ..me }));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!descends(process(), &Owner { process: child.id(), ..me }));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_has_ended_is_told_from_one_whose_first_thread_has() {
        assert_eq!(since(stat("cat", 'Z', 1).as_bytes()), Some(None));
        assert_eq!(since(stat("cat", 'Z', 2).as_bytes()), Some(Some(98765)));
    }

    #[test]
    fn a_line_that_is_cut_says_nothing() {
        let whole = stat("cat", 'S', 1);
        let end = whole.find("98765").unwrap();
        assert!((0..end).all(|cut| since(&whole.as_bytes()[..cut]).is_none()));
    }

    #[test]
    fn numbers_have_no_leading_zeroes() {
        for number in [0, 7, 10, 4_194_304, u32::MAX] {
            assert_eq!(Decimal::of(number).digits(), number.to_string().as_bytes());
        }
    }
}
