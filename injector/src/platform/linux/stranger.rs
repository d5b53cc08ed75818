//! Sockets that hold a port as a stranger's would.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, accept, bind, connect, getsockname, listen,
    setsockopt, socket, sockopt,
};
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A port that is held.
pub(crate) struct Stranger {
    port: u16,
    scopes: ScopeSet,
    /// The sockets, where they are open.
    sockets: Vec<OwnedFd>,
    /// The connections that rest, the oldest first.
    resting: Vec<Resting>,
}

/// A connection that rests: its other end, and since when.
struct Resting {
    scope: Scope,
    peer: SockaddrStorage,
    since: Instant,
}

/// Time for which Linux lets connections rest (`TCP_TIMEWAIT_LEN`), and after which others are
/// made.
const RESTS: Duration = Duration::from_secs(60);
const RENEWED: Duration = Duration::from_secs(45);

impl Stranger {
    /// Holds `port` in all of `scopes` that this host has, by sockets that are bound to it. With
    /// `listens`, those of TCP listen.
    ///
    /// # Errors
    /// The scope in which that cannot be, and why.
    pub(crate) fn bound(port: u16, scopes: ScopeSet, listens: bool) -> Result<Self, (Scope, io::Error)> {
        Self::hold(port, scopes, |held, scope| held.open(scope, listens))
    }

    /// The same by connections that were closed, and rest there in TIME_WAIT.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn resting(port: u16, scopes: ScopeSet) -> Result<Self, (Scope, io::Error)> {
        Self::hold(port, scopes, Self::rest)
    }

    fn hold(
        port: u16,
        scopes: ScopeSet,
        one: impl Fn(&mut Self, Scope) -> nix::Result<()>,
    ) -> Result<Self, (Scope, io::Error)> {
        let (sockets, resting) = (Vec::new(), Vec::new());
        let mut held = Self { port, scopes: ScopeSet::from_bits(0), sockets, resting };
        for scope in scopes.iter() {
            match one(&mut held, scope) {
                Ok(()) => held.scopes = held.scopes.iter().chain([scope]).collect(),
                // A host without IPv6 has none of its ports.
                Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) if scopes.contains(scope.other_family()) => {}
                Err(errno) => return Err((scope, errno.into())),
            }
        }
        Ok(held)
    }

    /// The scopes in which it is held.
    pub(crate) fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    /// Goes on holding it; to be called every now and then.
    pub(crate) fn go_on(&mut self) {
        if self.resting.last().is_some_and(|last| last.since.elapsed() >= RENEWED) {
            // Those before go on to rest for a while, and have to be woken in the end.
            self.resting.retain(|one| one.since.elapsed() < RESTS);
            for scope in self.scopes.iter() {
                // Where another has the port by now, it is taken all the same.
                let _ = self.rest(scope);
            }
        }
    }

    fn open(&mut self, scope: Scope, listens: bool) -> nix::Result<()> {
        let one = new(scope)?;
        bind(one.as_raw_fd(), &any(scope, self.port))?;
        if listens && scope.transport() == Transport::Tcp {
            listen(&one, Backlog::MAXCONN)?;
        }
        self.sockets.push(one);
        Ok(())
    }

    /// Makes a connection to the port, and has the port's end close it first.
    fn rest(&mut self, scope: Scope) -> nix::Result<()> {
        let listener = self.listener(scope)?;
        let client = new(scope)?;
        connect(client.as_raw_fd(), &loopback(scope, self.port))?;
        let server = accepted(&listener)?;
        let peer = getsockname::<SockaddrStorage>(client.as_raw_fd())?;
        drop(server);
        drop(client);
        self.resting.push(Resting { scope, peer, since: Instant::now() });
        Ok(())
    }

    /// A listening socket at the port, be it that connections rest there.
    fn listener(&self, scope: Scope) -> nix::Result<OwnedFd> {
        let listener = new(scope)?;
        setsockopt(&listener, sockopt::ReuseAddr, &true)?;
        bind(listener.as_raw_fd(), &loopback(scope, self.port))?;
        listen(&listener, Backlog::MAXCONN)?;
        Ok(listener)
    }

    /// Wakes a connection that rests, by one between the same ends, and resets it.
    fn wake(&self, scope: Scope, peer: &SockaddrStorage) -> nix::Result<()> {
        let listener = self.listener(scope)?;
        let client = new(scope)?;
        setsockopt(&client, sockopt::ReuseAddr, &true)?;
        bind(client.as_raw_fd(), peer)?;
        // Where another process takes its turn on the other end, this is not to take long.
        setsockopt(&client, sockopt::SendTimeout, &nix::sys::time::TimeVal::new(1, 500_000))?;
        connect(client.as_raw_fd(), &loopback(scope, self.port))?;
        let server = accepted(&listener)?;
        for end in [&server, &client] {
            setsockopt(end, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
        }
        Ok(())
    }
}

