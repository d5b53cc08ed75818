//! The filter that tells of calls: a classic BPF program over `struct seccomp_data` (seccomp(2)).
//!
//! It looks at the number first. What is none of ours is allowed on that alone, so that the kernel
//! works it out once and no longer runs the filter for it (`seccomp_cache_prepare_bitmap`). Nor is
//! told of what a library in the program has served, which it marks.

use crate::calls::{ABIS, Abi, BEHIND_SOCKETCALL, Kind, Way};
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::kernel::mark::MARK;
use portshim_policy::filter::Instruction;

const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Places in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument, on machines with the little end first; the upper half follows.
const fn argument(at: u32) -> u32 {
    16 + 8 * at
}

const ALLOW: Instruction = ret(libc::SECCOMP_RET_ALLOW);
const TELL: Instruction = ret(libc::SECCOMP_RET_USER_NOTIF);
/// As a kernel that has no such call.
const UNKNOWN: Instruction = ret(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);

/// What becomes of a program that sets up io_uring, whose requests no filter sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rings {
    /// It learns that the kernel has no such call.
    Refused,
    /// It gets its ring, and that is told of.
    Allowed,
}

const fn ret(operand: u32) -> Instruction {
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, operand }
}

const fn load(operand: u32) -> Instruction {
    Instruction { code: LOAD, jump_true: 0, jump_false: 0, operand }
}

const fn unless(code: u16, operand: u32, skip: u8) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: skip, operand }
}

/// The filter, for all kinds of programs that the machine runs. io_uring is told of, or refused.
pub(crate) fn filter(way: Way, rings: Rings) -> Vec<Instruction> {
    let mut filter = vec![load(ARCH)];
    for abi in ABIS {
        let block = block(abi, way, rings);
        let skip = u8::try_from(block.len()).unwrap_or(u8::MAX);
        filter.push(unless(IF_EQUAL, abi.arch, skip));
        filter.extend(block);
    }
    filter.push(UNKNOWN);
    filter
}

/// A filter that refuses io_uring, and tells of nothing.
pub(crate) fn without_rings() -> Vec<Instruction> {
    const X32: u32 = 0x4000_0000; // __X32_SYSCALL_BIT
    let mut filter = vec![load(NUMBER)];
    let numbers = ABIS.iter().flat_map(|abi| abi.calls).filter(|(_, kind)| *kind == Kind::IoUring);
    for (number, _) in numbers {
        for number in [*number, number | X32] {
            filter.extend([unless(IF_EQUAL, number, 1), UNKNOWN]);
        }
    }
    filter.push(ALLOW);
    filter
}

/// Verdicts on the calls of one kind of programs.
fn block(abi: &Abi, way: Way, rings: Rings) -> Vec<Instruction> {
    let mut block = vec![load(NUMBER)];
    if let Some(end) = abi.end {
        block.extend([unless(IF_AT_LEAST, end, 1), UNKNOWN]);
    }
    for (number, kind) in abi.calls.iter().filter(|(_, kind)| way.tells_of(*kind)) {
        let saying = saying(*kind, abi.wide, way, rings);
        block.push(unless(IF_EQUAL, *number, saying.len() as u8));
        block.extend(saying);
    }
    block.push(ALLOW);
    block
}

/// Verdict on one call; it ends in a word.
fn saying(kind: Kind, wide: bool, way: Way, rings: Rings) -> Vec<Instruction> {
    // A library is loaded into programs of 64 bits alone.
    let unmarked = if wide { vec![load(argument(0) + 4), unless(IF_EQUAL, MARK, 1), ALLOW, TELL] } else { vec![TELL] };
    match kind {
        Kind::IoUring if rings == Rings::Refused => vec![UNKNOWN],
        // Without an address, it sends to where the socket is connected to.
        Kind::SendTo => {
            let none =
                [load(argument(4)), unless(IF_EQUAL, 0, 3), load(argument(4) + 4), unless(IF_EQUAL, 0, 1), ALLOW];
            [&none[..], &unmarked].concat()
        }
        Kind::Socket => {
            let is = |family| unless(IF_EQUAL, family as u32, 1);
            vec![load(argument(0)), is(libc::AF_INET), TELL, is(libc::AF_INET6), TELL, ALLOW]
        }
        Kind::SetSockOpt => {
            let other = [
                load(argument(1)),
                unless(IF_EQUAL, libc::SOL_IP as u32, 2),
                load(argument(2)),
                Instruction { jump_true: 1, ..unless(IF_EQUAL, IP_LOCAL_PORT_RANGE as u32, 0) },
                ALLOW,
            ];
            [&other[..], &unmarked].concat()
        }
        Kind::Prctl => {
            vec![load(argument(0)), unless(IF_EQUAL, libc::PR_SET_SECCOMP as u32, 1), TELL, ALLOW]
        }
        Kind::SocketCall => {
            let mut saying = vec![load(argument(0))];
            for (number, _) in BEHIND_SOCKETCALL.iter().filter(|(_, kind)| way.tells_of(*kind)) {
                saying.extend([unless(IF_EQUAL, *number, 1), TELL]);
            }
            saying.push(ALLOW);
            saying
        }
        Kind::Bind | Kind::Connect | Kind::Listen | Kind::SendMsg | Kind::SendMmsg => unmarked,
        Kind::Execute | Kind::Confine | Kind::Filter | Kind::IoUring | Kind::Moves => vec![TELL],
    }
}
