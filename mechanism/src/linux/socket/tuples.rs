//! State of a TCP connection with a given 4-tuple: by sock_diag(7), and where that cannot be had,
//! in a unit of systemd with `RestrictAddressFamilies=` perhaps, by the kernel's tables in /proc.

use super::route::Route;
use crate::linux::kernel::diag::Diag;
use crate::linux::kernel::proc::setting;
use crate::linux::kernel::tcp_table::{Seen, State};
use core::ffi::c_int;

/// Connections from one address to one peer, by the port that they would have.
pub struct Tuples {
    way: Route,
    interface: c_int,
    /// Source that tells of them; `None` where only the table does.
    diag: Option<Diag>,
    seen: Seen,
    /// Since when a connection must rest before the kernel's own connect takes it over, in
    /// milliseconds; looked up with the first of which that is asked.
    reuse: Option<Option<u32>>,
}

impl Tuples {
    /// Connections that go this way, by a socket that is confined to `interface`, or to none.
    pub fn on(way: Route, interface: c_int) -> Self {
        Self { way, interface, diag: Diag::open(), seen: Seen::default(), reuse: None }
    }

    /// State of the connection from `port`, as it is now. Where the kernel does not tell, it is
    /// taken: a socket bound by number could never be moved again. The table is not read once more
    /// for a port that it named lately.
    pub fn state(&mut self, port: u16) -> State {
        let source = self.way.source.with_port(port);
        match &self.diag {
            Some(diag) => diag.state(&source, &self.way.peer, self.interface),
            None => self.seen.state(&source, &self.way.peer),
        }
        .unwrap_or(State::Taken)
    }

    /// Tells whether the kernel's own connect would take over a connection that has rested for so
    /// long. It does so in the network's settings of now, and only where both ends had TCP
    /// timestamps: that is known of this host alone.
    pub fn takes_over(&mut self, rested: u32) -> bool {
        let way = &self.way;
        let begins = *self.reuse.get_or_insert_with(|| {
            let number = |path| setting(path).ok();
            let loopback = way.peer.is_loopback() || way.source.is_loopback();
            let reuses = match number(c"/proc/sys/net/ipv4/tcp_tw_reuse")? {
                0 => false,
                1 => way.is_local,
                _ => loopback,
            };
            // 0 is none; 1 and 2 are the two kinds of them.
            let stamped = number(c"/proc/sys/net/ipv4/tcp_timestamps")? != 0;
            // Since Linux 6.14; before that it is always a second.
            let delay = number(c"/proc/sys/net/ipv4/tcp_tw_reuse_delay").unwrap_or(1_000);
            (reuses && stamped).then_some(delay)
        });
        begins.is_some_and(|begins| rested > begins)
    }
}
