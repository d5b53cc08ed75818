//! The environment of a program that is begun in a child: variables that name this process are to
//! name the program's.
//!
//! They are for the process that a service manager starts (sd_listen_fds(3),
//! sd_watchdog_enabled(3), systemd.exec(5)), and a program takes no notice of those that name
//! another.

use nix::sys::stat::fstat;
use std::ffi::{CStr, c_char};
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

/// The variables that name a process by its number.
const BY_NUMBER: [&[u8]; 3] = [b"LISTEN_PID", b"WATCHDOG_PID", b"SYSTEMD_EXEC_PID"];
/// Those that name it by the inode of its pidfd.
const BY_INODE: [&[u8]; 2] = [b"LISTEN_PIDFDID", b"WATCHDOG_PIDFDID"];
/// As many digits as a number of 64 bits has at most.
const DIGITS: usize = 20;

/// The strings that execve(2) is given.
pub(super) struct Strings {
    /// Ends in a null pointer. What is not renamed is the C library's own.
    all: Vec<*const c_char>,
    renamed: Vec<Renamed>,
}

/// A variable that names this process.
struct Renamed {
    /// Place where it stands in the environment.
    at: usize,
    /// `NAME=`, and room for the value.
    text: Vec<u8>,
    /// Length of `NAME=` is.
    name: usize,
    by_inode: bool,
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

impl Strings {
    /// The environment as it is now, prepared for a child.
    pub(super) fn prepared() -> Self {
        let (mut all, mut renamed) = (Vec::new(), Vec::new());
        // SAFETY: `environ` belongs to the C library and is changed by this one thread alone: a
        // null pointer, or an array of strings that ends in one.
        let entries = (0..).map_while(|n| unsafe {
            let entry = if environ.is_null() { ptr::null() } else { *environ.add(n) };
            (!entry.is_null()).then_some(entry)
        });
        for (at, entry) in entries.enumerate() {
            all.push(entry);
            // SAFETY: as above, and nobody changes the environment before the child has it.
            renamed.extend(Renamed::new(at, unsafe { CStr::from_ptr(entry) }.to_bytes()));
        }
        all.push(ptr::null());
        Self { all, renamed }
    }

    /// Lets the variables name this process, the child; nothing is allocated. What cannot be named
    /// is left out.
    pub(super) fn name_this_process(&mut self) -> *const *const c_char {
        // From the end, for what is left out moves all that stand behind it.
        for renamed in self.renamed.iter_mut().rev() {
            let id = if renamed.by_inode { own_inode() } else { Some(own_number()) };
            match id {
                Some(id) => self.all[renamed.at] = renamed.naming(id),
                None => self.all[renamed.at..].rotate_left(1),
            }
        }
        self.all.as_ptr()
    }
}

impl Renamed {
    fn new(at: usize, entry: &[u8]) -> Option<Self> {
        let name = entry.iter().position(|b| *b == b'=')?;
        let by_inode = BY_INODE.contains(&&entry[..name]);
        if !by_inode && !BY_NUMBER.contains(&&entry[..name]) {
            return None;
        }
        let value: u64 = str::from_utf8(&entry[name + 1..]).ok()?.parse().ok()?;
        let own = if by_inode { own_inode()? } else { own_number() };
        let mut text = entry[..=name].to_vec();
        text.resize(name + 1 + DIGITS + 1, 0);
        (value == own).then_some(Self { at, text, name: name + 1, by_inode })
    }

    fn naming(&mut self, id: u64) -> *const c_char {
        let mut room = &mut self.text[self.name..];
        // There is room for every number, and a NUL behind it.
        let _ = write!(room, "{id}");
        self.text.as_ptr().cast()
    }
}

fn own_number() -> u64 {
    std::process::id().into()
}

/// The inode that tells this process from every other since the machine was started (pidfs, Linux
/// 6.9).
fn own_inode() -> Option<u64> {
    fstat(open(std::process::id().cast_signed())?).ok().map(|stat| stat.st_ino)
}

/// A descriptor for a process (pidfd_open(2)).
pub(super) fn open(process: i32) -> Option<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: it was opened here, and nobody else knows of it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
