//! Places in a program's code where it makes system calls, and which of its instructions give way
//! to a jump.
//!
//! The jump takes five bytes, a `syscall` two: its neighbours move. None may, to which the program
//! jumps from elsewhere; where that cannot be told, the site is left as it is, and the supervisor
//! is told of its calls. So is what may not be code, and what a program compares addresses with.

use super::flow::{Flow, decoded};
use super::functions::Functions;
use super::numbers::{is_send, is_served, is_watched};
use super::targets::{Jumps, Targets};
use iced_x86::{Code, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use memchr::memmem::find_iter;
use std::collections::HashSet;
use std::ffi::c_long;

/// The bytes of `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// The other ways into the kernel, `int 0x80` and `sysenter`: they lead to calls by other numbers.
const OTHERS: [[u8; 2]; 2] = [[0xcd, 0x80], [0x0f, 0x34]];
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
    /// All bytes from `at` to `next`.
    pub(super) was: Vec<u8>,
    /// The call itself is made where it stands, right before `next`: only what stands before it is
    /// carried out elsewhere.
    pub(super) stays: bool,
}

/// What is known of a program whose code is looked through.
pub(super) struct Known<'a> {
    pub(super) functions: &'a Functions,
    /// It is Go's: one function of its runtime makes most calls, by any number.
    pub(super) is_go: bool,
}

/// What has been found in code.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sites: Vec<Site>,
    /// Numbers of all calls, as far as the code says them.
    pub(super) numbers: HashSet<u32>,
    /// It leaves out what may be a call that the guest has to see.
    pub(super) leaves: bool,
    /// Number of places that have been looked at.
    pub(super) places: usize,
}

impl Found {
    /// Looks through `code`, which is at `base`. `None` where there are more than so many places to
    /// look at.
    pub(super) fn in_code(code: &[u8], base: u64, known: &Known<'_>, most: usize) -> Option<Self> {
        let calls: Vec<usize> = find_iter(code, &SYSCALL).collect();
        let others: Vec<usize> = OTHERS.iter().flat_map(|bytes| find_iter(code, bytes)).collect();
        let places = calls.len() + others.len();
        if places > most {
            return None;
        }
        let jumps = Jumps::around(&calls, code);
        let targets = Targets::near(&calls, code, base, &jumps);
        let leaves = others.into_iter().any(|at| may_begin(code, base, at));
        let mut found = Self { leaves, places, ..Self::default() };
        let windows = calls.iter().map(|at| (*at, Window::around(code, base, *at, &targets, known)));
        let windows: Vec<_> = windows.collect();
        // Of these, the number has to be looked for.
        let is_asked = |window: &Window<'_>| window.number().is_none() && !known.is_go && !window.tells_its_number();
        let asked = windows.iter().filter(|(_, window)| window.as_ref().is_some_and(is_asked)).map(|(at, _)| *at);
        let asked: Vec<usize> = asked.collect();
        let flow = Flow::around(&asked, code, base, known.functions, &jumps);
        for (at, window) in windows {
            let Some(window) = window else {
                found.leaves |= may_begin(code, base, at);
                continue;
            };
            let mut numbers = window.number().map(|number| [number].into());
            if asked.binary_search(&at).is_ok() {
                numbers = flow.numbers(base + at as u64);
            }
            let number = numbers.as_ref().filter(|all| all.len() == 1).and_then(|all| all.first().copied());
            found.numbers.extend(numbers.iter().flatten());
            // What no function holds is hardly code.
            let site = if known.functions.hold(base + at as u64) { window.site(number) } else { None };
            match site {
                Some(site) => found.sites.push(site),
                None => {
                    found.leaves |= numbers.is_none_or(|numbers| numbers.into_iter().any(is_watched));
                }
            }
        }
        // One that is displaced by another is left to the supervisor.
        let (mut end, all) = (0, found.sites.len());
        found.sites.retain(|site| {
            let apart = site.at >= end;
            end = end.max(site.next);
            apart
        });
        found.leaves |= found.sites.len() < all;
        Some(found)
    }
}

/// Tells whether an instruction may begin at `at`: not where another begins before it and ends
/// later, wherever decoding begins.
fn may_begin(code: &[u8], base: u64, at: usize) -> bool {
    let end = (at + AFTER).min(code.len());
    [BEFORE, BEFORE / 2 + 1].into_iter().any(|before| {
        let all = decoded(code, base, at.saturating_sub(before)..end);
        all.binary_search_by_key(&(base + at as u64), Instruction::ip).is_ok()
    })
}

/// Instructions around a call.
struct Window<'a> {
    code: &'a [u8],
    base: u64,
    all: Vec<Instruction>,
    /// Place of the call among them.
    call: usize,
    targets: &'a Targets,
    known: &'a Known<'a>,
}

