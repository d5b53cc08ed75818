//! The system calls that are told of, by the numbers that each kind of program has for them.

use std::ffi::c_int;

/// Kind of a call that is told of, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Told of for IPv4 and IPv6.
    Socket,
    Bind,
    Connect,
    Listen,
    SendTo,
    SendMsg,
    SendMmsg,
    /// Told of where it limits a socket to a range of ports.
    SetSockOpt,
    /// The thread becomes another user's, or moves to another network.
    Moves,
    /// execve(2) or execveat(2): the process becomes another program.
    Execute,
    /// `landlock_restrict_self`: what the process may do from then on is not known here.
    Confine,
    /// seccomp(2), or prctl(2) where it does the same: the program forbids itself calls.
    /// Told of where there may be a guest, on x86-64.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no guest"))]
    Filter,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no guest"))]
    Prctl,
    /// Refused or told of: what is asked of a ring, no filter sees.
    IoUring,
    /// All calls on sockets of a 32-bit x86 program of old, with their arguments in memory.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "32-bit ARM has none"))]
    SocketCall,
}

impl Kind {
    /// The flags of a send, which are one of its arguments.
    pub(crate) fn send_flags(self, arguments: &[u64; 6]) -> Option<c_int> {
        match self {
            Self::SendTo | Self::SendMmsg => Some(arguments[3] as c_int),
            Self::SendMsg => Some(arguments[2] as c_int),
            _ => None,
        }
    }
}

/// Way in which a supervisor serves programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It makes their sockets, each limited to the ports that it may get.
    Sockets,
    /// It gets ports for their sockets, call by call.
    Calls,
}

impl Way {
    /// Tells whether the supervisor is told of calls of this kind.
    pub(crate) fn tells_of(self, kind: Kind) -> bool {
        match kind {
            Kind::SetSockOpt | Kind::Execute | Kind::IoUring | Kind::SocketCall => true,
            Kind::Socket | Kind::Moves => self == Self::Sockets,
            Kind::Bind
            | Kind::Connect
            | Kind::Listen
            | Kind::SendTo
            | Kind::SendMsg
            | Kind::SendMmsg
            | Kind::Confine
            | Kind::Filter
            | Kind::Prctl => self == Self::Calls,
        }
    }
}

/// A way to call the kernel.
pub(crate) struct Abi {
    /// AUDIT_ARCH_…, linux/audit.h.
    pub(crate) arch: u32,
    /// Pointers have 64 bits.
    pub(crate) wide: bool,
    /// From this number on they are those of another one, which is not served.
    pub(crate) end: Option<u32>,
    pub(crate) calls: &'static [(u32, Kind)],
}

#[cfg(target_arch = "x86_64")]
pub(crate) const ABIS: &[Abi] = &[
    Abi {
        arch: 0xC000_003E,
        wide: true,
        end: Some(0x4000_0000), // __X32_SYSCALL_BIT
        calls: &[
            (46, Kind::SendMsg),
            (44, Kind::SendTo),
            (42, Kind::Connect),
            (49, Kind::Bind),
            (50, Kind::Listen),
            (307, Kind::SendMmsg),
            (54, Kind::SetSockOpt),
            (157, Kind::Prctl),
            (317, Kind::Filter),
            (59, Kind::Execute),
            (322, Kind::Execute),
            (425, Kind::IoUring),
            (446, Kind::Confine),
            (41, Kind::Socket),
            (105, Kind::Moves),
            (106, Kind::Moves),
            (113, Kind::Moves),
            (114, Kind::Moves),
            (117, Kind::Moves),
            (119, Kind::Moves),
            (122, Kind::Moves),
            (123, Kind::Moves),
            (272, Kind::Moves),
            (308, Kind::Moves),
        ],
    },
    Abi {
        arch: 0x4000_0003, // i386
        wide: false,
        end: None,
        calls: &[
            (370, Kind::SendMsg),
            (369, Kind::SendTo),
            (362, Kind::Connect),
            (361, Kind::Bind),
            (363, Kind::Listen),
            (345, Kind::SendMmsg),
            (366, Kind::SetSockOpt),
            (102, Kind::SocketCall),
            (11, Kind::Execute),
            (358, Kind::Execute),
            (425, Kind::IoUring),
            (446, Kind::Confine),
            (359, Kind::Socket),
            (23, Kind::Moves),
            (46, Kind::Moves),
            (70, Kind::Moves),
            (71, Kind::Moves),
            (138, Kind::Moves),
            (139, Kind::Moves),
            (164, Kind::Moves),
            (170, Kind::Moves),
            (203, Kind::Moves),
            (204, Kind::Moves),
            (208, Kind::Moves),
            (210, Kind::Moves),
            (213, Kind::Moves),
            (214, Kind::Moves),
            (215, Kind::Moves),
            (216, Kind::Moves),
            (310, Kind::Moves),
            (346, Kind::Moves),
        ],
    },
];

#[cfg(target_arch = "aarch64")]
pub(crate) const ABIS: &[Abi] = &[
    Abi {
        arch: 0xC000_00B7,
        wide: true,
        end: None,
        calls: &[
            (211, Kind::SendMsg),
            (206, Kind::SendTo),
            (203, Kind::Connect),
            (200, Kind::Bind),
            (201, Kind::Listen),
            (269, Kind::SendMmsg),
            (208, Kind::SetSockOpt),
            (221, Kind::Execute),
            (281, Kind::Execute),
            (425, Kind::IoUring),
            (446, Kind::Confine),
            (198, Kind::Socket),
            (143, Kind::Moves),
            (144, Kind::Moves),
            (145, Kind::Moves),
            (146, Kind::Moves),
            (147, Kind::Moves),
            (149, Kind::Moves),
            (151, Kind::Moves),
            (152, Kind::Moves),
            (97, Kind::Moves),
            (268, Kind::Moves),
        ],
    },
    Abi {
        arch: 0x4000_0028, // ARM
        wide: false,
        end: None,
        calls: &[
            (296, Kind::SendMsg),
            (290, Kind::SendTo),
            (283, Kind::Connect),
            (282, Kind::Bind),
            (284, Kind::Listen),
            (374, Kind::SendMmsg),
            (294, Kind::SetSockOpt),
            (11, Kind::Execute),
            (387, Kind::Execute),
            (425, Kind::IoUring),
            (446, Kind::Confine),
            (281, Kind::Socket),
            (23, Kind::Moves),
            (46, Kind::Moves),
            (70, Kind::Moves),
            (71, Kind::Moves),
            (138, Kind::Moves),
            (139, Kind::Moves),
            (164, Kind::Moves),
            (170, Kind::Moves),
            (203, Kind::Moves),
            (204, Kind::Moves),
            (208, Kind::Moves),
            (210, Kind::Moves),
            (213, Kind::Moves),
            (214, Kind::Moves),
            (215, Kind::Moves),
            (216, Kind::Moves),
            (337, Kind::Moves),
            (375, Kind::Moves),
        ],
    },
];

/// The calls behind socketcall(2), by their numbers there (linux/net.h).
pub(crate) const BEHIND_SOCKETCALL: &[(u32, Kind)] = &[
    (1, Kind::Socket),
    (2, Kind::Bind),
    (3, Kind::Connect),
    (4, Kind::Listen),
    (11, Kind::SendTo),
    (14, Kind::SetSockOpt),
    (16, Kind::SendMsg),
    (20, Kind::SendMmsg),
];

/// The kind of a number.
pub(crate) fn kind_of(number: u32, calls: &[(u32, Kind)]) -> Option<Kind> {
    calls.iter().find(|(known, _)| *known == number).map(|(_, kind)| *kind)
}
