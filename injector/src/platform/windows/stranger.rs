//! Sockets that hold a port as a stranger's would.

use super::exclusive::Exclusive;
use super::native::done;
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use windows_sys::Win32::Networking::WinSock::{WSAEADDRNOTAVAIL, WSAEAFNOSUPPORT};
use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;
use windows_sys::core::BOOL;

/// A port that is held.
pub(crate) struct Stranger {
    scopes: ScopeSet,
    /// The sockets: exclusive ones, for others would let a program bind the port at one address.
    sockets: Vec<Exclusive>,
}

impl Stranger {
    /// Holds `port` in all of `scopes` that this host has, by sockets that are bound to it. With
    /// `listens`, those of TCP listen.
    ///
    /// # Errors
    /// The scope in which that cannot be, and why.
    pub(crate) fn bound(port: u16, scopes: ScopeSet, listens: bool) -> Result<Self, (Scope, io::Error)> {
        let mut held = Self { scopes: ScopeSet::from_bits(0), sockets: Vec::new() };
        for scope in scopes.iter() {
            let one = Exclusive::at(port, scope).and_then(|one| {
                if listens && scope.transport() == Transport::Tcp {
                    one.listen()?;
                }
                Ok(one)
            });
            match one {
                Ok(one) => {
                    held.sockets.push(one);
                    held.scopes = held.scopes.iter().chain([scope]).collect();
                }
                // A host without IPv6 has none of its ports.
                Err(why)
                    if matches!(why.raw_os_error(), Some(WSAEAFNOSUPPORT | WSAEADDRNOTAVAIL))
                        && scopes.contains(scope.other_family()) => {}
                Err(why) => return Err((scope, why)),
            }
        }
        Ok(held)
    }

    /// The scopes in which it is held.
    pub(crate) fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    /// Goes on holding it: that takes nothing here.
    pub(crate) fn go_on(&mut self) {}
}

/// Set once something has ended the wait.
static ENDED: Mutex<bool> = Mutex::new(false);
static CAME: Condvar = Condvar::new();

/// Waits until Ctrl-C or the console's end ends that, or the time is over.
pub(crate) fn wait_for_end(time: Option<Duration>, _: impl FnMut()) -> io::Result<()> {
    // SAFETY: the handler takes a lock that is never held for long.
    done(unsafe { SetConsoleCtrlHandler(Some(end), 1) })?;
    let ended = ENDED.lock().unwrap_or_else(PoisonError::into_inner);
    match time {
        Some(time) => drop(CAME.wait_timeout_while(ended, time, |ended| !*ended)),
        None => drop(CAME.wait_while(ended, |ended| !*ended)),
    }
    Ok(())
}

/// Runs in a thread of its own.
unsafe extern "system" fn end(_: u32) -> BOOL {
    *ENDED.lock().unwrap_or_else(PoisonError::into_inner) = true;
    CAME.notify_all();
    1
}