impl<'a> Window<'a> {
    /// `None` where what stands at `at` is no call.
    fn around(code: &'a [u8], base: u64, at: usize, targets: &'a Targets, known: &'a Known<'a>) -> Option<Self> {
        let end = (at + AFTER).min(code.len());
        let all = decoded(code, base, at.saturating_sub(BEFORE)..end);
        let call = all.binary_search_by_key(&(base + at as u64), Instruction::ip).ok()?;
        if all[call].code() != Code::Syscall {
            return None;
        }
        let again = decoded(code, base, at.saturating_sub(BEFORE / 2 + 1)..at + SYSCALL.len());
        let both = again.iter().rev().zip(all[..=call].iter().rev()).take(AGREED);
        let agree = both.into_iter().all(|(one, other)| one.ip() == other.ip());
        agree.then_some(Self { code, base, all, call, targets, known })
    }

    /// The site, if it is one, whose number is known or not.
    fn site(&self, number: Option<u32>) -> Option<Site> {
        if self.is_cancellation_point() || self.is_behind_a_condition(number) {
            return None;
        }
        let stays = number.is_some_and(|number| self.is_cancelled_around(number));
        let is_ours = match number {
            Some(number) if stays => is_watched(number) || is_send(number) && self.forgets_its_descriptor(),
            Some(number) => is_served(number) || is_watched(number),
            None => self.known.is_go || self.tells_its_number(),
        };
        if !is_ours {
            return None;
        }
        let call = self.call;
        // Without the call itself, where that will do: who jumps to it finds it as it was.
        let before = (call.saturating_sub(3)..call).rev().map(|first| (first, call, 0));
        let with_after = [(call, 1), (call, 2), (call, 3)].map(|(first, after)| (first, call + 1, after));
        let both = (call.saturating_sub(2)..call).rev().map(|first| (first, call + 1, 0));
        let mut ways = before.chain(both).chain(with_after);
        let may = |(first, end, after): &(usize, usize, usize)| {
            self.may_move(*first, end + after) && (!stays || *end == call)
        };
        let (first, end, after) = ways.find(may)?;
        let bytes = |from: usize, to: usize| {
            let place = |index: usize| self.all.get(index).map(|one| (one.ip() - self.base) as usize);
            Some(self.code.get(place(from)?..place(to)?)?.to_vec())
        };
        let last = end + after;
        let after = if last > call + 1 { bytes(call + 1, last)? } else { Vec::new() };
        let last = last.max(call + 1);
        let next = self.all.get(last)?.ip();
        let (before, was) = (bytes(first, call)?, bytes(first, last)?);
        Some(Site { at: self.all[first].ip(), before, after, number, next, was, stays })
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
        len >= JUMP && all.iter().enumerate().all(moves) && all.iter().skip(1).all(|one| !self.is_entered(one.ip()))
    }

    /// Tells whether something else leads to this address than the instruction before.
    fn is_entered(&self, address: u64) -> bool {
        self.targets.contains(address) || self.known.functions.begin_at(address)
    }

