//! The file that stands for a session.

use super::descriptors::{close, open, size_and_owner};
use super::memory::{map_shared, unmap};
use super::process::effective_user;
use core::ffi::CStr;
use portshim_policy::region::Region;

/// Maps a session's file, for as long as the process lives: if it is this user's and a region of
/// this version.
pub fn map(path: &CStr) -> Option<&'static Region> {
    let fd = open(path, libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK).ok()?;
    let sound = size_and_owner(fd).is_ok_and(|(size, owner)| size == Region::SIZE as u64 && owner == effective_user());
    let mapped = if sound { map_shared(Some(fd), Region::SIZE).ok() } else { None };
    close(fd);
    let at = mapped?;
    // SAFETY: `SIZE` bytes were just mapped for reading and writing.
    match unsafe { Region::at(at) } {
        Ok(region) => Some(region),
        Err(_) => {
            // SAFETY: the mapping was refused, so nothing refers to it.
            unsafe { unmap(at, Region::SIZE) };
            None
        }
    }
}
