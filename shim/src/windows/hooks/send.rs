//! Datagrams sent from a socket that has no port yet.

use crate::session;
use crate::windows::memory::{is_readable, read_address};
use crate::windows::serve::serve;
use crate::windows::{errno, fd_cache, original};
use core::ffi::c_void;
use core::mem::{size_of, transmute};
use core::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};
use portshim_mechanism::windows::serve::InterceptedCall;
use portshim_mechanism::windows::socket::address::Address;
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;
use windows_sys::Win32::Networking::WinSock::{
    LPWSAOVERLAPPED_COMPLETION_ROUTINE, SIO_ASSOCIATE_PORT_RESERVATION, SIO_GET_EXTENSION_FUNCTION_POINTER, SOCKADDR,
    SOCKET, WSABUF, WSAID_WSASENDMSG, WSAMSG,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::core::GUID;

/// # Safety
/// As for sendto.
pub(super) unsafe extern "system" fn sendto(
    handle: SOCKET,
    bytes: *const u8,
    len: i32,
    flags: i32,
    address: *const SOCKADDR,
    size: i32,
) -> i32 {
    // SAFETY: the program's own call, as it came.
    through(handle, address, size, &|| unsafe { original::sendto::next(handle, bytes, len, flags, address, size) })
}

/// # Safety
/// As for WSASendTo.
pub(super) unsafe extern "system" fn wsa_send_to(
    handle: SOCKET,
    buffers: *const WSABUF,
    count: u32,
    sent: *mut u32,
    flags: u32,
    address: *const SOCKADDR,
    len: i32,
    overlapped: *mut OVERLAPPED,
    completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE,
) -> i32 {
    through(handle, address, len, &|| {
        // SAFETY: the program's own call, as it came.
        unsafe { original::WSASendTo::next(handle, buffers, count, sent, flags, address, len, overlapped, completion) }
    })
}

/// # Safety
/// As for WSASendMsg.
pub(super) unsafe extern "system" fn wsa_send_msg(
    handle: SOCKET,
    message: *const WSAMSG,
    flags: u32,
    sent: *mut u32,
    overlapped: *mut OVERLAPPED,
    completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE,
) -> i32 {
    // SAFETY: the program's own call, as it came.
    message_through(handle, message, &|| unsafe {
        original::WSASendMsg::next(handle, message, flags, sent, overlapped, completion)
    })
}

/// The WSASendMsg that programs ask for by way of WSAIoctl: the provider's own.
type SendMsg = unsafe extern "system" fn(
    SOCKET,
    *const WSAMSG,
    u32,
    *mut u32,
    *mut OVERLAPPED,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE,
) -> i32;

/// The provider's WSASendMsg; null where nobody has asked for it.
static PROVIDERS: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Function that programs get in its place.
///
/// # Safety
/// As for WSASendMsg.
unsafe extern "system" fn provided_send_msg(
    handle: SOCKET,
    message: *const WSAMSG,
    flags: u32,
    sent: *mut u32,
    overlapped: *mut OVERLAPPED,
    completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE,
) -> i32 {
    // SAFETY: `wsa_ioctl` has stored the provider's function before it handed this one out.
    let provided: SendMsg = unsafe { transmute(PROVIDERS.load(Acquire)) };
    // SAFETY: the program's own call, as it came.
    message_through(handle, message, &|| unsafe { provided(handle, message, flags, sent, overlapped, completion) })
}

/// # Safety
/// As for WSAIoctl.
pub(super) unsafe extern "system" fn wsa_ioctl(
    handle: SOCKET,
    code: u32,
    input: *const c_void,
    input_len: u32,
    output: *mut c_void,
    output_len: u32,
    returned: *mut u32,
    overlapped: *mut OVERLAPPED,
    completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE,
) -> i32 {
    // SAFETY: the program's own call, as it came.
    let answer = unsafe {
        original::WSAIoctl::next(handle, code, input, input_len, output, output_len, returned, overlapped, completion)
    };
    if answer == 0 && code == SIO_ASSOCIATE_PORT_RESERVATION {
        fd_cache::associate(handle);
    }
    if answer != 0 || code != SIO_GET_EXTENSION_FUNCTION_POINTER {
        return answer;
    }
    // SAFETY: the call has succeeded, so it has read a GUID here and written a pointer there.
    unsafe {
        let asked = input.cast::<GUID>().read_unaligned();
        if is_same(&asked, &WSAID_WSASENDMSG) {
            let place = output.cast::<*mut c_void>();
            let provided = place.read_unaligned();
            let known = PROVIDERS.compare_exchange(core::ptr::null_mut(), provided, Release, Acquire);
            // Another provider's is left as it is.
            if known.is_ok() || known == Err(provided) {
                place.write_unaligned(provided_send_msg as SendMsg as *mut c_void);
            }
        }
    }
    answer
}

fn is_same(one: &GUID, other: &GUID) -> bool {
    (one.data1, one.data2, one.data3, one.data4) == (other.data1, other.data2, other.data3, other.data4)
}

/// Sends by `original`, which is the program's call, to the address of a message.
fn message_through(handle: SOCKET, message: *const WSAMSG, original: &dyn Fn() -> i32) -> i32 {
    if fd_cache::is_settled(handle) || !is_readable(message.cast(), size_of::<WSAMSG>()) {
        return original();
    }
    // SAFETY: all of the message has just been seen to be readable; it is plain integers and
    // pointers.
    let message = unsafe { message.read_unaligned() };
    through(handle, message.name, message.namelen, original)
}

/// Sends by `original`, which is the program's call.
fn through(handle: SOCKET, address: *const SOCKADDR, len: i32, original: &dyn Fn() -> i32) -> i32 {
    if fd_cache::is_settled(handle) {
        return original();
    }
    let before = errno::get();
    let original = || {
        errno::set(before);
        original()
    };
    let Some(session) = session::get() else { return original() };
    let socket = fd_cache::served(handle).filter(|socket| socket.transport == Transport::Udp);
    let Some(socket) = socket.filter(|socket| !socket.has_port()) else {
        fd_cache::mark_settled(handle);
        return original();
    };
    let Some(peer) = read_address(address, len).filter(|a| a.fits(socket.family)) else { return original() };
    let local = Address::any(socket.family);
    serve(&InterceptedCall { session, socket, call: Call::Send, local, peer: Some(peer), before, original: &original })
}
