//! Socket options that are changed for an attempt and put back after it.

use super::sys;
use windows_sys::Win32::Networking::WinSock::{SO_REUSEADDR, SOCKET, SOL_SOCKET};

/// SO_REUSEADDR of one socket, lifted: with it, a port that is taken looks free.
pub(crate) struct Lifted {
    socket: SOCKET,
    before: i32,
}

impl Lifted {
    pub(crate) fn on(socket: SOCKET) -> Self {
        let before = sys::option(socket, SOL_SOCKET, SO_REUSEADDR).unwrap_or(0);
        let lifted = Self { socket, before };
        if before != 0 {
            lifted.set(0);
        }
        lifted
    }

    fn set(&self, value: i32) {
        let _ = sys::set_option(self.socket, SOL_SOCKET, SO_REUSEADDR, value);
    }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        if self.before != 0 {
            self.set(self.before);
        }
    }
}
