//! Room for files, where the caller's limit on their size is small: it is meant for the program.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Writes files of up to `size` bytes with the limit out of the way. Where it cannot be, nothing is written:
/// the kernel's answer to a file that grows too long is a signal that ends the process.
pub(super) fn for_files_of<T>(size: usize, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let size = size as u64;
    let before = getrlimit(Resource::Fsize);
    // No limit is none at all.
    if before.current.is_none_or(|soft| size <= soft) {
        return write();
    }
    if let Some(hard) = before.maximum.filter(|hard| size > *hard) {
        return Err(io::Error::other(format!("files may not grow beyond {hard} bytes here (ulimit -f)")));
    }
    setrlimit(Resource::Fsize, Rlimit { current: Some(size), ..before })?;
    let written = write();
    setrlimit(Resource::Fsize, before)?;
    written
}
