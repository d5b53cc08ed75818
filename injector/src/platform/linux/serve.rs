//! A Unix socket at which others ask.

use crate::platform::Caller;
use nix::sys::stat::{Mode, umask};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// Whoever connects to this path, which this user alone can reach. A socket that nobody listens at
/// any more is taken away before.
pub(crate) fn callers_at(path: &Path) -> io::Result<impl Iterator<Item = io::Result<impl Caller>>> {
    let is_left = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
        && UnixStream::connect(path).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused);
    if is_left {
        fs::remove_file(path)?;
    }
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    Ok(std::iter::from_fn(move || Some(listener.accept().map(|(caller, _)| caller))))
}

impl Caller for UnixStream {
    fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}
