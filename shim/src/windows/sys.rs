//! Winsock and the kernel, asked directly and never by way of a hook.

use super::address::Storage;
use super::{errno, hooks};
use core::ffi::c_int;
use core::mem::size_of;
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, SOCKET, WSA_FLAG_NO_HANDLE_INHERIT, getsockname, getsockopt, setsockopt,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemTimePreciseAsFileTime, GetTickCount64};
use windows_sys::Win32::System::Threading::{GetCurrentProcessId, GetCurrentThreadId, Sleep, SwitchToThread};

/// What came of a call, or its error number.
pub(crate) type Result<T> = core::result::Result<T, i32>;

/// From 1601, from which Windows counts, to 1970, in units of 100 ns.
const UNTIL_1970: u64 = 116_444_736_000_000_000;

fn checked(result: i32) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(errno::get()) }
}

/// An option's value.
pub(crate) fn option<T: Copy>(socket: SOCKET, level: i32, name: i32) -> Result<T> {
    // SAFETY: options are plain structures of integers.
    let mut value: T = unsafe { core::mem::zeroed() };
    let mut len = size_of::<T>() as i32;
    // SAFETY: `value` is writable for `len` bytes.
    checked(unsafe { getsockopt(socket, level, name, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value)
}

pub(crate) fn set_option(socket: SOCKET, level: i32, name: i32, value: i32) -> Result<()> {
    // SAFETY: `value` is readable for the length that is passed.
    checked(unsafe { setsockopt(socket, level, name, (&raw const value).cast(), size_of::<i32>() as i32) })
}

/// A socket's own address and its length; WSAEINVAL where it has none.
pub(crate) fn local(socket: SOCKET, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as i32;
    // SAFETY: `address` is writable for `len` bytes.
    checked(unsafe { getsockname(socket, core::ptr::from_mut(address).cast(), &raw mut len) })?;
    Ok(len as usize)
}

/// Binds a socket to an address of ours, past the hook.
pub(crate) fn bind(socket: SOCKET, address: &Storage, len: usize) -> Result<()> {
    // SAFETY: `address` is readable for `len` bytes.
    checked(unsafe { hooks::bind::next(socket, core::ptr::from_ref(address).cast(), len as i32) })
}

/// A new socket, which no child inherits.
pub(crate) fn socket(family: c_int, kind: i32, protocol: i32) -> Result<SOCKET> {
    // SAFETY: no memory is passed.
    let socket =
        unsafe { hooks::WSASocketW::next(family, kind, protocol, core::ptr::null(), 0, WSA_FLAG_NO_HANDLE_INHERIT) };
    if socket == INVALID_SOCKET { Err(errno::get()) } else { Ok(socket) }
}

/// Closes a socket of ours, past the hook.
pub(crate) fn close(socket: SOCKET) {
    // SAFETY: no memory is passed.
    unsafe { hooks::closesocket::next(socket) };
}

/// The memory of a session is taken as a whole, when it is made.
pub(crate) const fn can_write_at(_at: usize) -> bool {
    true
}

/// This process's number.
pub(crate) fn process() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetCurrentProcessId() }
}

/// This thread's number. Processes and threads are numbered together.
pub(crate) fn thread() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetCurrentThreadId() }
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let mut time = windows_sys::Win32::Foundation::FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    // SAFETY: `time` is ours.
    unsafe { GetSystemTimePreciseAsFileTime(&raw mut time) };
    let since_1601 = u64::from(time.dwLowDateTime) | u64::from(time.dwHighDateTime) << 32;
    since_1601.wrapping_sub(UNTIL_1970).wrapping_mul(100)
}

/// Hundredths of a second since the system started.
pub(crate) fn ticks() -> u64 {
    // SAFETY: no conditions.
    unsafe { GetTickCount64() / 10 }
}

/// Milliseconds, by a clock that all processes share.
pub(crate) fn milliseconds() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetTickCount64() as u32 }
}

/// Lets another thread run.
pub(crate) fn pause() {
    // SAFETY: no conditions.
    unsafe { SwitchToThread() };
}

/// Sleeps for a millisecond.
pub(crate) fn rest() {
    // SAFETY: no conditions.
    unsafe { Sleep(1) };
}
