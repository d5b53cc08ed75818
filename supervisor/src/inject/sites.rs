//! Places in a program's code where it makes system calls, and which of its instructions give way
//! to a jump.
//!
//! The jump takes five bytes, a `syscall` two: its neighbours move. None may, to which the program
//! jumps from elsewhere; where that cannot be told, the site is left as it is, and the supervisor
//! is told of its calls.

use super::targets::Targets;
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

/// The bytes of `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Length of a jump to anywhere near.
pub(super) const JUMP: usize = 5;
/// Number of bytes before a call from which on code is decoded, and after it to which.
const BEFORE: usize = 512;
const AFTER: usize = 64;
/// Instructions fall into step soon, wherever decoding begins: what two that began elsewhere say of
/// so many before a call must agree.
const AGREED: usize = 16;
/// Number of instructions before a call in which its number may be set.
const NUMBER_WITHIN: usize = 24;

/// A system call, and the bytes that give way for a jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// Address of the first byte that gives way.
    pub(super) at: u64,
    /// Whole instructions that stand before the call, and after it, and have to be carried out
    /// elsewhere.
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
    /// Number of the call, where the code says it.
    pub(super) number: Option<u32>,
    /// Address of the first instruction that stays.
    pub(super) next: u64,
}

/// The sites of `code`, which is at `base`, whose number is one of `ours` or not known.
pub(super) fn find(code: &[u8], base: u64, ours: &[u32]) -> Vec<Site> {
    let pairs = code.windows(SYSCALL.len()).enumerate();
    let calls: Vec<usize> = pairs.filter(|(_, bytes)| *bytes == SYSCALL).map(|(at, _)| at).collect();
    let targets = Targets::near(&calls, code, base);
    let windows = calls.iter().filter_map(|at| Window::around(code, base, *at, &targets));
    let mut sites: Vec<Site> = windows.filter_map(|window| window.site(ours)).collect();
    // One that is displaced by another is left to the supervisor.
    let mut end = 0;
    sites.retain(|site| {
        let apart = site.at >= end;
        end = end.max(site.next);
        apart
    });
    sites
}

/// Instructions around a call.
struct Window<'a> {
    code: &'a [u8],
    base: u64,
    all: Vec<Instruction>,
    /// Place of the call among them.
    call: usize,
    targets: &'a Targets,
}

impl<'a> Window<'a> {
    /// `None` where what stands at `at` is no call.
    fn around(code: &'a [u8], base: u64, at: usize, targets: &'a Targets) -> Option<Self> {
        let end = (at + AFTER).min(code.len());
        let all = decoded(code, base, at.saturating_sub(BEFORE)..end);
        let call = all.binary_search_by_key(&(base + at as u64), Instruction::ip).ok()?;
        if all[call].code() != Code::Syscall {
            return None;
        }
        let again = decoded(code, base, at.saturating_sub(BEFORE / 2 + 1)..at + SYSCALL.len());
        let both = again.iter().rev().zip(all[..=call].iter().rev()).take(AGREED);
        let agree = both.into_iter().all(|(one, other)| one.ip() == other.ip());
        agree.then_some(Self { code, base, all, call, targets })
    }

    fn site(&self, ours: &[u32]) -> Option<Site> {
        if self.is_cancellation_point() {
            return None;
        }
        let number = self.number();
        if number.is_some_and(|number| !ours.contains(&number)) {
            return None;
        }
        let call = self.call;
        // Without the call itself, where that will do: who jumps to it finds it as it was.
        let before = (call.saturating_sub(3)..call).rev().map(|first| (first, call, 0));
        let with_after = [(call, 1), (call, 2), (call, 3)].map(|(first, after)| (first, call + 1, after));
        let both = (call.saturating_sub(2)..call).rev().map(|first| (first, call + 1, 0));
        let mut ways = before.chain(both).chain(with_after);
        let (first, end, after) = ways.find(|(first, end, after)| self.may_move(*first, end + after))?;
        let bytes = |from: usize, to: usize| {
            let place = |index: usize| self.all.get(index).map(|one| (one.ip() - self.base) as usize);
            Some(self.code.get(place(from)?..place(to)?)?.to_vec())
        };
        let last = end + after;
        let after = if last > call + 1 { bytes(call + 1, last)? } else { Vec::new() };
        let next = self.all.get(last.max(call + 1))?.ip();
        Some(Site { at: self.all[first].ip(), before: bytes(first, call)?, after, number, next })
    }

    /// Tells whether the instructions from `first` to before `end` may give way to a jump.
    fn may_move(&self, first: usize, end: usize) -> bool {
        let Some(all) = self.all.get(first..end) else { return false };
        let len: usize = all.iter().map(Instruction::len).sum();
        let moves = |(at, one): (usize, &Instruction)| {
            // A return may come last.
            let returns = one.code() == Code::Retnq && first + at + 1 == end;
            first + at == self.call || returns || is_plain(one)
        };
        len >= JUMP
            && all.iter().enumerate().all(moves)
            && all.iter().skip(1).all(|one| !self.targets.contains(one.ip()))
    }

