//! The variables that ask for portshim: read at the start, and put back where a program leaves them
//! out of a child's environment.

use super::memory::is_readable;
use crate::session;
use core::ffi::c_void;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::OnceLock;
use windows_sys::Win32::System::Environment::{
    FreeEnvironmentStringsW, GetEnvironmentStringsW, GetEnvironmentVariableW,
};
use windows_sys::Win32::System::Threading::CREATE_UNICODE_ENVIRONMENT;

const POLICY: &str = "PORTSHIM_POLICY";
const SESSION: &str = "PORTSHIM_SESSION";
const DISABLE: &str = "PORTSHIM_DISABLE";

/// Policy and session that the environment asks for.
pub(crate) struct Found {
    /// The name of the session's mapping, with a NUL at its end.
    pub(crate) session: Option<Vec<u16>>,
    /// The policy in its wire form.
    pub(crate) policy: Option<Vec<u8>>,
}

/// The variables as they were at the start, each `NAME=value` with a NUL at its end.
static KEPT: OnceLock<Vec<Vec<u16>>> = OnceLock::new();

/// Reads what this process was started with. `None` where nothing asks for portshim, or
/// PORTSHIM_DISABLE=1 switches it off.
pub(crate) fn read() -> Option<Found> {
    if variable(DISABLE).is_some_and(|value| is_one(&value)) {
        return None;
    }
    let (session, policy) = (variable(SESSION), variable(POLICY));
    let kept = [(POLICY, &policy), (SESSION, &session)];
    let entry = |(name, value): (&str, &Option<Vec<u16>>)| {
        let value = value.as_ref()?;
        Some(name.encode_utf16().chain([u16::from(b'=')]).chain(value.iter().copied()).chain([0]).collect())
    };
    let kept: Vec<Vec<u16>> = kept.into_iter().filter_map(entry).collect();
    if kept.is_empty() {
        return None;
    }
    let _ = KEPT.set(kept);
    let session = session.map(|name| "Local\\".encode_utf16().chain(name).chain([0]).collect());
    let policy = policy.map(|policy| policy.into_iter().map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect());
    Some(Found { session, policy })
}

/// A variable of this process, without a NUL.
fn variable(name: &str) -> Option<Vec<u16>> {
    let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let mut value = Vec::new();
    loop {
        // SAFETY: the name ends in a NUL, and the buffer is as long as is said.
        let length = unsafe { GetEnvironmentVariableW(name.as_ptr(), value.as_mut_ptr(), value.len() as u32) } as usize;
        match length {
            0 => return None,
            length if length <= value.len() => {
                value.truncate(length);
                return Some(value);
            }
            length => value.resize(length, 0),
        }
    }
}

fn is_one(value: &[u16]) -> bool {
    value == [u16::from(b'1')]
}

/// State of a child's environment.
pub(crate) enum ForChild {
    /// It asks for portshim as it is, and whether for this process's session.
    Asks(bool),
    /// It shall be this one, in UTF-16: the program's, with the variables put back.
    Completed(Vec<u16>),
    /// It does not ask, and shall not.
    Declines,
}

