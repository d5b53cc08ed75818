//! The ports of TCP connections, those in TIME_WAIT included: a bind does not meet them, and a
//! connect from such a port to the same peer fails when it is too late for another one.

use core::ffi::c_void;
use core::mem::{offset_of, size_of, transmute};
use core::ptr::null_mut;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use std::sync::OnceLock;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, FALSE};
use windows_sys::Win32::NetworkManagement::IpHelper::{MIB_TCP6ROW, MIB_TCP6TABLE, MIB_TCPROW_LH, MIB_TCPTABLE};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows_sys::core::BOOL;
use windows_sys::w;

/// GetTcpTable and GetTcp6Table.
type Ask = unsafe extern "system" fn(*mut c_void, *mut u32, BOOL) -> u32;

/// A function whose type is not known yet.
type Any = unsafe extern "system" fn() -> isize;

/// Both, looked up when they are first needed: most programs never need them.
static ASK: OnceLock<Option<[Ask; 2]>> = OnceLock::new();

fn look_up() -> Option<[Ask; 2]> {
    // SAFETY: the names end in a NUL, and the functions are those of iphlpapi.h, whose first
    // argument points to one table or the other.
    unsafe {
        let library = LoadLibraryExW(w!("iphlpapi.dll"), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32);
        let find = |name: &core::ffi::CStr| GetProcAddress(library, name.as_ptr().cast());
        Some([transmute::<Any, Ask>(find(c"GetTcpTable")?), transmute::<Any, Ask>(find(c"GetTcp6Table")?)])
    }
}

/// The ports that connections of any state have in `scopes`; empty where the system does not tell.
pub fn ports(scopes: ScopeSet) -> PortSet {
    let mut ports = PortSet::new();
    let Some([v4, v6]) = ASK.get_or_init(look_up) else { return ports };
    if scopes.contains(Scope::Tcp4) {
        let (first, port) = (offset_of!(MIB_TCPTABLE, table), offset_of!(MIB_TCPROW_LH, dwLocalPort));
        add(&mut ports, *v4, Shape { first, row: size_of::<MIB_TCPROW_LH>(), port });
    }
    if scopes.contains(Scope::Tcp6) {
        let (first, port) = (offset_of!(MIB_TCP6TABLE, table), offset_of!(MIB_TCP6ROW, dwLocalPort));
        add(&mut ports, *v6, Shape { first, row: size_of::<MIB_TCP6ROW>(), port });
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
