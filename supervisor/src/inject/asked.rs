//! A program that is asked for: the file that a call to execve(2) names, before it is executed.

use super::image::Version;
use std::ffi::{CString, c_int, c_long};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

/// RESOLVE_IN_ROOT and RESOLVE_BENEATH, linux/openat2.h.
const IN_ROOT: u64 = 0x10;
const BENEATH: u64 = 0x08;

/// Number of times that a script may name another one as its interpreter (`exec_binprm`).
const MOST_SCRIPTS: usize = 5;
/// As much of a script as the kernel looks at (BINPRM_BUF_SIZE).
const HEAD: usize = 256;

/// Attributes of files that give privileges, or another domain, to who executes them.
const GIVING: [&std::ffi::CStr; 2] = [c"security.capability", c"security.SMACK64EXEC"];

/// `struct open_how`, linux/openat2.h.
#[repr(C)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// The file that the thread's call would execute, the interpreter in place of a script; `None`
/// where that cannot be told, or its process gains privileges by it.
pub(super) fn file(thread: u32, number: c_long, arguments: &[u64; 6]) -> Option<(File, Version)> {
    let at = if number == libc::SYS_execveat { arguments[0] as c_int } else { libc::AT_FDCWD };
    let path = string(thread, arguments[usize::from(number == libc::SYS_execveat)])?;
    let mut file = open(thread, at, &path)?;
    for _ in 0..MOST_SCRIPTS {
        let mut head = [0; HEAD];
        let read = file.read_at(&mut head, 0).ok()?;
        match head[..read].strip_prefix(b"#!") {
            Some(line) => file = open(thread, libc::AT_FDCWD, interpreter(line)?)?,
            None => {
                let version = Version::of(&file).ok()?;
                return (!gives_privileges(&file)).then_some((file, version));
            }
        }
    }
    None
}

/// The interpreter that a script's first line names.
fn interpreter(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    line.split(is_blank).find(|word| !word.is_empty())
}

/// The string at this place in the thread's memory.
fn string(thread: u32, at: u64) -> Option<Vec<u8>> {
    let mut text = [0; libc::PATH_MAX as usize];
    let read = File::open(format!("/proc/{thread}/mem")).ok()?.read_at(&mut text, at).ok()?;
    let len = text[..read].iter().position(|byte| *byte == 0)?;
    Some(text[..len].to_vec())
}

/// Opens a file for reading that the thread calls so.
fn open(thread: u32, at: c_int, path: &[u8]) -> Option<File> {
    let of_thread = |what: &str| format!("/proc/{thread}/{what}");
    let found = match path {
        b"" => place(&of_thread(&format!("fd/{at}")))?,
        // Our own names of ourselves mean somebody else.
        [b'/', ..] if let Some(own) = own_names(path) => place(&of_thread(own))?,
        [b'/', ..] if is_at_home(thread)? => beneath(libc::AT_FDCWD, path, 0)?,
        [b'/', ..] => beneath(place(&of_thread("root"))?.as_raw_fd(), path, IN_ROOT)?,
        _ => {
            let folder = if at == libc::AT_FDCWD { of_thread("cwd") } else { of_thread(&format!("fd/{at}")) };
            let resolve = if is_at_home(thread)? { 0 } else { BENEATH };
            beneath(place(&folder)?.as_raw_fd(), path, resolve)?
        }
    };
    // A pipe, or a device, is not to be waited for.
    let found = format!("/proc/self/fd/{}", found.as_raw_fd());
    if !fs::metadata(&found).ok()?.is_file() {
        return None;
    }
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(found).ok()
}

/// What a path names of the process that uses it, if it does: below its folder in proc(5).
fn own_names(path: &[u8]) -> Option<&str> {
    let rest = path.strip_prefix(b"/proc/self/").or_else(|| path.strip_prefix(b"/proc/thread-self/"));
    let rest = rest.or_else(|| path.strip_prefix(b"/dev/").filter(|rest| rest.starts_with(b"fd/")));
    std::str::from_utf8(rest?).ok().filter(|rest| !rest.contains(".."))
}

/// Tells whether paths lead the thread to where they lead us.
fn is_at_home(thread: u32) -> Option<bool> {
    let root = |of: &str| fs::metadata(format!("/proc/{of}/root")).map(|root| (root.dev(), root.ino())).ok();
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    let its = thread.to_string();
    Some(root(&its)? == root("self")? && namespace(&its)? == namespace("self")?)
}

