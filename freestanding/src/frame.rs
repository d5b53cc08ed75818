//! A call of the program, as it came, at the head of what serving it takes of a stack.

use core::cell::Cell;
use core::ffi::{c_int, c_long};
use portshim_mechanism::linux::kernel::call::forward;
use portshim_mechanism::linux::kernel::mark::marked;
use portshim_mechanism::linux::serve::Original;

/// A trampoline has the call twice: as it came, and from so many bytes after that, which is where
/// we are told of, for a descriptor that is marked.
pub(crate) const AS_IT_CAME: usize = 4;
/// From so many bytes after the latter on, the program goes on.
pub(crate) const AFTER: usize = 4;

/// A bit above the address where the program goes on, of a call that is only to be noted: it is
/// made where it stands.
pub(crate) const NOTED: u32 = 63;

/// The program's registers at its system call, as far as they are not kept by every function.
#[repr(C)]
pub(crate) struct Frame {
    /// The six arguments: rdi, rsi, rdx, r10, r8, r9.
    pub(crate) arguments: [usize; 6],
    /// rax: the number of the call.
    pub(crate) number: usize,
    /// Where the program goes on, and [`NOTED`].
    next: usize,
    /// The program's rsp.
    pub(crate) stack: usize,
    /// The number of the last error.
    error: Cell<c_int>,
}

impl Frame {
    /// Has the call made as it was, once we are out of here: a supervisor may be told of it.
    pub(crate) fn leave(&mut self) -> isize {
        self.next = (self.next - (AFTER + AS_IT_CAME)) & !(1 << NOTED);
        self.number as isize
    }

    /// Has it made with a mark, once we are out of here: nobody is told of it.
    pub(crate) fn leave_marked(&mut self) -> isize {
        self.arguments[0] = marked(self.arguments[0] as c_int);
        self.next = (self.next - AFTER) & !(1 << NOTED);
        self.number as isize
    }

    /// The number of the call.
    pub(crate) fn number(&self) -> c_long {
        (self.number as u32).into()
    }

    /// Tells whether the call is not to be made here.
    pub(crate) fn is_noted(&self) -> bool {
        self.next >> NOTED & 1 == 1
    }

    /// The number of the last error.
    pub(crate) fn error(&self) -> c_int {
        self.error.get()
    }

    /// Answer of a call that has failed with this error number.
    pub(crate) fn fail(&self, number: c_int) -> isize {
        self.error.set(number);
        -1
    }

    /// Makes the program's own call, marked, so that no supervisor is told of it.
    #[inline(always)]
    pub(crate) fn call_marked(&self) -> isize {
        self.call_with(marked(self.arguments[0] as c_int))
    }

    /// Makes the program's own call, as it came. What it returns is an `int`.
    #[inline(always)]
    pub(crate) fn call_as_it_came(&self) -> c_int {
        self.call_with(self.arguments[0]) as c_int
    }

    #[inline(always)]
    fn call_with(&self, first: usize) -> isize {
        let [_, b, c, d, e, f] = self.arguments;
        // SAFETY: the program's own call.
        let answer = unsafe { forward(self.number as c_long, [first, b, c, d, e, f].map(|word| word as c_long)) };
        answer.map_or_else(|error| self.fail(error), |answer| answer as isize)
    }
}

/// The call, marked. For each number it is a type of its own, so that serving it is compiled for
/// that.
pub(crate) struct Call<'a, const NUMBER: c_long>(pub(crate) &'a Frame);

impl<const NUMBER: c_long> Original for Call<'_, NUMBER> {
    #[inline(always)]
    fn call(&self) -> isize {
        self.0.call_marked()
    }

    #[inline(always)]
    fn error(&self) -> c_int {
        self.0.error()
    }

    #[inline(always)]
    fn set_error(&self, number: c_int) {
        self.0.error.set(number);
    }
}
