//! Every form of connect that binds a socket which has no port yet. ConnectEx takes none such.

use crate::session;
use crate::windows::address::Address;
use crate::windows::drive::{Wish, serve};
use crate::windows::socket::Socket;
use crate::windows::{errno, hooks};
use portshim_policy::model::Call;
use windows_sys::Win32::Foundation::FALSE;
use windows_sys::Win32::Networking::WinSock::{QOS, SOCKADDR, SOCKET, SOCKET_ADDRESS_LIST, TIMEVAL, WSABUF};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

/// # Safety
/// As for connect.
pub(crate) unsafe fn connect(handle: SOCKET, address: *const SOCKADDR, len: i32) -> i32 {
    // SAFETY: the program's own call, as it came.
    through(handle, address, len, &|| unsafe { hooks::connect::next(handle, address, len) })
}

/// # Safety
/// As for WSAConnect.
pub(crate) unsafe fn wsa_connect(
    handle: SOCKET,
    address: *const SOCKADDR,
    len: i32,
    caller: *const WSABUF,
    callee: *mut WSABUF,
    sending: *const QOS,
    group: *const QOS,
) -> i32 {
    through(handle, address, len, &|| {
        // SAFETY: the program's own call, as it came.
        unsafe { hooks::WSAConnect::next(handle, address, len, caller, callee, sending, group) }
    })
}

/// # Safety
/// As for WSAConnectByNameW.
pub(crate) unsafe fn by_name_wide(
    handle: SOCKET,
    node: PCWSTR,
    service: PCWSTR,
    local_len: *mut u32,
    local: *mut SOCKADDR,
    remote_len: *mut u32,
    remote: *mut SOCKADDR,
    timeout: *const TIMEVAL,
    reserved: *const OVERLAPPED,
) -> BOOL {
    to_some(handle, &|| {
        // SAFETY: the program's own call, as it came.
        unsafe {
            hooks::WSAConnectByNameW::next(
                handle, node, service, local_len, local, remote_len, remote, timeout, reserved,
            )
        }
    })
}

/// # Safety
/// As for WSAConnectByNameA.
pub(crate) unsafe fn by_name_narrow(
    handle: SOCKET,
    node: PCSTR,
    service: PCSTR,
    local_len: *mut u32,
    local: *mut SOCKADDR,
    remote_len: *mut u32,
    remote: *mut SOCKADDR,
    timeout: *const TIMEVAL,
    reserved: *const OVERLAPPED,
) -> BOOL {
    to_some(handle, &|| {
        // SAFETY: the program's own call, as it came.
        unsafe {
            hooks::WSAConnectByNameA::next(
                handle, node, service, local_len, local, remote_len, remote, timeout, reserved,
            )
        }
    })
}

/// # Safety
/// As for WSAConnectByList.
pub(crate) unsafe fn by_list(
    handle: SOCKET,
    list: *const SOCKET_ADDRESS_LIST,
    local_len: *mut u32,
    local: *mut SOCKADDR,
    remote_len: *mut u32,
    remote: *mut SOCKADDR,
    timeout: *const TIMEVAL,
    reserved: *const OVERLAPPED,
) -> BOOL {
    to_some(handle, &|| {
        // SAFETY: the program's own call, as it came.
        unsafe { hooks::WSAConnectByList::next(handle, list, local_len, local, remote_len, remote, timeout, reserved) }
    })
}

/// Connects by `own`, which is the program's call.
fn through(handle: SOCKET, address: *const SOCKADDR, len: i32, own: &dyn Fn() -> i32) -> i32 {
    let before = errno::get();
    let own = || {
        errno::set(before);
        own()
    };
    let Some(session) = session::get() else { return own() };
    let Some(socket) = Socket::served(handle) else { return own() };
    let Some(peer) = Address::read(address, len).filter(|a| a.fits(socket.family)) else { return own() };
    if socket.has_port() {
        return own();
    }
    let local = Address::any(socket.family);
    serve(&Wish { session, socket, call: Call::Connect, local, peer: Some(peer), before, own: &own })
}

/// Connects by `own`, which finds out the peer for itself, and returns FALSE where it fails.
fn to_some(handle: SOCKET, own: &dyn Fn() -> BOOL) -> BOOL {
    let before = errno::get();
    let own = || {
        errno::set(before);
        own()
    };
    let Some(session) = session::get() else { return own() };
    let Some(socket) = Socket::served(handle).filter(|socket| !socket.has_port()) else { return own() };
    let local = Address::any(socket.family);
    match serve(&Wish { session, socket, call: Call::Connect, local, peer: None, before, own: &own }) {
        ..0 => FALSE,
        answer => answer,
    }
}
