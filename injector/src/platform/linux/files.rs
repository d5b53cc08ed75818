//! What a command asks of files, whatever its C library makes of it.

use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{AccessFlags, access, eaccess, getegid, geteuid, getgid, getuid};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Smallest page of memory that a file may lie in.
const PAGE: usize = 4096;

/// Tells whether this process may do this with a file. Only one that runs as another than it was
/// started by takes faccessat2(2), which older containers forbid.
pub(super) fn may(path: &Path, what: AccessFlags) -> nix::Result<()> {
    let is_itself = geteuid() == getuid() && getegid() == getgid();
    if is_itself { access(path, what) } else { eaccess(path, what) }
}

/// Takes memory for a part of a file that nobody else has, and that is all zeroes: a file system
/// that takes none in advance is written to.
pub(super) fn take_memory(file: &File, part: Range<usize>) -> io::Result<()> {
    match posix_fallocate(file, part.start as i64, part.len() as i64) {
        Err(Errno::EOPNOTSUPP) => part.step_by(PAGE).try_for_each(|at| file.write_all_at(&[0], at as u64)),
        taken => Ok(taken?),
    }
}

/// Writes files of up to `size` bytes with the limit out of the way. Where it cannot be, nothing is
/// written: the kernel's answer to a file that grows too long is a signal that ends the process.
pub(super) fn for_files_of<T>(size: usize, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let size = size as u64;
    // Infinity is the greatest number.
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if size <= soft {
        return write();
    }
    if size > hard {
        return Err(io::Error::other(format!("files may not grow beyond {hard} bytes here (ulimit -f)")));
    }
    setrlimit(Resource::RLIMIT_FSIZE, size, hard)?;
    let written = write();
    setrlimit(Resource::RLIMIT_FSIZE, soft, hard)?;
    written
}