/// Outcome of an environment that the program gives a child; null for its own.
///
/// # Safety
/// `given` is null, or what CreateProcessW takes under these `flags`.
pub(crate) unsafe fn for_child(given: *const c_void, flags: u32) -> ForChild {
    let block = if given.is_null() {
        own()
    } else if flags & CREATE_UNICODE_ENVIRONMENT != 0 {
        // SAFETY: as the caller promises.
        unsafe { wide(given) }
    } else {
        // SAFETY: as the caller promises.
        unsafe { narrow(given) }
    };
    let Some(block) = block else { return ForChild::Declines };
    let entries = || block.split(|unit| *unit == 0).filter(|entry| !entry.is_empty());
    if entries().any(|entry| value_of(entry, DISABLE).is_some_and(is_one)) {
        return ForChild::Declines;
    }
    if entries().any(|entry| [POLICY, SESSION].iter().any(|name| value_of(entry, name).is_some())) {
        let of_ours = |kept: &Vec<u16>| entries().any(|entry| kept.split_last().is_some_and(|(_, own)| own == entry));
        return ForChild::Asks(KEPT.get().is_some_and(|kept| kept.iter().all(of_ours)));
    }
    let follows = session::get().is_some_and(|session| session.region.header.follow.load(Relaxed) != 0);
    let Some(kept) = KEPT.get().filter(|_| follows) else { return ForChild::Declines };
    let mut completed: Vec<u16> = kept.iter().flatten().copied().collect();
    completed.extend_from_slice(&block);
    completed.push(0);
    ForChild::Completed(completed)
}

/// The value, where `entry` is the variable called `name`, in whatever case.
fn value_of<'a>(entry: &'a [u16], name: &str) -> Option<&'a [u16]> {
    let (own, value) = entry.split_at_checked(name.len())?;
    let same = |(unit, byte): (&u16, u8)| u8::try_from(*unit).is_ok_and(|unit| unit.eq_ignore_ascii_case(&byte));
    let (equals, value) = value.split_first()?;
    (*equals == u16::from(b'=') && own.iter().zip(name.bytes()).all(same)).then_some(value)
}

/// This process's own environment: each entry with its NUL.
fn own() -> Option<Vec<u16>> {
    // SAFETY: the block is freed below.
    let strings = unsafe { GetEnvironmentStringsW() };
    if strings.is_null() {
        return None;
    }
    // SAFETY: what the system just laid down is such a block.
    let block = unsafe { wide(strings.cast()) };
    // SAFETY: as above.
    unsafe { FreeEnvironmentStringsW(strings) };
    block
}

/// A block of UTF-16, without its last NUL; `None` where it cannot be read.
///
/// # Safety
/// What can be read at `at` must stay so for the length of the call.
unsafe fn wide(at: *const c_void) -> Option<Vec<u16>> {
    let at = at.cast::<u16>();
    let mut block = Vec::new();
    loop {
        let next = at.wrapping_add(block.len());
        if (block.is_empty() || (next as usize) % 4096 < size_of::<u16>())
            && !is_readable(next.cast(), size_of::<u16>())
        {
            return None;
        }
        // SAFETY: this page has just been seen to be readable.
        let unit = unsafe { next.read_unaligned() };
        if unit == 0 && block.last().is_none_or(|before| *before == 0) {
            return Some(block);
        }
        block.push(unit);
    }
}

/// As [`wide`], from a block of bytes in the system's code page.
///
/// # Safety
/// As for [`wide`].
unsafe fn narrow(at: *const c_void) -> Option<Vec<u16>> {
    use windows_sys::Win32::Globalization::{CP_ACP, MultiByteToWideChar};
    let at = at.cast::<u8>();
    let mut bytes = Vec::new();
    loop {
        let next = at.wrapping_add(bytes.len());
        if (bytes.is_empty() || (next as usize).is_multiple_of(4096)) && !is_readable(next.cast(), 1) {
            return None;
        }
        // SAFETY: this page has just been seen to be readable.
        let byte = unsafe { next.read() };
        if byte == 0 && bytes.last().is_none_or(|before| *before == 0) {
            break;
        }
        bytes.push(byte);
    }
    // No code page makes more units than there were bytes.
    let mut block = vec![0; bytes.len()];
    let (from, to) = (bytes.len() as i32, block.len() as i32);
    if from > 0 {
        // SAFETY: both buffers are as long as is said.
        let length = unsafe { MultiByteToWideChar(CP_ACP, 0, bytes.as_ptr(), from, block.as_mut_ptr(), to) };
        block.truncate(usize::try_from(length).ok().filter(|length| *length > 0)?);
    }
    Some(block)
}
