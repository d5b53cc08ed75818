//! A call of the program, as it came, at the head of a stack of our own.

use core::arch::asm;
use core::ffi::c_int;
use portshim_mechanism::linux::kernel::call::{self, Result};
use portshim_mechanism::linux::kernel::mark::marked;

/// Length of a stack as a power of two. A signal handler of the program may run on it.
pub(crate) const STACK_BITS: u32 = 18;
/// Number of stacks.
pub(crate) const STACKS: usize = 64;

/// The room at the upper end of a stack. It holds the program's rsp and, above that, the number of
/// the last error.
pub(crate) const HEAD: usize = 64;
pub(crate) const RSP: usize = 16;

/// Length of the instruction `syscall`.
pub(crate) const SYSCALL: usize = 2;

/// The program's registers at its system call, as far as they are not kept by every function.
#[repr(C)]
pub(crate) struct Frame {
    /// The six arguments: rdi, rsi, rdx, r10, r8, r9.
    pub(crate) arguments: [usize; 6],
    /// rax: the number of the call.
    pub(crate) number: usize,
    /// rcx: where the program goes on. The call itself, untouched, stands right before it.
    next: usize,
    head: [u8; HEAD - RSP],
    /// The program's rsp.
    pub(crate) stack: usize,
    _last_error: usize,
}

impl Frame {
    /// Leaves the call to the supervisor: it is made as it was.
    pub(crate) fn leave(&mut self) -> isize {
        self.next -= SYSCALL;
        self.number as isize
    }

    /// Makes the program's own call, on the program's own stack: a signal handler that runs
    /// meanwhile runs where it would have. It is marked, so that no supervisor is told of it.
    pub(crate) fn call(&self) -> Result<usize> {
        let [fd, b, c, d, e, f] = self.arguments;
        let answer: isize;
        // SAFETY: the program's own call; the kernel writes to rax, rcx and r11, and everything of
        // ours is where it was before when rsp is put back.
        unsafe {
            asm!(
                "mov r13, rsp",
                "mov rsp, r12",
                "syscall",
                "mov rsp, r13",
                inlateout("rax") self.number => answer,
                in("rdi") marked(fd as c_int), in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
                in("r12") self.stack, out("r13") _, lateout("rcx") _, lateout("r11") _,
            );
        }
        call::answered(answer)
    }
}