/// Connections that rest would do so for up to a minute after this process.
impl Drop for Stranger {
    fn drop(&mut self) {
        for Resting { scope, peer, .. } in &self.resting {
            // What cannot be woken comes to its end by itself.
            let _ = self.wake(*scope, peer);
        }
    }
}

fn new(scope: Scope) -> nix::Result<OwnedFd> {
    let family = if is_v6(scope) { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let kind = if scope.transport() == Transport::Tcp { SockType::Stream } else { SockType::Datagram };
    let one = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    if is_v6(scope) {
        setsockopt(&one, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(one)
}

fn accepted(listener: &OwnedFd) -> nix::Result<OwnedFd> {
    let fd = accept(listener.as_raw_fd())?;
    // SAFETY: accept(2) has just opened it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn any(scope: Scope, port: u16) -> SockaddrStorage {
    address(scope, Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, port)
}

fn loopback(scope: Scope, port: u16) -> SockaddrStorage {
    address(scope, Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, port)
}

fn address(scope: Scope, v4: Ipv4Addr, v6: Ipv6Addr, port: u16) -> SockaddrStorage {
    if is_v6(scope) { SocketAddrV6::new(v6, port, 0, 0).into() } else { SocketAddrV4::new(v4, port).into() }
}

fn is_v6(scope: Scope) -> bool {
    matches!(scope, Scope::Tcp6 | Scope::Udp6)
}

/// The signals that end a wait.
const ENDS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Waits until a signal ends that, or the time is over; calls `meanwhile` every now and then.
pub(crate) fn wait_for_end(time: Option<Duration>, mut meanwhile: impl FnMut()) -> io::Result<()> {
    let ends: SigSet = ENDS.into_iter().collect();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ends), None)?;
    let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC)?;
    let begun = Instant::now();
    loop {
        let left = time.map_or(Duration::MAX, |time| time.saturating_sub(begun.elapsed()));
        if left.is_zero() {
            return Ok(());
        }
        let pause = left.min(Duration::from_secs(1)).as_millis() as u16 + 1;
        match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], PollTimeout::from(pause)) {
            Ok(0) | Err(Errno::EINTR) => meanwhile(),
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_rests_in_the_end_although_it_was_renewed() {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let bound = || {
            let one = new(Scope::Tcp4).unwrap();
            bind(one.as_raw_fd(), &loopback(Scope::Tcp4, port))
        };
        let mut held = Stranger::resting(port, Scope::Tcp4.into()).unwrap();
        held.go_on();
        assert_eq!((held.resting.len(), bound()), (1, Err(Errno::EADDRINUSE)));
        let long_ago = Instant::now().checked_sub(RENEWED).expect("the machine has run for a minute");
        held.resting[0].since = long_ago;
        held.go_on();
        held.go_on();
        assert_eq!((held.resting.len(), bound()), (2, Err(Errno::EADDRINUSE)));
        drop(held);
        assert_eq!(bound(), Ok(()));
    }
}
