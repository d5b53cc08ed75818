//! Hooks of the functions that make and close handles.

use crate::fd_ports;
use crate::windows::{errno, fd_cache, original};
use windows_sys::Win32::Networking::WinSock::{SOCKET, WSAPROTOCOL_INFOA, WSAPROTOCOL_INFOW};

/// # Safety
/// As for socket.
pub(super) unsafe extern "system" fn socket(family: i32, kind: i32, protocol: i32) -> SOCKET {
    // SAFETY: the program's own call, as it came.
    new(unsafe { original::socket::next(family, kind, protocol) })
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
    new(unsafe { original::WSASocketW::next(family, kind, protocol, info, group, flags) })
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
    new(unsafe { original::WSASocketA::next(family, kind, protocol, info, group, flags) })
}

/// The number may have been another socket's, which was closed by a call that is not hooked.
fn new(handle: SOCKET) -> SOCKET {
    fd_cache::forget(handle);
    handle
}

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
