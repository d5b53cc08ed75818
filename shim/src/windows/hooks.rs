//! The table of hooks: every function that the shim detours, and who answers for it.

mod bind;
mod connect;
mod descriptors;
mod exec;
mod send;

use super::original;
use portshim_mechanism::windows::kernel::calls::go_past;
use portshim_policy::hooks::{HookKind, WINDOWS_HOOKS, place_of};
use windows_sys::Win32::Networking::WinSock::{SOCKADDR, SOCKET, WSAPROTOCOL_INFOW};
use windows_sys::core::PCSTR;

/// Detours each function to its handler, if it is in the [table of hooks](portshim_policy::hooks)
/// as well.
macro_rules! hooks {
    ($($kind:ident { $($name:ident => $handler:path;)* })*) => {
        const _: () = {
            let mut known = [false; WINDOWS_HOOKS.len()];
            $($(known[place_of(WINDOWS_HOOKS, stringify!($name), HookKind::$kind)] = true;)*)*
            let mut at = 0;
            while at < known.len() {
                assert!(known[at], "a hook of policy/src/hooks.rs has no handler of its kind here");
                at += 1;
            }
        };

        /// Detours every function that there is. Returns a bit for each that cannot be, by its
        /// place in the table.
        pub(crate) fn install() -> u32 {
            go_past(bind_itself, make_socket, close_socket, set_option);
            let mut missing = 0;
            $($(
                if !original::$name::detour($handler) {
                    missing |= 1 << const { place_of(WINDOWS_HOOKS, stringify!($name), HookKind::$kind) };
                }
            )*)*
            missing
        }

        /// Tells which hooks could not be placed in a process that has Winsock as this one has it,
        /// as [`install`] does.
        #[unsafe(no_mangle)]
        extern "system" fn portshim_try_out() -> u32 {
            let mut missing = 0;
            $($(
                if !original::$name::can_be_detoured($handler) {
                    missing |= 1 << const { place_of(WINDOWS_HOOKS, stringify!($name), HookKind::$kind) };
                }
            )*)*
            missing
        }
    };
}

unsafe extern "system" fn bind_itself(socket: SOCKET, address: *const SOCKADDR, len: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { original::bind::next(socket, address, len) }
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
    unsafe { original::WSASocketW::next(family, kind, protocol, info, group, flags) }
}

unsafe extern "system" fn set_option(socket: SOCKET, level: i32, option: i32, value: PCSTR, len: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { original::setsockopt::next(socket, level, option, value, len) }
}

unsafe extern "system" fn close_socket(socket: SOCKET) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { original::closesocket::next(socket) }
}

hooks! {
    Serve {
        bind => bind::bind;
        connect => connect::connect;
        WSAConnect => connect::wsa_connect;
        WSAConnectByNameW => connect::by_name_wide;
        WSAConnectByNameA => connect::by_name_narrow;
        WSAConnectByList => connect::by_list;
        WSAJoinLeaf => connect::join_leaf;
        sendto => send::sendto;
        WSASendTo => send::wsa_send_to;
        WSASendMsg => send::wsa_send_msg;
    }
    Observe {
        WSAIoctl => send::wsa_ioctl;
        getsockopt => descriptors::getsockopt;
        setsockopt => descriptors::setsockopt;
        socket => descriptors::socket;
        WSASocketW => descriptors::wsa_socket_wide;
        WSASocketA => descriptors::wsa_socket_narrow;
        closesocket => descriptors::closesocket;
    }
    Follow {
        CreateProcessInternalW => exec::create_process;
    }
}