    /// The number of the call, where the code before it says it.
    fn number(&self) -> Option<u32> {
        let mut holder = Register::RAX;
        for at in (self.call.saturating_sub(NUMBER_WITHIN)..self.call).rev() {
            let one = &self.all[at];
            if self.is_entered(self.all[at + 1].ip()) || one.flow_control() != FlowControl::Next {
                return None;
            }
            let writes = one.op_count() > 0
                && one.op0_kind() == OpKind::Register
                && one.op0_register().full_register() == holder;
            match one.code() {
                _ if !writes => {}
                Code::Mov_r32_imm32 | Code::Mov_rm64_imm32 => return Some(one.immediate32()),
                Code::Xor_r32_rm32 | Code::Xor_rm32_r32
                    if one.op1_kind() == OpKind::Register && one.op1_register() == one.op0_register() =>
                {
                    return Some(0);
                }
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

    /// Tells whether a condition leads to the call, or past it. So it is where a program looks
    /// whether a signal has come, and its handler compares addresses to tell whether it came before
    /// that: qemu's user-mode emulators do. glibc looks in the same way whether there are threads,
    /// in a place of its own, and compares nothing.
    fn is_behind_a_condition(&self, number: Option<u32>) -> bool {
        let before = |far: usize| Some((self.call.checked_sub(far)?, self.all.get(self.call.checked_sub(far)?)?));
        let is_condition = |one: &Instruction| one.flow_control() == FlowControl::ConditionalBranch;
        let Some((_, last)) = before(1) else { return false };
        if is_condition(last) {
            return true;
        }
        let sets_number = last.op0_kind() == OpKind::Register && last.op0_register().full_register() == Register::RAX;
        // What is watched returns at once.
        let sets_number = sets_number && !number.is_some_and(is_watched);
        match before(2).filter(|(_, one)| sets_number && is_condition(one)) {
            Some((at, _)) => !self.all[at.saturating_sub(3)..at].iter().any(reads_fixed_place),
            None => false,
        }
    }

    /// Tells whether the number, and three arguments behind it, come from one place in memory: so
    /// does glibc what all threads have to do.
    fn is_asked_for_in_memory(&self) -> bool {
        const ARGUMENTS: [(Register, u64); 3] = [(Register::RDI, 8), (Register::RSI, 16), (Register::RDX, 24)];
        let Some(first) = self.call.checked_sub(ARGUMENTS.len() + 1) else { return false };
        let loads = |one: &Instruction, (to, displacement): (Register, u64)| {
            one.mnemonic() == Mnemonic::Mov
                && one.op1_kind() == OpKind::Memory
                && one.op0_register().full_register() == to
                && (one.memory_index(), one.memory_displacement64()) == (Register::None, displacement)
        };
        let (arguments, number) = (&self.all[first..self.call - 1], &self.all[self.call - 1]);
        loads(number, (Register::RAX, 0))
            && ARGUMENTS.into_iter().all(|argument| {
                arguments.iter().any(|one| loads(one, argument) && one.memory_base() == number.memory_base())
            })
    }

    /// Tells whether glibc before 2.41 lets the thread be cancelled during this call, by functions
    /// that it calls before and after. What callers have registered is found by the unwinder then,
    /// which must know the code that the call is made in.
    fn is_cancelled_around(&self, number: u32) -> bool {
        const CANCELLED: [c_long; 6] = [
            libc::SYS_connect,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_sendmmsg,
            libc::SYS_close,
            libc::SYS_fcntl,
        ];
        let before = self.all[self.call.saturating_sub(NUMBER_WITHIN)..self.call].iter().rev();
        let border = before.map(Instruction::flow_control).find(|flow| *flow != FlowControl::Next);
        CANCELLED.contains(&number.into()) && border == Some(FlowControl::Call)
    }

    /// Tells whether what comes next puts something else into the register that had the descriptor,
    /// before anybody looks at it: there, a mark above it may stay.
    fn forgets_its_descriptor(&self) -> bool {
        const WITHIN: usize = 4;
        let mut factory = InstructionInfoFactory::new();
        for one in self.all.iter().skip(self.call + 1).take(WITHIN) {
            let forgets = one.mnemonic() == Mnemonic::Mov
                && one.op0_kind() == OpKind::Register
                && matches!(one.op0_register(), Register::EDI | Register::RDI);
            let used = factory.info(one).used_registers();
            let reads = used
                .iter()
                .any(|used| used.register().full_register() == Register::RDI && used.access() != OpAccess::Write);
            if reads || forgets {
                return !reads;
            }
        }
        false
    }

    /// Tells whether it is one of few places at which calls of any number are made.
    fn tells_its_number(&self) -> bool {
        self.passes_arguments_on() || self.is_asked_for_in_memory()
    }

    /// Tells whether the function passes all its arguments on to the kernel, the first as the
    /// number: as `syscall` of a C library does, and what musl makes most of its calls by.
    fn passes_arguments_on(&self) -> bool {
        use Register::{R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP};
        const MOVES: [(Register, Register); 6] = [(RAX, RDI), (RDI, RSI), (RSI, RDX), (RDX, RCX), (R10, R8), (R8, R9)];
        let Some(first) = self.call.checked_sub(MOVES.len() + 1) else { return false };
        let all = &self.all[first..self.call];
        let has = |(to, from): (Register, Register)| {
            let is_it = |one: &Instruction| {
                let registers = [one.op0_kind(), one.op1_kind()] == [OpKind::Register; 2];
                let [into, out] = [one.op0_register(), one.op1_register()].map(Register::full_register);
                one.mnemonic() == Mnemonic::Mov && registers && (into, out) == (to, from)
            };
            all.iter().any(is_it)
        };
        let last = |one: &Instruction| {
            one.code() == Code::Mov_r64_rm64
                && one.op0_register() == R9
                && one.op1_kind() == OpKind::Memory
                && (one.memory_base(), one.memory_index(), one.memory_displacement64()) == (RSP, Register::None, 8)
        };
        MOVES.into_iter().all(has) && all.iter().any(last)
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

/// Tells whether an instruction reads memory at a place that the program or the thread has but
/// once.
fn reads_fixed_place(one: &Instruction) -> bool {
    let has_memory = (0..one.op_count()).any(|at| one.op_kind(at) == OpKind::Memory);
    has_memory && (one.is_ip_rel_memory_operand() || one.memory_segment() == Register::FS)
}

#[cfg(test)]
mod tests;
