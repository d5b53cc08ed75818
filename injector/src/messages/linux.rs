//! Words said on Linux alone, or otherwise than elsewhere.

pub(super) use super::network::own_network;
use portshim_policy::config::Origin;

/// Way to let the library be laid down, and a session.
pub(super) const LIBRARY_PLACE: &str = "XDG_CACHE_HOME to a private directory on a file system that allows execution";
pub(super) const SESSION_PLACE: &str = "XDG_RUNTIME_DIR to a private directory";

/// Way to find out who has a port.
pub(super) const SEE_SOCKETS: &str = "see who has it, `ss -tuapn` shows all";

/// Remedy for a file that cannot be executed.
pub(super) const NAME_A_PROGRAM: &str = "name a program, or a script whose interpreter is one";

/// Remedy for a program for another machine.
pub(super) const OTHER_MACHINE: &str = "use the program's build for this machine";

/// Calls that the library never reaches.
pub(crate) const BEYOND: &str = "system calls made past the C library, such as io_uring, and those of the resolver inside it;\n\
     sockets of the kernel's own: further subflows of MPTCP, NFS";

/// Calls that the supervisor is not told of, or refuses.
pub(crate) const BEYOND_SUPERVISOR: &str = "sends that name no address, by a datagram socket without a port; io_uring, which is refused unless allowed;\n\
     sockets of the kernel's own: further subflows of MPTCP, NFS";

/// Sockets that a supervisor does not make.
pub(crate) const BEYOND_SOCKETS: &str = "sockets that it is given; those of processes in another network or control group, or under another label\n\
     of a security module; io_uring, which is refused unless allowed; sockets of the kernel's own: NFS";

/// Reason why the kernel does not choose.
/// Words beside a way of sharing: where it came from.
pub(crate) fn sharing(_: &str, origin: &Origin) -> String {
    origin.to_string()
}

/// Whose errors programs get under every preset, below a table of a preset's own.
pub(crate) const TOLD_IN: &str = "  programs on Linux are told in Linux's own words\n";

pub(crate) const UNSTEERABLE: &str = "before Linux 6.3 the choice cannot be narrowed";

/// Words for a file that is cut short while it is mapped.
pub(crate) const TRUNCATED: &str = "\
error: the session's file was cut short while it was being changed
help:  one of its programs does that; start them anew
";
