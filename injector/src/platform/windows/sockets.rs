//! The sockets that the system knows: which ports are in use, and which process holds them.

use super::super::answers::{Holders, Socket, State};
use portshim_policy::ports::{Scope, ScopeSet};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::{io, ptr};
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, GetExtendedUdpTable, MIB_TCP_STATE_CLOSE_WAIT, MIB_TCP_STATE_CLOSING, MIB_TCP_STATE_ESTAB,
    MIB_TCP_STATE_FIN_WAIT1, MIB_TCP_STATE_FIN_WAIT2, MIB_TCP_STATE_LAST_ACK, MIB_TCP_STATE_LISTEN,
    MIB_TCP_STATE_SYN_RCVD, MIB_TCP_STATE_SYN_SENT, MIB_TCP_STATE_TIME_WAIT, MIB_TCP6ROW_OWNER_PID,
    MIB_TCPROW_OWNER_PID, MIB_UDP6ROW_OWNER_PID, MIB_UDPROW_OWNER_PID, TCP_TABLE_OWNER_PID_ALL, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};

/// A row of one of the tables.
trait Row: Copy {
    fn socket(self) -> Socket;
}

/// A socket of TCP, as a row tells of it: its ends, with their ports as they stand there.
fn of_tcp(scopes: ScopeSet, local: (IpAddr, u32), peer: (IpAddr, u32), state: u32, pid: u32) -> Socket {
    let state = match state.cast_signed() {
        MIB_TCP_STATE_LISTEN => State::Listen,
        MIB_TCP_STATE_SYN_SENT => State::SynSent,
        MIB_TCP_STATE_SYN_RCVD => State::SynReceived,
        MIB_TCP_STATE_ESTAB => State::Established,
        MIB_TCP_STATE_FIN_WAIT1 => State::FinWait1,
        MIB_TCP_STATE_FIN_WAIT2 => State::FinWait2,
        MIB_TCP_STATE_CLOSE_WAIT => State::CloseWait,
        MIB_TCP_STATE_CLOSING => State::Closing,
        MIB_TCP_STATE_LAST_ACK => State::LastAck,
        MIB_TCP_STATE_TIME_WAIT => State::TimeWait(None),
        _ => State::Bound,
    };
    // A listener's row has anything for a peer.
    let peer = (!matches!(state, State::Listen | State::Bound)).then(|| (peer.0, port(peer.1)).into());
    Socket { peer, state, ..bound(port(local.1), scopes, local.0, pid) }
}

/// A socket that has a port, and nothing else.
pub(super) fn bound(port: u16, scopes: ScopeSet, local: IpAddr, pid: u32) -> Socket {
    Socket { port, scopes, local, peer: None, state: State::Bound, user: None, inode: pid.into() }
}

/// Ports stand there as they are sent, in the lower half.
fn port(field: u32) -> u16 {
    u16::from_be_bytes([field as u8, (field >> 8) as u8])
}

/// So do addresses of IPv4.
fn four(field: u32) -> IpAddr {
    IpAddr::from(field.to_ne_bytes())
}

fn six(bytes: [u8; 16]) -> IpAddr {
    let ip = Ipv6Addr::from(bytes);
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

/// A socket of IPv6's tables, where IPv4's are told apart by their address.
fn scope(address: [u8; 16], four: Scope, six: Scope) -> ScopeSet {
    if Ipv6Addr::from(address).to_ipv4_mapped().is_some() { four.into() } else { six.into() }
}

impl Row for MIB_TCPROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (local, peer) = ((four(self.dwLocalAddr), self.dwLocalPort), (four(self.dwRemoteAddr), self.dwRemotePort));
        of_tcp(Scope::Tcp4.into(), local, peer, self.dwState, self.dwOwningPid)
    }
}

impl Row for MIB_TCP6ROW_OWNER_PID {
    fn socket(self) -> Socket {
        let (local, peer) = ((six(self.ucLocalAddr), self.dwLocalPort), (six(self.ucRemoteAddr), self.dwRemotePort));
        of_tcp(scope(self.ucLocalAddr, Scope::Tcp4, Scope::Tcp6), local, peer, self.dwState, self.dwOwningPid)
    }
}

impl Row for MIB_UDPROW_OWNER_PID {
    fn socket(self) -> Socket {
        bound(port(self.dwLocalPort), Scope::Udp4.into(), four(self.dwLocalAddr), self.dwOwningPid)
    }
}

impl Row for MIB_UDP6ROW_OWNER_PID {
    fn socket(self) -> Socket {
        let scopes = scope(self.ucLocalAddr, Scope::Udp4, Scope::Udp6);
        bound(port(self.dwLocalPort), scopes, six(self.ucLocalAddr), self.dwOwningPid)
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

/// The processes that have some of these sockets.
pub(crate) fn holders(inodes: &BTreeSet<u64>) -> Holders {
    let of =
        inodes.iter().filter_map(|inode| Some((*inode, vec![u32::try_from(*inode).ok().filter(|pid| *pid != 0)?])));
    Holders { of: of.collect(), some_hidden: false }
}
