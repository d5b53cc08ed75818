//! Every form of connect that binds a socket which has no port yet. ConnectEx takes none such.

use crate::session;
use crate::windows::memory::read_address;
use crate::windows::serve::serve;
use crate::windows::{errno, fd_cache, original};
use core::cell::Cell;
use portshim_mechanism::windows::serve::InterceptedCall;
use portshim_mechanism::windows::socket::address::Address;
use portshim_policy::model::Call;
use windows_sys::Win32::Foundation::FALSE;
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, QOS, SOCKADDR, SOCKET, SOCKET_ADDRESS_LIST, SOCKET_ERROR, TIMEVAL, WSABUF,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

/// # Safety
/// As for connect.
pub(super) unsafe extern "system" fn connect(handle: SOCKET, address: *const SOCKADDR, len: i32) -> i32 {
    // SAFETY: the program's own call, as it came.
    through(handle, address, len, &|| unsafe { original::connect::next(handle, address, len) })
}

/// # Safety
/// As for WSAConnect.
pub(super) unsafe extern "system" fn wsa_connect(
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
        unsafe { original::WSAConnect::next(handle, address, len, caller, callee, sending, group) }
    })
}

/// # Safety
/// As for WSAConnectByNameW.
pub(super) unsafe extern "system" fn by_name_wide(
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
            original::WSAConnectByNameW::next(
                handle, node, service, local_len, local, remote_len, remote, timeout, reserved,
            )
        }
    })
}

/// # Safety
/// As for WSAConnectByNameA.
pub(super) unsafe extern "system" fn by_name_narrow(
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
            original::WSAConnectByNameA::next(
                handle, node, service, local_len, local, remote_len, remote, timeout, reserved,
            )
        }
    })
}

/// # Safety
/// As for WSAConnectByList.
pub(super) unsafe extern "system" fn by_list(
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
        unsafe {
            original::WSAConnectByList::next(handle, list, local_len, local, remote_len, remote, timeout, reserved)
        }
    })
}

/// # Safety
/// As for WSAJoinLeaf.
pub(super) unsafe extern "system" fn join_leaf(
    handle: SOCKET,
    address: *const SOCKADDR,
    len: i32,
    caller: *const WSABUF,
    callee: *mut WSABUF,
    sending: *const QOS,
    group: *const QOS,
    flags: u32,
) -> SOCKET {
    let joined = Cell::new(INVALID_SOCKET);
    let answer = through(handle, address, len, &|| {
        // SAFETY: the program's own call, as it came.
        joined.set(unsafe { original::WSAJoinLeaf::next(handle, address, len, caller, callee, sending, group, flags) });
        if joined.get() == INVALID_SOCKET { SOCKET_ERROR } else { 0 }
    });
    if answer == SOCKET_ERROR { INVALID_SOCKET } else { joined.get() }
}

/// Connects by `original`, which is the program's call.
fn through(handle: SOCKET, address: *const SOCKADDR, len: i32, original: &dyn Fn() -> i32) -> i32 {
    let before = errno::get();
    let original = || {
        errno::set(before);
        original()
    };
    let Some(session) = session::get() else { return original() };
    let Some(socket) = fd_cache::served(handle) else { return original() };
    let Some(peer) = read_address(address, len).filter(|a| a.fits(socket.family)) else { return original() };
    if socket.has_port() {
        return original();
    }
    let local = Address::any(socket.family);
    serve(&InterceptedCall {
        session,
        socket,
        call: Call::Connect,
        local,
        peer: Some(peer),
        before,
        original: &original,
    })
}

/// Connects by `original`, which finds out the peer for itself, and returns FALSE where it fails.
fn to_some(handle: SOCKET, original: &dyn Fn() -> BOOL) -> BOOL {
    let before = errno::get();
    let original = || {
        errno::set(before);
        original()
    };
    let Some(session) = session::get() else { return original() };
    let Some(socket) = fd_cache::served(handle).filter(|socket| !socket.has_port()) else { return original() };
    let local = Address::any(socket.family);
    match serve(&InterceptedCall {
        session,
        socket,
        call: Call::Connect,
        local,
        peer: None,
        before,
        original: &original,
    }) {
        ..0 => FALSE,
        answer => answer,
    }
}
