//! Room for files, where the caller's limit on their size is small: it is meant for the program.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;

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
