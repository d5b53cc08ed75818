//! A Unix socket at which others ask.

use nix::sys::stat::{Mode, umask};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// Whoever connects to this path, which this user alone can reach, and has so long for each step. A
/// socket that nobody listens at any more is taken away before.
pub(crate) fn callers_at(path: &Path, patience: Duration) -> io::Result<impl Iterator<Item = impl Read + Write>> {
    let is_left = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
        && UnixStream::connect(path).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused);
    if is_left {
        fs::remove_file(path)?;
    }
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    let calls = std::iter::from_fn(move || Some(listener.accept()));
    Ok(calls.flatten().filter_map(move |(caller, _)| {
        let limited = caller.set_read_timeout(Some(patience)).and_then(|()| caller.set_write_timeout(Some(patience)));
        limited.ok().map(|()| caller)
    }))
}
