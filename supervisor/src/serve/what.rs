//! Request of a call, read from its arguments and from the program's memory.

use crate::calls::Kind;
use crate::client::Client;
use crate::thread::Thread;
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::session::Session;
use std::ffi::c_int;

/// Request of a call. An address is a copy: what the program writes over its own meanwhile, the
/// kernel sees where it carries the call out itself.
pub(crate) enum What {
    Bind(Address),
    Listen(c_int),
    Connect(Address),
    Send {
        flags: c_int,
        /// Destination, unless that is where the socket is connected to.
        peer: Option<Address>,
    },
    /// A program limits a socket to a range of its own.
    LimitsItself,
}

impl What {
    /// `None` where the kernel would refuse to read it, or it needs no port.
    pub(crate) fn of(kind: Kind, arguments: &[u64; 6], thread: &Thread, wide: bool) -> Option<Self> {
        let [_, second, third, fourth, fifth, sixth] = *arguments;
        let header = |flags: u64| {
            let peer = in_message(thread, second, wide)?;
            Some(Self::Send { flags: flags as c_int, peer })
        };
        match kind {
            Kind::Bind => thread.address(second, third).map(Self::Bind),
            Kind::Connect => thread.address(second, third).map(Self::Connect),
            Kind::Listen => Some(Self::Listen(second as c_int)),
            Kind::SendTo => {
                let peer = destination(thread, fifth, sixth)?;
                Some(Self::Send { flags: fourth as c_int, peer })
            }
            Kind::SendMsg => header(third),
            // The header of the first message is the first field of it.
            Kind::SendMmsg => header(fourth).filter(|_| third as u32 != 0),
            // Behind socketcall(2), no filter has looked at which option it is.
            Kind::SetSockOpt => {
                let is_range = second as c_int == libc::SOL_IP && third as c_int == IP_LOCAL_PORT_RANGE;
                is_range.then_some(Self::LimitsItself)
            }
            Kind::Socket
            | Kind::Moves
            | Kind::Execute
            | Kind::Confine
            | Kind::Filter
            | Kind::Prctl
            | Kind::IoUring
            | Kind::SocketCall => None,
        }
    }

    /// The same of a send, without its destination. `None` where that has to be read: the kernel
    /// binds the socket, whose address is `local`, before it looks there, but only if it can be
    /// read, as it can where one was read before.
    pub(crate) fn unread(kind: Kind, arguments: &[u64; 6], local: &Address, client: &Client) -> Option<Self> {
        let [_, _, _, flags, at, len] = *arguments;
        let (flags, len) = (flags as c_int, u64::from(len as u32));
        let surely_binds = || {
            kind == Kind::SendTo
                && flags & libc::MSG_FASTOPEN == 0
                && local.family() == libc::AF_INET
                && (2..=size_of::<libc::sockaddr_storage>() as u64).contains(&len)
                && client.readable.was_read(at, len)
        };
        let needs_it = |session: Session| session.logs() || session.rules.order().looks_at_peers();
        (surely_binds() && !client.session.is_some_and(needs_it)).then_some(Self::Send { flags, peer: None })
    }

    /// Notes where the destination of a send was read.
    pub(crate) fn note(&self, kind: Kind, arguments: &[u64; 6], client: &Client) {
        if let (Kind::SendTo, Self::Send { peer: Some(_), .. }) = (kind, self) {
            client.readable.note(arguments[4], u64::from(arguments[5] as u32));
        }
    }
}

/// Destination of a send; `None` where the kernel fails before it needs a port.
fn destination(thread: &Thread, at: u64, len: u64) -> Option<Option<Address>> {
    match len as u32 {
        _ if at == 0 => Some(None),
        0 => Some(None),
        // Too short to read a family from, long enough for the kernel to bind.
        1 => thread.reads(at, &mut [0]).then_some(None),
        _ => thread.address(at, len).map(Some),
    }
}

/// The same for a message's header, as `___sys_sendmsg` comes by it.
fn in_message(thread: &Thread, at: u64, wide: bool) -> Option<Option<Address>> {
    const MOST_VECTORS: u64 = 1024; // UIO_MAXIOV
    // `struct msghdr`: the name's place and length, the vectors' place and number, and so on.
    let word = if wide { 8 } else { 4 };
    let mut header = [0u8; 56];
    if !thread.reads(at, &mut header[..7 * word]) {
        return None;
    }
    let field = |at: usize, len: usize| {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(&header[at..at + len]);
        u64::from_le_bytes(bytes)
    };
    let (name, len, vectors) = (field(0, word), field(word, 4), field(3 * word, word));
    if vectors > MOST_VECTORS || (len as u32).cast_signed() < 0 {
        return None;
    }
    // The kernel cuts a long name to the longest address.
    destination(thread, name, len.min(size_of::<libc::sockaddr_storage>() as u64))
}
