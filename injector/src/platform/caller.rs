//! Whoever connects to a listener here.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection whose steps do not take for ever.
pub(crate) trait Caller: Read + Write {
    /// Has every read and write from now on fail that takes longer.
    fn wait_at_most(&self, time: Duration) -> io::Result<()>;
}

impl Caller for TcpStream {
    fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}
