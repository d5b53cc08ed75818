//! One attempt to serve a wish: carries a plan's steps out on the program's socket.

use super::drive::Wish;
use super::options::Lifted;
use super::{errno, sys};
use portshim_policy::{Call, Mechanism, Outcome, PortRange, Try};
use windows_sys::Win32::Networking::WinSock::{WSAEACCES, WSAEADDRINUSE, WSAEINVAL};

/// The steps of a plan, on one socket.
pub(crate) struct Attempt<'a> {
    wish: &'a Wish<'a>,
    /// The option that a bind by number must not have, from the first such bind on.
    lifted: Option<Lifted>,
    /// The port that the socket has got.
    port: Option<u16>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(wish: &'a Wish<'a>) -> Self {
        Self { wish, lifted: None, port: None }
    }

    /// The port that the socket has got.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }
}

impl Mechanism for Attempt<'_> {
    type Answer = i32;

    fn steer(&mut self, _run: PortRange) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn aim(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn pin(&mut self, port: u16) -> Try<i32> {
        let wish = self.wish;
        let candidate = wish.local.with_port(port);
        if self.lifted.is_none() {
            self.lifted = Some(Lifted::on(wish.socket.handle));
        }
        errno::set(wish.before);
        match sys::bind(wish.socket.handle, candidate.storage(), candidate.len()) {
            Ok(()) => {
                self.port = Some(port);
                if wish.call == Call::Bind {
                    return Try::Done(0);
                }
                self.lifted = None; // the program's own call may take long
                Try::Done((wish.own)())
            }
            // WSAEACCES: the port is excluded, or another socket has it for itself alone.
            Err(WSAEADDRINUSE | WSAEACCES) => Try::Again(Outcome::Taken),
            // Another thread has been faster.
            Err(WSAEINVAL) if wish.socket.has_port() => {
                self.lifted = None;
                Try::Done((wish.own)())
            }
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Ports are each one socket's alone here: a bind by number cannot be told to share its port by 4-tuple.
    fn share(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Taken)
    }
}
