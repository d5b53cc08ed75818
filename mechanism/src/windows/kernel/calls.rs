//! Winsock's functions, never by way of a hook.

use super::errno;
use crate::address::Storage;
use core::ffi::{c_int, c_void};
use core::mem::{size_of, transmute};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use windows_sys::Win32::Networking::WinSock::{
    self, INVALID_SOCKET, SOCKADDR, SOCKET, WSA_FLAG_NO_HANDLE_INHERIT, WSAPROTOCOL_INFOW, getsockname, getsockopt,
};
use windows_sys::core::PCSTR;

/// Winsock's `bind`.
pub type Bind = unsafe extern "system" fn(SOCKET, *const SOCKADDR, i32) -> i32;
/// Winsock's `WSASocketW`.
pub type MakeSocket = unsafe extern "system" fn(i32, i32, i32, *const WSAPROTOCOL_INFOW, u32, u32) -> SOCKET;
/// Winsock's `closesocket`.
pub type Close = unsafe extern "system" fn(SOCKET) -> i32;
/// Winsock's `setsockopt`.
pub type SetOption = unsafe extern "system" fn(SOCKET, i32, i32, PCSTR, i32) -> i32;

static BIND: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static MAKE_SOCKET: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static CLOSE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static SET_OPTION: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Calls these from now on, where a hook intercepts the functions themselves.
pub fn go_past(bind: Bind, make_socket: MakeSocket, close: Close, set_option: SetOption) {
    SET_OPTION.store(set_option as *mut c_void, Relaxed);
    BIND.store(bind as *mut c_void, Relaxed);
    MAKE_SOCKET.store(make_socket as *mut c_void, Relaxed);
    CLOSE.store(close as *mut c_void, Relaxed);
}

/// Outcome of a call, or its error number.
pub type Result<T> = core::result::Result<T, i32>;

fn checked(result: i32) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(errno::get()) }
}

/// An option's value.
pub fn option<T: Copy>(socket: SOCKET, level: i32, name: i32) -> Result<T> {
    // SAFETY: options are plain structures of integers.
    let mut value: T = unsafe { core::mem::zeroed() };
    let mut len = size_of::<T>() as i32;
    // SAFETY: `value` is writable for `len` bytes.
    checked(unsafe { getsockopt(socket, level, name, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value)
}

/// Sets an option, past the hook.
pub fn set_option(socket: SOCKET, level: i32, name: i32, value: i32) -> Result<()> {
    // SAFETY: `value` is readable for the length that is passed.
    checked(unsafe { set_itself()(socket, level, name, (&raw const value).cast(), size_of::<i32>() as i32) })
}

/// A socket's own address and its length; WSAEINVAL where it has none.
pub fn local(socket: SOCKET, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as i32;
    // SAFETY: `address` is writable for `len` bytes.
    checked(unsafe { getsockname(socket, core::ptr::from_mut(address).cast(), &raw mut len) })?;
    Ok(len as usize)
}

/// Binds a socket to an address of ours, past the hook.
pub fn bind(socket: SOCKET, address: &Storage, len: usize) -> Result<()> {
    // SAFETY: `address` is readable for `len` bytes.
    checked(unsafe { bind_itself()(socket, core::ptr::from_ref(address).cast(), len as i32) })
}

/// A new socket, which no child inherits.
pub fn socket(family: c_int, kind: i32, protocol: i32) -> Result<SOCKET> {
    // SAFETY: no memory is passed.
    let socket = unsafe { make_socket()(family, kind, protocol, core::ptr::null(), 0, WSA_FLAG_NO_HANDLE_INHERIT) };
    if socket == INVALID_SOCKET { Err(errno::get()) } else { Ok(socket) }
}

/// Closes a socket of ours, past the hook.
pub fn close(socket: SOCKET) {
    // SAFETY: no memory is passed.
    unsafe { close_itself()(socket) };
}

fn bind_itself() -> Bind {
    match BIND.load(Relaxed) {
        at if at.is_null() => WinSock::bind,
        // SAFETY: stored from a function of this type.
        at => unsafe { transmute::<*mut c_void, Bind>(at) },
    }
}

fn make_socket() -> MakeSocket {
    match MAKE_SOCKET.load(Relaxed) {
        at if at.is_null() => WinSock::WSASocketW,
        // SAFETY: stored from a function of this type.
        at => unsafe { transmute::<*mut c_void, MakeSocket>(at) },
    }
}

fn set_itself() -> SetOption {
    match SET_OPTION.load(Relaxed) {
        at if at.is_null() => WinSock::setsockopt,
        // SAFETY: stored from a function of this type.
        at => unsafe { transmute::<*mut c_void, SetOption>(at) },
    }
}

fn close_itself() -> Close {
    match CLOSE.load(Relaxed) {
        at if at.is_null() => WinSock::closesocket,
        // SAFETY: stored from a function of this type.
        at => unsafe { transmute::<*mut c_void, Close>(at) },
    }
}
