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

/// Detours each function to its handler, if it is in the [table of hooks](portshim_policy::hooks)
/// as well.
macro_rules! hooks {
    ($($kind:ident { $($name:ident => $handler:path;)* })*) => {
        const _: () = {
            let mut known = [false; WINDOWS_HOOKS.len()];
            $($(known[place_of(WINDOWS_HOOKS, stringify!($name), HookKind::$kind)] = true;)*)*
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
                if !original::$name::detour($handler) {
                    report(stringify!($name));
                }
            )*)*
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
        sendto => send::sendto;
        WSASendTo => send::wsa_send_to;
        WSASendMsg => send::wsa_send_msg;
    }
    Observe {
        WSAIoctl => send::wsa_ioctl;
        socket => descriptors::socket;
        WSASocketW => descriptors::wsa_socket_wide;
        WSASocketA => descriptors::wsa_socket_narrow;
        closesocket => descriptors::closesocket;
    }
    Follow {
        CreateProcessInternalW => exec::create_process;
    }
}