/// Opens the place of a file, not the file itself.
fn place(path: &str) -> Option<OwnedFd> {
    beneath(libc::AT_FDCWD, path.as_bytes(), 0)
}

fn beneath(folder: RawFd, path: &[u8], resolve: u64) -> Option<OwnedFd> {
    let path = CString::new(path).ok()?;
    let how = How { flags: (libc::O_PATH | libc::O_CLOEXEC) as u64, mode: 0, resolve };
    // SAFETY: the kernel reads a path that ends in a zero, and as much of `how` as it is long.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, folder, path.as_ptr(), &raw const how, size_of::<How>()) };
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Tells whether who executes the file may gain privileges, or come into another domain, which a
/// process that is traced may not (`LSM_UNSAFE_PTRACE`).
pub(super) fn gives_privileges(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return true };
    let sets_id = metadata.mode() & (libc::S_ISUID | libc::S_ISGID) != 0;
    let gives = GIVING.into_iter().any(|name| attribute(file, name).is_some());
    sets_id || gives || changes_domain(file)
}

/// Tells whether SELinux or AppArmor may have the program run in a domain of its own. By SELinux's
/// convention, types of files that lead to one are called so; of AppArmor's profiles, only who is
/// under none himself may trace programs under all.
fn changes_domain(file: &File) -> bool {
    let own = fs::read("/proc/self/attr/apparmor/current");
    if own.is_ok_and(|own| own.trim_ascii() != b"unconfined") {
        return true;
    }
    fs::exists("/sys/fs/selinux/enforce").unwrap_or(true)
        && attribute(file, c"security.selinux").is_some_and(|label| is_entry_point(&label))
}

/// Tells whether the type in a label of SELinux, `user:role:type:level`, is one that domains are
/// entered by.
fn is_entry_point(label: &[u8]) -> bool {
    let label = label.strip_suffix(&[0]).unwrap_or(label);
    label.split(|byte| *byte == b':').nth(2).is_none_or(|kind| kind.ends_with(b"_exec_t"))
}

/// An extended attribute of a file, as far as 256 bytes hold it; `None` where it has none.
fn attribute(file: &File, name: &std::ffi::CStr) -> Option<Vec<u8>> {
    let mut value = [0u8; 256];
    // SAFETY: the kernel reads a name that ends in a zero, and writes at most so many bytes.
    let len = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    let too_long = || io::Error::last_os_error().raw_os_error() == Some(libc::ERANGE);
    match usize::try_from(len) {
        Ok(len) => Some(value[..len].to_vec()),
        Err(_) => too_long().then(Vec::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_of_scripts() {
        assert_eq!(interpreter(b" /bin/sh -e\necho"), Some(&b"/bin/sh"[..]));
        assert_eq!(interpreter(b"/bin/busybox\tsh\n"), Some(&b"/bin/busybox"[..]));
        assert_eq!(interpreter(b"\n/bin/sh"), None);
    }

    #[test]
    fn types_of_selinux() {
        assert!(is_entry_point(b"system_u:object_r:ping_exec_t:s0\0"));
        assert!(!is_entry_point(b"system_u:object_r:bin_t:s0\0"));
        assert!(is_entry_point(b""));
    }

    #[test]
    fn files_by_the_names_that_a_thread_has_for_them() {
        let me = std::process::id();
        let same = |one: Option<File>, path: &str| {
            let of = |file: &File| Version::of(file).expect("it is open");
            of(&one.expect("it is there")) == of(&File::open(path).expect("it is there"))
        };
        assert!(same(open(me, libc::AT_FDCWD, b"/proc/self/exe"), "/proc/self/exe"));
        assert!(same(open(me, libc::AT_FDCWD, b"Cargo.toml"), "Cargo.toml"));
        let folder = File::open("src").expect("it is there");
        assert!(same(open(me, folder.as_raw_fd(), b"lib.rs"), "src/lib.rs"));
        let file = File::open("Cargo.toml").expect("it is there");
        assert!(same(open(me, file.as_raw_fd(), b""), "Cargo.toml"));
        assert!(open(me, libc::AT_FDCWD, b"/dev/null").is_none());
    }
}
