//! Answer of a seccomp filter to one system call: a classic BPF program over the call's number and
//! arguments (seccomp(2), and the kernel's filter.rst). Whoever asks must not be killed by the
//! answer, so it is worked out here.

/// One instruction, as linux/filter.h's `struct sock_filter` has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Number of instructions to skip where a comparison holds.
    pub jump_true: u8,
    /// The same where it does not.
    pub jump_false: u8,
    /// The operand.
    pub operand: u32,
}

/// A system call of a 64-bit program for this machine, as a filter sees it (`struct seccomp_data`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Its number.
    pub number: u32,
    /// The six registers that hold its arguments.
    pub arguments: [u64; 6],
}

/// Answer of a filter to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// The call is made, be it that it is logged.
    Allowed,
    /// The call fails, kills, or is somebody else's to decide.
    Denied,
    /// That depends on what is not known here, or the kernel would not have taken the program.
    Unknown,
}

/// AUDIT_ARCH_X86_64 or AUDIT_ARCH_AARCH64, linux/audit.h.
const ARCH: u32 = if cfg!(target_arch = "aarch64") { 0xC000_00B7 } else { 0xC000_003E };
/// linux/seccomp.h.
const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const ACTION: u32 = 0xffff_0000;

/// The size of `struct seccomp_data`, in bytes.
const SIZE: u32 = 64;
/// Place where the address of the instruction that makes the call stands in it: it is another one
/// for every call.
const POINTER: [u32; 2] = [8, 12];
/// BPF_MEMWORDS.
const CELLS: usize = 16;

/// State of a filter that runs.
struct Machine<'a> {
    call: &'a SystemCall,
    /// The accumulator, and the index register.
    a: u32,
    x: u32,
    cells: [u32; CELLS],
}

/// Step after an instruction.
enum Next {
    /// The instruction so many places further on.
    Skip(u32),
    /// The filter's last word.
    Return(u32),
}

/// Runs the filter on the call. It always ends: every jump goes forward.
#[must_use]
pub fn saying(filter: &[Instruction], call: &SystemCall) -> Saying {
    let mut machine = Machine { call, a: 0, x: 0, cells: [0; CELLS] };
    let mut rest = filter;
    while let Some((instruction, after)) = rest.split_first() {
        match machine.step(*instruction) {
            Some(Next::Skip(places)) => rest = after.get(places as usize..).unwrap_or_default(),
            Some(Next::Return(word)) => {
                return if matches!(word & ACTION, ALLOW | LOG) { Saying::Allowed } else { Saying::Denied };
            }
            None => return Saying::Unknown,
        }
    }
    Saying::Unknown
}

