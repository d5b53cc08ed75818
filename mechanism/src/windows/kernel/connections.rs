//! The ports that the system lists as somebody's. Those of TCP connections, be they in TIME_WAIT: a
//! bind does not meet them, and a connect from such a port to the same peer fails when it is too
//! late for another one. And those of listeners and of UDP.

use core::ffi::{CStr, c_void};
use core::mem::{offset_of, size_of, transmute};
use core::ptr::null_mut;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use std::sync::OnceLock;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, FALSE};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    MIB_TCP6ROW, MIB_TCP6TABLE, MIB_TCPROW_LH, MIB_TCPTABLE, MIB_UDP6ROW, MIB_UDP6TABLE, MIB_UDPROW, MIB_UDPTABLE,
};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows_sys::core::BOOL;
use windows_sys::w;

/// GetTcpTable and its likes.
type Ask = unsafe extern "system" fn(*mut c_void, *mut u32, BOOL) -> u32;

/// A function whose type is not known yet.
type Any = unsafe extern "system" fn() -> isize;

/// One for each scope, looked up when they are first needed: most programs never need them.
static ASK: OnceLock<[Option<Ask>; 4]> = OnceLock::new();

fn look_up() -> [Option<Ask>; 4] {
    // SAFETY: the names end in a NUL, and the functions are those of iphlpapi.h, whose first
    // argument points to one table or the other.
    unsafe {
        let library = LoadLibraryExW(w!("iphlpapi.dll"), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32);
        let find = |scope| GetProcAddress(library, name(scope).as_ptr().cast());
        Scope::ALL.map(|scope| find(scope).map(|found| transmute::<Any, Ask>(found)))
    }
}

fn name(scope: Scope) -> &'static CStr {
    match scope {
        Scope::Tcp4 => c"GetTcpTable",
        Scope::Tcp6 => c"GetTcp6Table",
        Scope::Udp4 => c"GetUdpTable",
        Scope::Udp6 => c"GetUdp6Table",
    }
}

/// The ports that sockets have in `scopes`, connections in any state; not those of TCP sockets that
/// are bound and nothing else. Empty where the system does not tell.
pub fn ports(scopes: ScopeSet) -> PortSet {
    let mut ports = PortSet::new();
    let ask = ASK.get_or_init(look_up);
    for scope in scopes.iter() {
        if let Some(ask) = ask[scope.index()] {
            add(&mut ports, ask, Shape::of(scope));
        }
    }
    ports
}

/// Place where a table's ports stand, in bytes.
struct Shape {
    /// The first row.
    first: usize,
    /// Length of a row.
    row: usize,
    /// The local port in it, in network order.
    port: usize,
}

impl Shape {
    const fn of(scope: Scope) -> Self {
        macro_rules! shape {
            ($table:ty, $row:ty) => {
                Self { first: offset_of!($table, table), row: size_of::<$row>(), port: offset_of!($row, dwLocalPort) }
            };
        }
        match scope {
            Scope::Tcp4 => shape!(MIB_TCPTABLE, MIB_TCPROW_LH),
            Scope::Tcp6 => shape!(MIB_TCP6TABLE, MIB_TCP6ROW),
            Scope::Udp4 => shape!(MIB_UDPTABLE, MIB_UDPROW),
            Scope::Udp6 => shape!(MIB_UDP6TABLE, MIB_UDP6ROW),
        }
    }
}

fn add(ports: &mut PortSet, ask: Ask, shape: Shape) {
    const WORD: usize = size_of::<u32>();
    let mut table: Vec<u32> = Vec::new();
    // It may grow between two calls.
    for _ in 0..8 {
        let mut size = size_of_val(&*table) as u32;
        // SAFETY: the buffer is as long as is said.
        match unsafe { ask(table.as_mut_ptr().cast(), &raw mut size, FALSE) } {
            0 => break,
            ERROR_INSUFFICIENT_BUFFER => table = vec![0; size as usize / WORD + 1024],
            _ => return,
        }
    }
    let count = table.first().map_or(0, |count| *count as usize);
    let rows = table.get(shape.first / WORD..).unwrap_or_default().chunks_exact(shape.row / WORD).take(count);
    for port in rows.filter_map(|row| row.get(shape.port / WORD)) {
        ports.insert(PortRange::single(u16::from_be(*port as u16)));
    }
}
