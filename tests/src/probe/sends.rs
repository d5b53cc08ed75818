//! Every form of send.

use super::calls::{self, Answer, Via};

const DATA: &[u8] = b"x";

/// Performs the send of that name, to `address` unless it is empty.
pub(super) fn send(form: &str, fd: i32, address: &[u8], via: Via) -> Result<Answer, String> {
    // A send that finds no room fails at once; none of them shall wait.
    let flags = libc::MSG_NOSIGNAL;
    let fast = flags | libc::MSG_FASTOPEN;
    let large = [0u8; 70_000];
    Ok(match form {
        "send" => calls::send(fd, DATA, flags, via),
        "write" => calls::write(fd, DATA, false),
        "writev" => calls::write(fd, DATA, true),
        "sendto" => calls::sendto(fd, DATA, flags, address, via),
        "sendto-empty" => calls::sendto(fd, &[], flags, address, via),
        "sendto-large" => calls::sendto(fd, &large, flags, address, via),
        "sendto-fast" => calls::sendto(fd, DATA, fast, address, via),
        "sendmsg" => calls::sendmsg(fd, DATA, flags, address, None, via),
        "sendmsg-fast" => calls::sendmsg(fd, DATA, fast, address, None, via),
        "sendmmsg" => calls::sendmsg(fd, DATA, flags, address, Some(2), via),
        "sendmmsg-none" => calls::sendmsg(fd, DATA, flags, address, Some(0), via),
        "sendmmsg-fast" => calls::sendmsg(fd, DATA, fast, address, Some(1), via),
        _ => return Err(format!("no call is named `{form}`")),
    })
}