    /// The number of the call, where the code before it says it.
    fn number(&self) -> Option<u32> {
        let mut holder = Register::RAX;
        for at in (self.call.saturating_sub(NUMBER_WITHIN)..self.call).rev() {
            let one = &self.all[at];
            if self.targets.contains(self.all[at + 1].ip()) || one.flow_control() != FlowControl::Next {
                return None;
            }
            let writes = one.op_count() > 0
                && one.op0_kind() == OpKind::Register
                && one.op0_register().full_register() == holder;
            match one.code() {
                _ if !writes => {}
                Code::Mov_r32_imm32 | Code::Mov_rm64_imm32 => return Some(one.immediate32()),
                Code::Mov_r32_rm32 | Code::Mov_r64_rm64 | Code::Mov_rm32_r32 | Code::Mov_rm64_r64
                    if one.op1_kind() == OpKind::Register =>
                {
                    holder = one.op1_register().full_register();
                }
                _ => return None,
            }
        }
        None
    }

    /// Tells whether threads are cancelled here: the handler of that signal compares the address at
    /// which a call waits, in musl, and in glibc from 2.41 on. These calls stay where they are.
    fn is_cancellation_point(&self) -> bool {
        // mov [rsp + 8], r11
        const BEFORE: [u8; 5] = [0x4c, 0x89, 0x5c, 0x24, 0x08];
        let at = (self.all[self.call].ip() - self.base) as usize;
        self.code[..at].ends_with(&BEFORE)
    }
}

/// Tells whether an instruction does the same anywhere else, and only the one before leads to it.
/// Padding stands before what others call.
fn is_plain(one: &Instruction) -> bool {
    let is_border = matches!(one.mnemonic(), Mnemonic::Nop | Mnemonic::Endbr64 | Mnemonic::Hlt | Mnemonic::Ud2);
    !is_border && !one.is_invalid() && one.flow_control() == FlowControl::Next && !one.is_ip_rel_memory_operand()
}

fn decoded(code: &[u8], base: u64, range: std::ops::Range<usize>) -> Vec<Instruction> {
    let start = base + range.start as u64;
    Decoder::with_ip(64, &code[range], start, DecoderOptions::NONE).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u32; 2] = [49, 42];

    /// What stands before and after a call lies among code that does nothing much: `clc`.
    fn sites(bytes: &[u8]) -> Vec<Site> {
        let mut code = vec![0xf8; 64];
        code.extend(bytes);
        code.extend([0xf8; 64]);
        find(&code, 0x1000, &OURS)
    }

    #[test]
    fn a_number_set_right_before_gives_way() {
        let found = sites(&[0xb8, 49, 0, 0, 0, 0x0f, 0x05, 0xc3]);
        let before = vec![0xb8, 49, 0, 0, 0];
        assert_eq!(found, [Site { at: 0x1040, before, after: vec![], number: Some(49), next: 0x1047 }]);
    }

    #[test]
    fn other_numbers_are_left_alone() {
        assert_eq!(sites(&[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3]), []);
    }

    #[test]
    fn bytes_within_an_instruction_are_no_call() {
        // mov rax, 0x050f
        assert_eq!(sites(&[0x48, 0xc7, 0xc0, 0x0f, 0x05, 0, 0]), []);
    }

    #[test]
    fn a_number_may_come_by_way_of_a_register() {
        // mov r8d, 39; mov eax, r8d
        assert_eq!(sites(&[0x41, 0xb8, 39, 0, 0, 0, 0x44, 0x89, 0xc0, 0x0f, 0x05]), []);
    }

    /// mov rdi, rbx; syscall; cmp rax, -4095: as Go has it.
    const CALL: [u8; 11] = [0x48, 0x89, 0xdf, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff];

    #[test]
    fn what_is_jumped_to_stays() {
        let before = |at: u64| sites_with_jump(at).first().map(|site| (site.at, site.before.len(), site.after.len()));
        for harmless in [0x2000, 0x1045, 0x104a] {
            assert_eq!(before(harmless), Some((0x1045, 3, 0)), "{harmless:x}");
        }
        // To the call itself: what follows it moves, and it stands first.
        assert_eq!(before(0x1048), Some((0x1048, 0, 6)));
    }

    /// The sites of code that jumps to an address, and then has a call.
    fn sites_with_jump(to: u64) -> Vec<Site> {
        let distance = (to.wrapping_sub(0x1045) as u32).to_le_bytes();
        sites(&[&[0xe9], &distance[..], &CALL].concat())
    }

    #[test]
    fn padding_does_not_move() {
        let padded = |byte: u8| sites(&[&[byte; 8][..], &CALL].concat());
        assert_eq!(padded(0x90)[0].at, 0x1048);
        assert_eq!(padded(0xf4)[0].at, 0x1048);
    }

    #[test]
    fn where_threads_are_cancelled_nothing_moves() {
        let cancels = [0x4c, 0x89, 0x5c, 0x24, 0x08, 0x0f, 0x05, 0xc3];
        assert_eq!(sites(&cancels), []);
    }
}
