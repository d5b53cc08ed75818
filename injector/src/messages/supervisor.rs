//! Messages about the supervisor, which serves programs from outside.

use super::{Failure, WITHOUT_SUPERVISOR, culprit, plain};
use crate::coverage::Program;
use std::io;

/// Reason why the kernel tells nobody of calls.
pub(crate) fn no_listener(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EINVAL) => "before Linux 5.19 the kernel does not tell of calls so that they can be served".into(),
        Some(libc::ENOSYS) => "this kernel has no seccomp".into(),
        Some(libc::EPERM | libc::EACCES) => "seccomp is forbidden here".into(),
        _ => format!("the kernel tells nobody of calls: {}", plain(error)),
    }
}

/// Reason why no descriptors of other processes can be had.
pub(crate) const NO_LOOK: &str = "sockets of other processes may not be looked at here (pidfd_getfd);\nin a container, --cap-add SYS_PTRACE allows it";

/// The same, where Yama is the reason.
pub(crate) const NO_ATTACHING: &str =
    "processes may not be looked into here; sysctl kernel.yama.ptrace_scope=1 allows it";

/// Reason why a program that gains privileges is not served.
pub(crate) const CANNOT_GAIN: &str = "under a supervisor that has no CAP_SYS_ADMIN it would not get its privileges";

/// The program could not be put under the filter.
pub(crate) fn not_confined(program: &Program, taken: bool, error: &io::Error) -> Failure {
    let who = culprit(program);
    if taken {
        return Failure::new(
            format!("{who} cannot be supervised: another supervisor is told of its calls already"),
            "start portshim outside of that: it is a container's runtime perhaps, or another portshim",
        );
    }
    Failure::new(format!("{who} cannot be supervised: {}", no_listener(error)), WITHOUT_SUPERVISOR)
}

/// The supervisor may not look into the program.
pub(crate) fn no_rights(program: &Program, error: &io::Error) -> Failure {
    Failure::new(
        format!("{} cannot be supervised: its sockets may not be looked at: {}", culprit(program), plain(error)),
        "in a container, add --cap-add SYS_PTRACE; on a host, sysctl kernel.yama.ptrace_scope=1 allows it",
    )
}

/// No filter could be laid.
pub(crate) fn rings_not_refused(error: &io::Error) -> Failure {
    let why = match error.raw_os_error() {
        Some(libc::ENOSYS) => "this kernel has no seccomp".into(),
        Some(libc::EPERM | libc::EACCES) => "seccomp is forbidden here".into(),
        _ => plain(error),
    };
    Failure::new(format!("io_uring cannot be refused: {why}"), "leave --io-uring out, or say allow")
}

/// Something else has failed.
pub(crate) fn not_supervised(program: &Program, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be supervised: {}", culprit(program), plain(error)), "")
}

/// The supervisor has been ended, and the program with it.
pub(crate) fn supervisor_ended() -> Failure {
    const KILLED: u32 = 128 + 9;
    Failure::new("the supervisor has been ended, and the program with it", "").with_status(KILLED)
}
