//! Changing what a live session shares: its region, mapped.

use super::sessions::LiveSession;
use crate::messages::{self, FAILED, plain};
use libc::{_exit, c_int};
use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::write;
use portshim_policy::region::Region;
use std::fs::File;
use std::io;
use std::num::NonZero;

impl LiveSession {
    /// The region itself, mapped for as long as this process runs.
    pub(crate) fn region(&self) -> Result<&'static Region, String> {
        let file = self.open(true)?;
        expect_truncation().map_err(|errno| plain(&io::Error::from(errno)))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let size = NonZero::new(Region::SIZE).expect("a region has bytes");
        // SAFETY: the kernel chooses where; nothing is mapped over. It is never unmapped.
        let at = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, &file, 0) };
        let at = at.map_err(|errno| plain(&io::Error::from(errno)))?;
        // SAFETY: all of a region's bytes are mapped there for reading and writing, as long as the
        // file has them; where it is cut short, the kernel's signal ends this process.
        let region = unsafe { Region::at(at.cast().as_ptr()) }.map_err(|e| e.to_string())?;
        take(&file, region).map_err(|errno| plain(&io::Error::from(errno)))?;
        Ok(region)
    }
}

/// Takes all of the memory that a change may touch: programs take theirs in parts, and no more than
/// they need.
fn take(file: &File, region: &Region) -> nix::Result<()> {
    match posix_fallocate(file, 0, region.used() as i64) {
        // Others may be writing: what is missing is taken as it is touched.
        Ok(()) | Err(Errno::EOPNOTSUPP) => region.add_ledger(),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A process of the session may cut the file short at any time. What is missing then cannot be
/// touched: the kernel's answer is a signal.
fn expect_truncation() -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(truncated), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes two system calls, both of which signal-safety(7) lists.
    unsafe { sigaction(Signal::SIGBUS, &action) }.map(drop)
}

extern "C" fn truncated(_: c_int) {
    // Where nobody listens, the exit status still says it.
    let _ = write(io::stderr(), messages::TRUNCATED.as_bytes());
    // SAFETY: _exit(2) has no conditions.
    unsafe { _exit(FAILED.cast_signed()) }
}
