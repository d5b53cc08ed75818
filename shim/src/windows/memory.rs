//! The program's memory, read without faulting: what Winsock could not read, neither do we.

use core::ffi::c_void;
use core::hint;
use core::mem::size_of;
use portshim_mechanism::address::{Address, LENGTH};
use windows_sys::Win32::Networking::WinSock::SOCKADDR;
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEMORY_BASIC_INFORMATION, PAGE_GUARD, PAGE_NOACCESS, VirtualQuery,
};

const PAGE: usize = 4096;

/// Tells whether `len` bytes at `at` can be read, asked without touching them.
pub(crate) fn is_readable(at: *const c_void, len: usize) -> bool {
    let first = at as usize;
    let Some(last) = first.checked_add(len.max(1) - 1) else { return false };
    // Most addresses are variables of the caller. This call's own frame is surely there, and so is
    // the rest of its page.
    let here = hint::black_box(&first);
    if first / PAGE == last / PAGE && first / PAGE == core::ptr::from_ref(here) as usize / PAGE {
        return true;
    }
    let mut next = first;
    while next <= last {
        match readable_until(next) {
            Some(end) if end > next => next = end,
            _ => return false,
        }
    }
    true
}

/// Place where the memory around `at` ends that can be read, `None` where that is not possible at
/// all.
fn readable_until(at: usize) -> Option<usize> {
    // SAFETY: the structure is plain integers and pointers.
    let mut found: MEMORY_BASIC_INFORMATION = unsafe { core::mem::zeroed() };
    // SAFETY: `found` is ours; an address is only asked about.
    let known = unsafe { VirtualQuery(at as *const c_void, &raw mut found, size_of::<MEMORY_BASIC_INFORMATION>()) };
    let denied = PAGE_NOACCESS | PAGE_GUARD;
    let readable = known != 0 && found.State == MEM_COMMIT && found.Protect != 0 && found.Protect & denied == 0;
    readable.then(|| (found.BaseAddress as usize).saturating_add(found.RegionSize))
}

/// A copy of the program's address, or `None` where Winsock would refuse to read it: then the
/// program's call must go through untouched, for Winsock's own error.
pub(crate) fn read_address(at: *const SOCKADDR, len: i32) -> Option<Address> {
    // More than an address's length is no error to Winsock.
    let len = usize::try_from(len).ok()?.min(LENGTH);
    if len < 2 || !is_readable(at.cast(), len) {
        return None;
    }
    Address::filled(|storage| {
        // SAFETY: these bytes have just been seen to be readable, and the storage holds `LENGTH`.
        unsafe { core::ptr::copy_nonoverlapping(at.cast::<u8>(), core::ptr::from_mut(storage).cast::<u8>(), len) };
        Ok(len)
    })
    .ok()
}
