//! The original functions: those of the system, which the program called, behind their detours.

#![expect(clippy::too_many_arguments, reason = "the system's functions have them")]

use core::ffi::c_void;
use core::mem::transmute;
use retour::GenericDetour;
use std::sync::OnceLock;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Networking::WinSock::{
    LPWSAOVERLAPPED_COMPLETION_ROUTINE, QOS, SOCKADDR, SOCKET, SOCKET_ADDRESS_LIST, TIMEVAL, WSABUF, WSAMSG,
    WSAPROTOCOL_INFOA, WSAPROTOCOL_INFOW,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::{PROCESS_INFORMATION, STARTUPINFOW};
use windows_sys::core::{BOOL, PCSTR, PCWSTR, PSTR, PWSTR};
use windows_sys::w;

/// Finds each function in its library. `NAME::next` calls it, whether it is detoured or not.
macro_rules! originals {
    ($(in $library:literal { $(fn $name:ident($($arg:ident: $kind:ty),* $(,)?) -> $ret:ty;)* })*) => {
        $($(
            #[doc = concat!("`", stringify!($name), "`.")]
            #[expect(clippy::allow_attributes, reason = "not every name breaks the habit")]
            #[allow(non_snake_case)]
            pub(crate) mod $name {
                use super::*;

                pub(crate) type Function = unsafe extern "system" fn($($arg: $kind),*) -> $ret;

                static DETOUR: OnceLock<GenericDetour<Function>> = OnceLock::new();

                /// Calls the function itself.
                ///
                /// # Safety
                /// As for the function itself.
                #[inline]
                pub(crate) unsafe fn next($($arg: $kind),*) -> $ret {
                    match DETOUR.get() {
                        // SAFETY: as the caller promises.
                        Some(detour) => unsafe { detour.call($($arg),*) },
                        // SAFETY: as above; where there is no detour, nobody but the function
                        // itself answers.
                        None => match unsafe { find(w!($library), concat!(stringify!($name), "\0").as_ptr()) } {
                            // SAFETY: the library's function of this name has this type.
                            Some(found) => unsafe { transmute::<Any, Function>(found)($($arg),*) },
                            None => Default::default(),
                        },
                    }
                }

                /// Detours the function; false where it is there and cannot be detoured.
                pub(crate) fn detour(hook: Function) -> bool {
                    // SAFETY: both names end in a NUL.
                    let found = unsafe { find(w!($library), concat!(stringify!($name), "\0").as_ptr()) };
                    found.is_none_or(|found| lead(found, hook).is_some())
                }

                /// Tells whether [`detour`] would succeed.
                pub(crate) fn can_be_detoured(hook: Function) -> bool {
                    // SAFETY: as in `detour`.
                    let found = unsafe { find(w!($library), concat!(stringify!($name), "\0").as_ptr()) };
                    // SAFETY: as in `lead`; nothing is changed before it is switched on.
                    found.is_none_or(|found| unsafe {
                        GenericDetour::new(transmute::<Any, Function>(found), hook).is_ok()
                    })
                }

                fn lead(found: Any, hook: Function) -> Option<()> {
                    // SAFETY: the library's function of this name has this type.
                    let function = unsafe { transmute::<Any, Function>(found) };
                    // SAFETY: both are functions of the same type. The slot is filled before
                    // anything can come through it.
                    unsafe {
                        DETOUR.set(GenericDetour::new(function, hook).ok()?).ok()?;
                        DETOUR.get()?.enable().ok()
                    }
                }
            }
        )*)*
    };
}

originals! {
    in "ws2_32.dll" {
        fn bind(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32;
        fn connect(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32;
        fn WSAConnect(
            socket: SOCKET, address: *const SOCKADDR, len: i32, caller: *const WSABUF, callee: *mut WSABUF,
            sending: *const QOS, group: *const QOS
        ) -> i32;
        fn WSAConnectByNameW(
            socket: SOCKET, node: PCWSTR, service: PCWSTR, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL;
        fn WSAConnectByNameA(
            socket: SOCKET, node: PCSTR, service: PCSTR, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL;
        fn WSAConnectByList(
            socket: SOCKET, list: *const SOCKET_ADDRESS_LIST, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL;
        fn WSAJoinLeaf(
            socket: SOCKET, address: *const SOCKADDR, len: i32, caller: *const WSABUF, callee: *mut WSABUF,
            sending: *const QOS, group: *const QOS, flags: u32
        ) -> SOCKET;
        fn sendto(socket: SOCKET, bytes: *const u8, len: i32, flags: i32, address: *const SOCKADDR, size: i32) -> i32;
        fn WSASendTo(
            socket: SOCKET, buffers: *const WSABUF, count: u32, sent: *mut u32, flags: u32, address: *const SOCKADDR,
            len: i32, overlapped: *mut OVERLAPPED, completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32;
        fn WSASendMsg(
            socket: SOCKET, message: *const WSAMSG, flags: u32, sent: *mut u32, overlapped: *mut OVERLAPPED,
            completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32;
        fn WSAIoctl(
            socket: SOCKET, code: u32, input: *const c_void, input_len: u32, output: *mut c_void, output_len: u32,
            returned: *mut u32, overlapped: *mut OVERLAPPED, completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32;
        fn getsockopt(socket: SOCKET, level: i32, option: i32, value: PSTR, len: *mut i32) -> i32;
        fn setsockopt(socket: SOCKET, level: i32, option: i32, value: PCSTR, len: i32) -> i32;
        fn socket(family: i32, kind: i32, protocol: i32) -> SOCKET;
        fn WSASocketW(
            family: i32, kind: i32, protocol: i32, info: *const WSAPROTOCOL_INFOW, group: u32, flags: u32
        ) -> SOCKET;
        fn WSASocketA(
            family: i32, kind: i32, protocol: i32, info: *const WSAPROTOCOL_INFOA, group: u32, flags: u32
        ) -> SOCKET;
        fn closesocket(socket: SOCKET) -> i32;
    }
    in "kernelbase.dll" {
        fn CreateProcessInternalW(
            token: HANDLE, application: PCWSTR, command: PWSTR, process: *const SECURITY_ATTRIBUTES,
            thread: *const SECURITY_ATTRIBUTES, inherits: BOOL, flags: u32, environment: *const c_void, folder: PCWSTR,
            startup: *const STARTUPINFOW, information: *mut PROCESS_INFORMATION, restricted: *mut HANDLE
        ) -> BOOL;
    }
}

/// A function whose type is not known yet.
type Any = unsafe extern "system" fn() -> isize;

/// A function of a library that is loaded.
///
/// # Safety
/// Both names end in a NUL.
unsafe fn find(library: PCWSTR, name: PCSTR) -> Option<Any> {
    // SAFETY: as the caller promises.
    unsafe { GetProcAddress(GetModuleHandleW(library), name) }
}
