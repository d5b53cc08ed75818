//! Hooks of the functions that make and close handles.

use crate::windows::fd_cache::SharingOption;
use crate::windows::memory::is_readable;
use crate::windows::{errno, fd_cache, original};
use portshim_mechanism::fd_ports;
use windows_sys::Win32::Foundation::FALSE;
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, SO_EXCLUSIVEADDRUSE, SO_PORT_SCALABILITY, SO_RANDOMIZE_PORT, SO_REUSE_UNICASTPORT, SO_REUSEADDR,
    SOCKET, SOL_SOCKET, WSAEINVAL, WSAPROTOCOL_INFOA, WSAPROTOCOL_INFOW,
};
use windows_sys::core::{BOOL, PCSTR, PSTR};

/// # Safety
/// As for socket.
pub(super) unsafe extern "system" fn socket(family: i32, kind: i32, protocol: i32) -> SOCKET {
    // SAFETY: the program's own call, as it came.
    new(unsafe { original::socket::next(family, kind, protocol) }, Some((family, kind, protocol)))
}

/// # Safety
/// As for WSASocketW.
pub(super) unsafe extern "system" fn wsa_socket_wide(
    family: i32,
    kind: i32,
    protocol: i32,
    info: *const WSAPROTOCOL_INFOW,
    group: u32,
    flags: u32,
) -> SOCKET {
    // SAFETY: the program's own call, as it came.
    let handle = unsafe { original::WSASocketW::next(family, kind, protocol, info, group, flags) };
    new(handle, info.is_null().then_some((family, kind, protocol)))
}

/// # Safety
/// As for WSASocketA.
pub(super) unsafe extern "system" fn wsa_socket_narrow(
    family: i32,
    kind: i32,
    protocol: i32,
    info: *const WSAPROTOCOL_INFOA,
    group: u32,
    flags: u32,
) -> SOCKET {
    // SAFETY: the program's own call, as it came.
    let handle = unsafe { original::WSASocketA::next(family, kind, protocol, info, group, flags) };
    new(handle, info.is_null().then_some((family, kind, protocol)))
}

/// The number may have been another socket's, which was closed by a call that is not hooked. What
/// the new one was made as is known but where it stands for one of another process.
fn new(handle: SOCKET, made: Option<(i32, i32, i32)>) -> SOCKET {
    fd_cache::forget(handle);
    if let (Some((family, kind, protocol)), true) = (made, handle != INVALID_SOCKET) {
        fd_cache::made(handle, family, kind, protocol);
    }
    handle
}

/// # Safety
/// As for setsockopt.
pub(super) unsafe extern "system" fn setsockopt(
    handle: SOCKET,
    level: i32,
    option: i32,
    value: PCSTR,
    len: i32,
) -> i32 {
    if let Some(seen) = sharing_option(level, option).filter(|option| fd_cache::seen(handle, *option).is_some())
        && len == size_of::<BOOL>() as i32
        && is_readable(value.cast(), size_of::<BOOL>())
    {
        // SAFETY: it has just been seen to be readable.
        let on = unsafe { value.cast::<BOOL>().read_unaligned() } != FALSE;
        return if fd_cache::set_seen(handle, seen, on) { 0 } else { errno::fail(WSAEINVAL) };
    }
    let sharing = level == SOL_SOCKET && SHARING.contains(&option);
    let was_new = sharing && fd_cache::is_set_up(handle);
    // SAFETY: the program's own call, as it came.
    let answer = unsafe { original::setsockopt::next(handle, level, option, value, len) };
    if was_new && answer == 0 && option == SO_EXCLUSIVEADDRUSE && len == size_of::<BOOL>() as i32 {
        // SAFETY: the call has read this, and succeeded.
        if unsafe { value.cast::<BOOL>().read_unaligned() } != FALSE {
            fd_cache::is_exclusive(handle);
        }
    }
    answer
}

/// # Safety
/// As for getsockopt.
pub(super) unsafe extern "system" fn getsockopt(
    handle: SOCKET,
    level: i32,
    option: i32,
    value: PSTR,
    len: *mut i32,
) -> i32 {
    // SAFETY: the program's own call, as it came.
    let answer = unsafe { original::getsockopt::next(handle, level, option, value, len) };
    let seen = sharing_option(level, option).and_then(|option| fd_cache::seen(handle, option));
    if let (0, Some(seen)) = (answer, seen) {
        // SAFETY: the call has written an answer, so there is room for one byte at least; the
        // others of a switch are zeroes.
        unsafe { value.write(seen.into()) };
    }
    answer
}

fn sharing_option(level: i32, option: i32) -> Option<SharingOption> {
    match (level, option) {
        (SOL_SOCKET, SO_REUSEADDR) => Some(SharingOption::Reuse),
        (SOL_SOCKET, SO_EXCLUSIVEADDRUSE) => Some(SharingOption::Exclusive),
        _ => None,
    }
}

/// The options that say how a socket shares its port, or how it comes by one.
const SHARING: [i32; 5] =
    [SO_REUSEADDR, SO_EXCLUSIVEADDRUSE, SO_RANDOMIZE_PORT, SO_PORT_SCALABILITY, SO_REUSE_UNICASTPORT];

/// # Safety
/// As for closesocket.
pub(super) unsafe extern "system" fn closesocket(handle: SOCKET) -> i32 {
    // Before it is closed: afterwards another thread may have a socket of the same number.
    let before = errno::get();
    fd_cache::forget(handle);
    fd_ports::release(handle);
    errno::set(before);
    // SAFETY: the program's own call, as it came.
    unsafe { original::closesocket::next(handle) }
}
