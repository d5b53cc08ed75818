//! The start: finds the session that this process was started for, once.

use super::environment;
use super::library::file_name;
use crate::session::{self, Session};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_mechanism::place::set_name;
use portshim_mechanism::windows::kernel::clock::now;
use portshim_mechanism::windows::kernel::process::process;
use portshim_policy::entropy::mix;
use portshim_policy::region::{MAX_GLOB, Region, SharedRules, wire};
use windows_sys::Win32::Foundation::{CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, FALSE, HANDLE};
use windows_sys::Win32::Security::Authentication::Identity::RtlGenRandom;
use windows_sys::Win32::System::LibraryLoader::GetModuleFileNameW;
use windows_sys::Win32::System::Memory::{
    FILE_MAP_ALL_ACCESS, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, MapViewOfFile, OpenFileMappingW, PAGE_READWRITE,
    UnmapViewOfFile, VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// The handle of the session's memory; null where this process has none.
static MAPPING: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Gives a child a handle of the session's memory: by the time that it looks for it, whoever else
/// has one may be gone.
///
/// # Safety
/// `child` must be a process's handle with the rights that CreateProcessW gives.
pub(crate) unsafe fn hand_down(child: HANDLE) {
    let mapping = MAPPING.load(Acquire);
    let mut theirs = null_mut();
    if !mapping.is_null() {
        // SAFETY: as the caller promises; what the program has closed is refused.
        unsafe {
            DuplicateHandle(GetCurrentProcess(), mapping, child, &raw mut theirs, 0, FALSE, DUPLICATE_SAME_ACCESS);
        }
    }
}

/// Reads the environment and maps the region. `None` where nothing asks for portshim, or this has
/// been done before.
pub(crate) fn start() -> Option<Session> {
    session::start(|| {
        let found = environment::read()?;
        let with_rules = |region| Some(Session { region, rules: rules_for_this_program(region)? });
        found
            .session
            .and_then(|name| open(&name))
            .and_then(with_rules)
            .or_else(|| found.policy.and_then(|policy| private(&policy)).and_then(with_rules))
    })
}

/// Maps the session's memory, if it is a region of this version.
fn open(name: &[u16]) -> Option<&'static Region> {
    // SAFETY: `name` ends in a NUL.
    let mapping = unsafe { OpenFileMappingW(FILE_MAP_ALL_ACCESS, FALSE, name.as_ptr()) };
    if mapping.is_null() {
        return None;
    }
    // SAFETY: the handle is open.
    let view = unsafe { MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, Region::SIZE) };
    // SAFETY: `SIZE` bytes were just mapped for reading and writing, or the pointer is null.
    match unsafe { Region::at(view.Value.cast()) } {
        // The handle stays open: the memory's name goes with the last one, whoever still has the
        // memory mapped.
        Ok(region) => {
            MAPPING.store(mapping, Release);
            Some(region)
        }
        Err(_) => {
            // SAFETY: the view was refused, so nothing refers to it; the handle is ours.
            unsafe {
                UnmapViewOfFile(view);
                CloseHandle(mapping);
            }
            None
        }
    }
}

/// Lays down a region of this process alone, from the environment's policy.
fn private(policy: &[u8]) -> Option<&'static Region> {
    // SAFETY: new memory is nobody's.
    let at = unsafe { VirtualAlloc(null_mut(), Region::SIZE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE) };
    // SAFETY: `SIZE` bytes of zeroes were just allocated, or the pointer is null.
    let region = unsafe { Region::at_unsealed(at.cast()) }?;
    if wire::decode(policy, region).is_err() {
        // SAFETY: the region goes out of use here.
        unsafe { VirtualFree(at, 0, MEM_RELEASE) };
        return None;
    }
    region.header.secret.store(random(), Relaxed);
    Some(region)
}

fn random() -> u64 {
    let mut bits = 0u64;
    // SAFETY: `bits` is as long as is said.
    if unsafe { RtlGenRandom((&raw mut bits).cast(), size_of::<u64>() as u32) } {
        bits
    } else {
        mix(u64::from(process()) ^ now())
    }
}

/// The rules whose glob matches the executable's name, which is noted. `java*` is for java.exe;
/// `node` is for node.exe and for Node.EXE.
fn rules_for_this_program(region: &'static Region) -> Option<&'static SharedRules> {
    let mut path = [0; 1024];
    // SAFETY: the buffer is as long as is said.
    let length = unsafe { GetModuleFileNameW(null_mut(), path.as_mut_ptr(), path.len() as u32) } as usize;
    let path = &path[..length.min(path.len())];
    let mut room = [0; MAX_GLOB * 4];
    let end = file_name(path, &mut room);
    let name = &room[..end];
    set_name(name);
    let mut small = room;
    small.make_ascii_lowercase();
    let small = &small[..end];
    let stem = small.strip_suffix(b".exe").unwrap_or(small);
    region.rules_for(&[name, &name[..stem.len()], small, stem])
}
