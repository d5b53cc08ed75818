//! The way of a listener from the program to its supervisor, while both are copies of portshim.

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use portshim_supervisor::{Listener, Way};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The program's end, whose calls the listener is told of from now on: nobody answers yet. Where
/// messages are not told of, it is sent along; else its number is.
pub(super) fn offer(to: &UnixStream, listener: RawFd, way: Way) -> io::Result<()> {
    let (number, passed) = (listener.to_ne_bytes(), [listener]);
    match way {
        Way::Calls => io::Write::write_all(&mut &*to, &number),
        Way::Sockets => {
            let rights = [ControlMessage::ScmRights(&passed)];
            sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(&number)], &rights, MsgFlags::empty(), None)?;
            Ok(())
        }
    }
}

/// What has been offered: the number of a descriptor, and the descriptor itself where it was sent.
pub(super) struct Offered(RawFd, Option<OwnedFd>);

impl Offered {
    /// Waits for it. `None` where the other end is gone.
    pub(super) fn wait(from: &UnixStream) -> Option<Self> {
        let mut number = [0; size_of::<RawFd>()];
        let mut vectors = [IoSliceMut::new(&mut number)];
        let mut room = nix::cmsg_space!(RawFd);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(from.as_raw_fd(), &mut vectors, Some(&mut room), flags).ok()?;
        let is_whole = message.bytes == size_of::<RawFd>();
        let sent = message.cmsgs().ok()?.find_map(|sent| match sent {
            ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
            _ => None,
        });
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        let sent = sent.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        is_whole.then_some(Self(RawFd::from_ne_bytes(number), sent))
    }

    /// The listener, which that process has made.
    pub(super) fn listener(self, of: Option<BorrowedFd<'_>>) -> io::Result<Listener> {
        match (self.1, of) {
            (Some(sent), _) => Ok(sent.into()),
            (None, Some(process)) => Listener::of(process.as_fd(), self.0),
            (None, None) => Err(io::Error::last_os_error()),
        }
    }
}
