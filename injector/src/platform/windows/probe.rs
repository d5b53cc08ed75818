//! Sockets of TCP that are bound and nothing else: Windows lists them nowhere, but lets nobody bind
//! their ports anew.

use super::super::answers::Socket;
use super::exclusive::Exclusive;
use super::sockets::bound;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use std::net::{IpAddr, Ipv4Addr};
use windows_sys::Win32::Networking::WinSock::WSAEADDRINUSE;

/// The first of these ports that TCP does not let anybody have.
pub(crate) fn unlisted(range: PortRange, scopes: ScopeSet) -> Option<Socket> {
    let of_tcp = [Scope::Tcp4, Scope::Tcp6].into_iter().filter(|scope| scopes.contains(*scope));
    (range.first()..=range.last()).find_map(|port| {
        let scope = of_tcp.clone().find(|scope| is_bound(port, *scope))?;
        Some(bound(port, scope.into(), IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    })
}

/// Tells whether a socket has this port, at whichever address. Nothing waits on it meanwhile, so
/// nobody notices.
fn is_bound(port: u16, scope: Scope) -> bool {
    Exclusive::at(port, scope).is_err_and(|error| error.raw_os_error() == Some(WSAEADDRINUSE))
}
