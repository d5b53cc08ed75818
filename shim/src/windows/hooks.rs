//! The table of hooks: every function that the shim detours, and who answers for it.

#![expect(clippy::too_many_arguments, reason = "the system's functions have them")]

mod binding;
mod connecting;
mod descriptors;
mod executing;
mod sending;

use core::ffi::c_void;
use core::mem::transmute;
use portshim_mechanism::windows::kernel::calls::go_past;
use portshim_policy::hooks::{HookKind, WINDOWS_HOOKS, place_of};
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
use windows_sys::core::{BOOL, PCSTR, PCWSTR, PWSTR};
use windows_sys::w;

/// Detours each function of a library to its handler. `NAME::next` calls the function itself.
macro_rules! hooks {
    ($(in $library:literal $what:ident { $(fn $name:ident($($arg:ident: $kind:ty),* $(,)?) -> $ret:ty => $family:ident::$handler:ident;)* })*) => {
        $($(
            #[doc = concat!("The hook of `", stringify!($name), "`.")]
            #[expect(clippy::allow_attributes, reason = "not every name breaks the habit")]
            #[allow(non_snake_case)]
            pub(crate) mod $name {
                use super::*;

                type Function = unsafe extern "system" fn($($arg: $kind),*) -> $ret;

                static DETOUR: OnceLock<GenericDetour<Function>> = OnceLock::new();

                unsafe extern "system" fn hooked($($arg: $kind),*) -> $ret {
                    // SAFETY: the program made this call; its arguments are passed on as they came.
                    unsafe { super::$family::$handler($($arg),*) }
                }

                /// Calls the function itself.
                ///
                /// # Safety
                /// As for the function itself.
                #[inline]
                pub(crate) unsafe fn next($($arg: $kind),*) -> $ret {
                    match DETOUR.get() {
                        // SAFETY: as the caller promises.
                        Some(detour) => unsafe { detour.call($($arg),*) },
                        // SAFETY: as above; where there is no detour, nobody but the function itself answers.
                        None => match unsafe { find(w!($library), concat!(stringify!($name), "\0").as_ptr()) } {
                            // SAFETY: the library's function of this name has this type.
                            Some(found) => unsafe { transmute::<Any, Function>(found)($($arg),*) },
                            None => Default::default(),
                        },
                    }
                }

                /// Detours the function; false where it is there and cannot be detoured.
                pub(super) fn install() -> bool {
                    // SAFETY: both names end in a NUL.
                    let found = unsafe { find(w!($library), concat!(stringify!($name), "\0").as_ptr()) };
                    found.is_none_or(|found| detour(found).is_some())
                }

                fn detour(found: Any) -> Option<()> {
                    // SAFETY: the library's function of this name has this type.
                    let function = unsafe { transmute::<Any, Function>(found) };
                    // SAFETY: both are functions of the same type. The slot is filled before anything can come through it.
                    unsafe {
                        DETOUR.set(GenericDetour::new(function, hooked as Function).ok()?).ok()?;
                        DETOUR.get()?.enable().ok()
                    }
                }
            }
        )*)*

        const _: () = {
            let mut known = [false; WINDOWS_HOOKS.len()];
            $($(known[place_of(WINDOWS_HOOKS, stringify!($name), HookKind::$what)] = true;)*)*
            let mut at = 0;
            while at < known.len() {
                assert!(known[at], "a hook of the table is not there");
                at += 1;
            }
        };

        /// Detours every function that there is. `report` hears of those that cannot be.
        pub(crate) fn install(report: impl Fn(&str)) {
            go_past(bind_itself, make_socket, close_socket);
            $($(
                if !$name::install() {
                    report(stringify!($name));
                }
            )*)*
        }
    };
}

unsafe extern "system" fn bind_itself(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { bind::next(socket, address, len) }
}

unsafe extern "system" fn make_socket(
    family: i32,
    kind: i32,
    protocol: i32,
    info: *const WSAPROTOCOL_INFOW,
    group: u32,
    flags: u32,
) -> SOCKET {
    // SAFETY: as the caller promises.
    unsafe { WSASocketW::next(family, kind, protocol, info, group, flags) }
}

unsafe extern "system" fn close_socket(socket: SOCKET) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { closesocket::next(socket) }
}

hooks! {
    in "ws2_32.dll" Serve {
        fn bind(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32 => binding::bind;

        fn connect(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32 => connecting::connect;
        fn WSAConnect(
            socket: SOCKET, address: *const SOCKADDR, len: i32, caller: *const WSABUF, callee: *mut WSABUF,
            sending: *const QOS, group: *const QOS
        ) -> i32 => connecting::wsa_connect;
        fn WSAConnectByNameW(
            socket: SOCKET, node: PCWSTR, service: PCWSTR, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL => connecting::by_name_wide;
        fn WSAConnectByNameA(
            socket: SOCKET, node: PCSTR, service: PCSTR, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL => connecting::by_name_narrow;
        fn WSAConnectByList(
            socket: SOCKET, list: *const SOCKET_ADDRESS_LIST, local_len: *mut u32, local: *mut SOCKADDR,
            remote_len: *mut u32, remote: *mut SOCKADDR, timeout: *const TIMEVAL, reserved: *const OVERLAPPED
        ) -> BOOL => connecting::by_list;

        fn sendto(socket: SOCKET, bytes: *const u8, len: i32, flags: i32, address: *const SOCKADDR, size: i32)
            -> i32 => sending::sendto;
        fn WSASendTo(
            socket: SOCKET, buffers: *const WSABUF, count: u32, sent: *mut u32, flags: u32, address: *const SOCKADDR,
            len: i32, overlapped: *mut OVERLAPPED, completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32 => sending::wsa_send_to;
        fn WSASendMsg(
            socket: SOCKET, message: *const WSAMSG, flags: u32, sent: *mut u32, overlapped: *mut OVERLAPPED,
            completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32 => sending::wsa_send_msg;
    }
    in "ws2_32.dll" Observe {
        fn WSAIoctl(
            socket: SOCKET, code: u32, input: *const c_void, input_len: u32, output: *mut c_void, output_len: u32,
            returned: *mut u32, overlapped: *mut OVERLAPPED, completion: LPWSAOVERLAPPED_COMPLETION_ROUTINE
        ) -> i32 => sending::wsa_ioctl;

        fn socket(family: i32, kind: i32, protocol: i32) -> SOCKET => descriptors::socket;
        fn WSASocketW(
            family: i32, kind: i32, protocol: i32, info: *const WSAPROTOCOL_INFOW, group: u32, flags: u32
        ) -> SOCKET => descriptors::wsa_socket_wide;
        fn WSASocketA(
            family: i32, kind: i32, protocol: i32, info: *const WSAPROTOCOL_INFOA, group: u32, flags: u32
        ) -> SOCKET => descriptors::wsa_socket_narrow;
        fn closesocket(socket: SOCKET) -> i32 => descriptors::closesocket;
    }
    in "kernelbase.dll" Follow {
        fn CreateProcessInternalW(
            token: HANDLE, application: PCWSTR, command: PWSTR, process: *const SECURITY_ATTRIBUTES,
            thread: *const SECURITY_ATTRIBUTES, inherits: BOOL, flags: u32, environment: *const c_void, folder: PCWSTR,
            startup: *const STARTUPINFOW, information: *mut PROCESS_INFORMATION, restricted: *mut HANDLE
        ) -> BOOL => executing::create_process;
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