impl Machine<'_> {
    /// Carries one instruction out. The codes are those that the kernel lets into a filter
    /// (`seccomp_check_filter`).
    fn step(&mut self, Instruction { code, jump_true, jump_false, operand }: Instruction) -> Option<Next> {
        match code {
            0x20 => self.a = self.word(operand)?,                    // ld [k]
            0x80 => self.a = SIZE,                                   // ld len
            0x81 => self.x = SIZE,                                   // ldx len
            0x00 => self.a = operand,                                // ld #k
            0x01 => self.x = operand,                                // ldx #k
            0x60 => self.a = *self.cells.get(operand as usize)?,     // ld M[k]
            0x61 => self.x = *self.cells.get(operand as usize)?,     // ldx M[k]
            0x02 => *self.cells.get_mut(operand as usize)? = self.a, // st M[k]
            0x03 => *self.cells.get_mut(operand as usize)? = self.x, // stx M[k]
            0x07 => self.x = self.a,                                 // tax
            0x87 => self.a = self.x,                                 // txa
            0x06 => return Some(Next::Return(operand)),              // ret #k
            0x16 => return Some(Next::Return(self.a)),               // ret a
            0x05 => return Some(Next::Skip(operand)),                // ja
            _ => {
                // BPF_X: the operand is the index register.
                let operand = if code & 0x08 == 0 { operand } else { self.x };
                match code & !0x08 {
                    jump @ (0x15 | 0x25 | 0x35 | 0x45) => {
                        let holds = match jump {
                            0x15 => self.a == operand,
                            0x25 => self.a > operand,
                            0x35 => self.a >= operand,
                            _ => self.a & operand != 0,
                        };
                        return Some(Next::Skip(if holds { jump_true } else { jump_false }.into()));
                    }
                    // A division by zero ends a filter with 0.
                    0x34 | 0x94 if operand == 0 => return Some(Next::Return(0)),
                    operation => self.a = Self::computed(operation, self.a, operand)?,
                }
            }
        }
        Some(Next::Skip(0))
    }

    fn computed(operation: u16, a: u32, operand: u32) -> Option<u32> {
        Some(match operation {
            0x04 => a.wrapping_add(operand),
            0x14 => a.wrapping_sub(operand),
            0x24 => a.wrapping_mul(operand),
            0x34 => a.checked_div(operand)?,
            0x94 => a.checked_rem(operand)?,
            0x44 => a | operand,
            0x54 => a & operand,
            0xa4 => a ^ operand,
            // The kernel takes the lower five bits of an index register; larger constants it
            // refuses.
            0x64 => a.wrapping_shl(operand),
            0x74 => a.wrapping_shr(operand),
            0x84 => a.wrapping_neg(),
            _ => return None,
        })
    }

    /// A word of `struct seccomp_data`, at a multiple of four.
    fn word(&self, at: u32) -> Option<u32> {
        match at {
            0 => Some(self.call.number),
            4 => Some(ARCH),
            _ if POINTER.contains(&at) || !at.is_multiple_of(4) => None,
            _ => {
                let argument = self.call.arguments.get((at as usize).checked_sub(16)? / 8)?;
                Some(if at.is_multiple_of(8) { *argument as u32 } else { (*argument >> 32) as u32 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KILL: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0001;
    const TRAP: u32 = 0x0003_0000;

    fn i(code: u16, jump_true: u8, jump_false: u8, operand: u32) -> Instruction {
        Instruction { code, jump_true, jump_false, operand }
    }

    fn call(number: u32, arguments: &[u64]) -> SystemCall {
        let mut call = SystemCall { number, arguments: [0; 6] };
        call.arguments[..arguments.len()].copy_from_slice(arguments);
        call
    }

    #[test]
    fn a_list_of_numbers() {
        for (action, other) in
            [(KILL, Saying::Denied), (ERRNO, Saying::Denied), (TRAP, Saying::Denied), (LOG, Saying::Allowed)]
        {
            let filter = [i(0x20, 0, 0, 4), i(0x15, 1, 0, ARCH), i(6, 0, 0, KILL), i(0x20, 0, 0, 0)];
            let filter: Vec<_> = filter
                .into_iter()
                .chain([i(0x15, 0, 1, 41), i(6, 0, 0, ALLOW), i(0x15, 0, 1, 42), i(6, 0, 0, ALLOW), i(6, 0, 0, action)])
                .collect();
            for (number, expected) in
                [(41, Saying::Allowed), (42, Saying::Allowed), (43, other), (0x4000_0000 | 41, other)]
            {
                assert_eq!(saying(&filter, &call(number, &[])), expected, "{number:#x} {action:#x}");
            }
        }
    }

    #[test]
    fn arguments_of_64_bits() {
        // The third argument is 7, in both halves of its word.
        let filter = [
            i(0x20, 0, 0, 32),
            i(0x15, 0, 3, 7),
            i(0x20, 0, 0, 36),
            i(0x15, 0, 1, 0),
            i(6, 0, 0, ALLOW),
            i(6, 0, 0, ERRNO),
        ];
        for (value, expected) in [(7, Saying::Allowed), (7 | 1 << 32, Saying::Denied), (8, Saying::Denied)] {
            assert_eq!(saying(&filter, &call(1, &[0, 0, value])), expected, "{value:#x}");
        }
    }

    #[test]
    fn the_instruction_pointer_is_not_known_where_it_matters() {
        let filter = [i(0x20, 0, 0, 0), i(0x15, 0, 1, 1), i(6, 0, 0, ALLOW), i(0x20, 0, 0, 8), i(0x16, 0, 0, 0)];
        assert_eq!(saying(&filter, &call(1, &[])), Saying::Allowed);
        assert_eq!(saying(&filter, &call(2, &[])), Saying::Unknown);
    }

    #[test]
    fn every_operation() {
        /// Accumulator as it is in the end, told by one bit of it after the other.
        fn result(body: &[Instruction]) -> u32 {
            (0..32).fold(0, |result, bit| {
                let tail = [i(0x45, 0, 1, 1 << bit), i(6, 0, 0, ALLOW), i(6, 0, 0, 0)];
                let filter: Vec<_> = body.iter().copied().chain(tail).collect();
                match saying(&filter, &call(0, &[])) {
                    Saying::Allowed => result | 1 << bit,
                    Saying::Denied => result,
                    Saying::Unknown => panic!("{body:?}"),
                }
            })
        }
        for (code, a, operand, expected) in [
            (0x04, u32::MAX, 2, 1),
            (0x14, 1, 2, u32::MAX),
            (0x24, 1 << 31, 3, 1 << 31),
            (0x34, 17, 5, 3),
            (0x94, 17, 5, 2),
            (0x44, 5, 10, 15),
            (0x54, 13, 7, 5),
            (0xa4, 6, 3, 5),
            (0x64, 3, 4, 48),
            (0x74, 48, 4, 3),
        ] {
            assert_eq!(result(&[i(0x00, 0, 0, a), i(code, 0, 0, operand)]), expected, "{code:#x}");
            let by_register = [i(0x00, 0, 0, a), i(0x01, 0, 0, operand), i(code | 0x08, 0, 0, 0)];
            assert_eq!(result(&by_register), expected, "{code:#x} by X");
        }
        assert_eq!(result(&[i(0x00, 0, 0, 1), i(0x84, 0, 0, 0)]), u32::MAX);
        assert_eq!(result(&[i(0x80, 0, 0, 0)]), SIZE);
        let moved = [
            i(0x00, 0, 0, 9),
            i(0x02, 0, 0, 15),
            i(0x01, 0, 0, 5),
            i(0x03, 0, 0, 14),
            i(0x61, 0, 0, 15),
            i(0x60, 0, 0, 14),
            i(0x07, 0, 0, 0),
            i(0x00, 0, 0, 0),
            i(0x87, 0, 0, 0),
        ];
        assert_eq!(result(&moved), 5);
        for code in [0x34, 0x94, 0x3c, 0x9c] {
            assert_eq!(saying(&[i(code, 0, 0, 0), i(6, 0, 0, ALLOW)], &call(0, &[])), Saying::Denied, "{code:#x}");
        }
    }

    #[test]
    fn what_the_kernel_would_not_take_is_unknown() {
        for filter in [
            &[][..],
            &[i(0x05, 0, 0, u32::MAX)],
            &[i(0x20, 0, 0, 64), i(6, 0, 0, ALLOW)],
            &[i(0x20, 0, 0, 2), i(6, 0, 0, ALLOW)],
            &[i(0x60, 0, 0, 16), i(6, 0, 0, ALLOW)],
            &[i(0x28, 0, 0, 0), i(6, 0, 0, ALLOW)],
            &[i(0xffff, 0, 0, 0), i(6, 0, 0, ALLOW)],
            &[i(0x15, 1, 1, 0), i(6, 0, 0, ALLOW)],
        ] {
            assert_eq!(saying(filter, &call(0, &[])), Saying::Unknown, "{filter:?}");
        }
    }

    /// Mostly instructions that there are.
    fn instruction() -> impl Strategy<Value = Instruction> {
        const CODES: [u16; 16] =
            [0x20, 0x80, 0x00, 0x01, 0x60, 0x02, 0x07, 0x87, 0x06, 0x16, 0x05, 0x15, 0x3d, 0x45, 0x3c, 0x6c];
        let code = prop_oneof![8 => proptest::sample::select(&CODES[..]), 1 => any::<u16>()];
        let operand = prop_oneof![0..70u32, any::<u32>()];
        (code, 0..8u8, 0..8u8, operand).prop_map(|(code, jump_true, jump_false, operand)| Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Whatever the bytes are, there is an answer, and the same one each time.
        #[test]
        fn any_program_ends(filter in proptest::collection::vec(instruction(), 0..40), number in any::<u32>(), arguments in any::<[u64; 6]>()) {
            let call = SystemCall { number, arguments };
            prop_assert_eq!(saying(&filter, &call), saying(&filter, &call));
        }
    }
}
