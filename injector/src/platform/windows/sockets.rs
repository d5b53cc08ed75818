//! The sockets that the system knows: which ports are in use, and which process holds them.

use super::super::answers::Socket;
use super::process;
use portshim_policy::ports::{Scope, ScopeSet};
use std::io;
use std::net::Ipv6Addr;
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, GetExtendedUdpTable, MIB_TCP_STATE_TIME_WAIT, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID,
    MIB_UDP6ROW_OWNER_PID, MIB_UDPROW_OWNER_PID, TCP_TABLE_OWNER_PID_ALL, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};

/// A row of one of the tables.
trait Row: Copy {
    fn socket(self) -> Socket;
}

/// Ports stand there as they are sent, in the lower half.
fn port(field: u32) -> u16 {
    u16::from_be_bytes([field as u8, (field >> 8) as u8])
}

/// A socket of IPv6's tables, where IPv4's are told apart by their address.
fn scope(address: [u8; 16], four: Scope, six: Scope) -> ScopeSet {
    if Ipv6Addr::from(address).to_ipv4_mapped().is_some() { four.into() } else { six.into() }
}

fn waits(state: u32) -> bool {
    state == MIB_TCP_STATE_TIME_WAIT.cast_unsigned()
}

impl Row for MIB_TCPROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (port, pid) = (port(self.dwLocalPort), self.dwOwningPid);
        Socket { port, scopes: Scope::Tcp4.into(), waits: waits(self.dwState), inode: pid.into() }
    }
}

impl Row for MIB_TCP6ROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (port, pid) = (port(self.dwLocalPort), self.dwOwningPid);
        let scopes = scope(self.ucLocalAddr, Scope::Tcp4, Scope::Tcp6);
        Socket { port, scopes, waits: waits(self.dwState), inode: pid.into() }
    }
}

impl Row for MIB_UDPROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (port, pid) = (port(self.dwLocalPort), self.dwOwningPid);
        Socket { port, scopes: Scope::Udp4.into(), waits: false, inode: pid.into() }
    }
}

impl Row for MIB_UDP6ROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (port, pid) = (port(self.dwLocalPort), self.dwOwningPid);
        Socket { port, scopes: scope(self.ucLocalAddr, Scope::Udp4, Scope::Udp6), waits: false, inode: pid.into() }
    }
}

/// The sockets of this host. Windows does not tell of those of TCP that are bound and nothing else.
pub(crate) fn sockets(_: impl IntoIterator<Item = u32>) -> Result<Vec<Socket>, String> {
    let (four, six) = (u32::from(AF_INET), u32::from(AF_INET6));
    // SAFETY: each time, these are the rows of the table that is asked for.
    unsafe {
        let tcp =
            |family| move |to, size: &mut u32| GetExtendedTcpTable(to, size, 0, family, TCP_TABLE_OWNER_PID_ALL, 0);
        let udp = |family| move |to, size: &mut u32| GetExtendedUdpTable(to, size, 0, family, UDP_TABLE_OWNER_PID, 0);
        let mut sockets = table::<MIB_TCPROW_OWNER_PID>(tcp(four))?;
        // Without IPv6, there are no tables of it.
        sockets.extend(table::<MIB_TCP6ROW_OWNER_PID>(tcp(six)).unwrap_or_default());
        sockets.extend(table::<MIB_UDPROW_OWNER_PID>(udp(four))?);
        sockets.extend(table::<MIB_UDP6ROW_OWNER_PID>(udp(six)).unwrap_or_default());
        sockets.retain(|socket| socket.port != 0);
        Ok(sockets)
    }
}

/// Reads a table: the number of its rows, and the rows.
///
/// # Safety
/// `fill` must write such a table to where it is told, no longer than it is told, and say how long
/// it has to be.
unsafe fn table<R: Row>(fill: impl Fn(*mut core::ffi::c_void, &mut u32) -> u32) -> Result<Vec<Socket>, String> {
    let mut size = 0;
    let mut table: Vec<u32> = Vec::new();
    loop {
        let to = if table.is_empty() { ptr::null_mut() } else { table.as_mut_ptr().cast() };
        match fill(to, &mut size) {
            NO_ERROR if !table.is_empty() => break,
            // More may have been opened meanwhile.
            NO_ERROR | ERROR_INSUFFICIENT_BUFFER => table.resize(size as usize / 4 + 1024, 0),
            error => return Err(io::Error::from_raw_os_error(error.cast_signed()).to_string()),
        }
        size = size_of_val(table.as_slice()) as u32;
    }
    let most = (size_of_val(table.as_slice()) - size_of::<u32>()) / size_of::<R>();
    let count = (table[0] as usize).min(most);
    // SAFETY: as many rows as there are lie behind their number, as the caller promises, in the
    // table's own memory; they are made of words, as the table is.
    let rows = unsafe { std::slice::from_raw_parts(table.as_ptr().add(1).cast::<R>(), count) };
    Ok(rows.iter().map(|row| row.socket()).collect())
}

/// Numbers that the sockets of a process are told by.
pub(crate) fn held(pid: u32) -> Vec<u64> {
    vec![pid.into()]
}

/// The process that has this socket, and its name, as far as this user may know.
pub(crate) fn holder(inode: u64) -> Option<(u32, String)> {
    let pid = u32::try_from(inode).ok().filter(|pid| *pid != 0)?;
    Some((pid, process::name(pid)))
}
