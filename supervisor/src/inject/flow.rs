//! Which numbers a system call may have, where several ways lead to it.
//!
//! Every way is followed back to where the number is set. Where that cannot be told for one of
//! them, it may be any.

use super::functions::Functions;
use super::targets::{Jumps, PIECE, Pieces};
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    Register,
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Numbers of bytes before a place from which on code is decoded: what two that began elsewhere say
/// must agree.
const BEFORE: [usize; 2] = [192, 101];
/// Number of instructions that are looked at, at most.
const MOST: usize = 2000;

/// Code, and what jumps where in it.
pub(super) struct Flow<'a> {
    code: &'a [u8],
    base: u64,
    functions: &'a Functions,
    /// Ways are followed near the calls only, in these pieces.
    near: Pieces,
    /// For each address there that something may lead to, the places that may. Every byte is taken
    /// to begin a jump.
    sources: HashMap<u64, Vec<u64>>,
}

impl<'a> Flow<'a> {
    /// The flow around `calls`, by their places in the code, which has these `jumps` to there.
    pub(super) fn around(calls: &[usize], code: &'a [u8], base: u64, functions: &'a Functions, jumps: &Jumps) -> Self {
        let near = Pieces::around(calls, code, PIECE);
        let mut sources: HashMap<u64, Vec<u64>> = HashMap::new();
        for (at, to) in jumps.to(&near) {
            sources.entry(base + to as u64).or_default().push(base + at as u64);
        }
        Self { code, base, functions, near, sources }
    }

    /// The numbers that the call at this address may have. `None` where it may have any.
    pub(super) fn numbers(&self, call: u64) -> Option<BTreeSet<u32>> {
        let (mut numbers, mut seen, mut next) = (BTreeSet::new(), HashSet::new(), vec![(call, Register::RAX)]);
        while let Some((address, holder)) = next.pop() {
            if !seen.insert((address, holder)) {
                continue;
            }
            if seen.len() > MOST {
                return None;
            }
            for one in self.leading_to(address)? {
                match holds_after(&one, holder)? {
                    Held::Number(number) => {
                        numbers.insert(number);
                    }
                    Held::In(register) => next.push((one.ip(), register)),
                }
            }
        }
        Some(numbers)
    }

    /// The instructions after which the one at `address` may be next. `None` where others may be.
    fn leading_to(&self, address: u64) -> Option<Vec<Instruction>> {
        let place = usize::try_from(address - self.base).ok()?;
        if self.functions.begin_at(address) || !self.near.hold(place) {
            return None;
        }
        let mut all = Vec::from_iter(self.falling_into(address)?);
        for source in self.sources.get(&address).into_iter().flatten() {
            if let Some(one) = self.at(*source) {
                // What is called is a function: who else calls it, nobody knows.
                if one.flow_control() == FlowControl::Call {
                    return None;
                }
                all.push(one);
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// The instruction before `address` that goes on there, if one does. `None` where that cannot
    /// be told.
    fn falling_into(&self, address: u64) -> Option<Option<Instruction>> {
        let first = self.before(address)?;
        let mut last = first;
        // Padding is passed over to where code ends; there, nobody comes to it.
        while last.mnemonic() == Mnemonic::Nop && !self.sources.contains_key(&last.ip()) {
            last = self.before(last.ip())?;
        }
        match last.flow_control() {
            FlowControl::Next | FlowControl::ConditionalBranch | FlowControl::Call | FlowControl::IndirectCall => {
                Some(Some(first))
            }
            FlowControl::UnconditionalBranch | FlowControl::Return | FlowControl::IndirectBranch => Some(None),
            FlowControl::Exception | FlowControl::Interrupt | FlowControl::XbeginXabortXend => None,
        }
    }

    /// The instruction that ends where `address` is.
    fn before(&self, address: u64) -> Option<Instruction> {
        let end = usize::try_from(address - self.base).ok()?;
        let last = |before: usize| {
            let all = decoded(self.code, self.base, end.saturating_sub(before)..end);
            all.last().copied().filter(|one| !one.is_invalid() && one.next_ip() == address)
        };
        let [one, other] = BEFORE.map(last);
        one.filter(|one| other.is_some_and(|other| other.ip() == one.ip()))
    }

    /// The instruction that begins at `address`. `None` where none does, wherever decoding begins.
    fn at(&self, address: u64) -> Option<Instruction> {
        const LONGEST: usize = 15;
        let at = usize::try_from(address - self.base).ok()?;
        let end = (at + LONGEST).min(self.code.len());
        BEFORE.into_iter().find_map(|before| {
            let all = decoded(self.code, self.base, at.saturating_sub(before)..end);
            all.into_iter().find(|one| one.ip() == address)
        })
    }
}

/// What a register holds after an instruction.
enum Held {
    Number(u32),
    /// What this one held before it.
    In(Register),
}

/// What `holder` holds after `one`. `None` where that is neither a number nor what was in a
/// register.
fn holds_after(one: &Instruction, holder: Register) -> Option<Held> {
    if matches!(one.flow_control(), FlowControl::Call | FlowControl::IndirectCall) {
        // To the decoder, a system call is one. What a function may change and does not return,
        // nobody goes by after it, unless it is known not to change it.
        let changed: &[Register] = if one.code() == Code::Syscall {
            &[Register::RAX, Register::RCX, Register::R11]
        } else {
            &[Register::RAX, Register::RDX]
        };
        return (!changed.contains(&holder)).then_some(Held::In(holder));
    }
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(one).used_registers();
    let writes = |access: OpAccess| {
        matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
    };
    if !used.iter().any(|used| used.register().full_register() == holder && writes(used.access())) {
        return Some(Held::In(holder));
    }
    let registers = one.op_count() == 2 && [one.op0_kind(), one.op1_kind()] == [OpKind::Register; 2];
    match one.code() {
        Code::Mov_r32_imm32 | Code::Mov_rm64_imm32 => Some(Held::Number(one.immediate32())),
        Code::Xor_r32_rm32 | Code::Xor_rm32_r32 if registers && one.op0_register() == one.op1_register() => {
            Some(Held::Number(0))
        }
        Code::Mov_r32_rm32 | Code::Mov_r64_rm64 | Code::Mov_rm32_r32 | Code::Mov_rm64_r64 if registers => {
            Some(Held::In(one.op1_register().full_register()))
        }
        _ => None,
    }
}

/// The instructions of a part of code, which is at `base`.
pub(super) fn decoded(code: &[u8], base: u64, range: std::ops::Range<usize>) -> Vec<Instruction> {
    let start = base + range.start as u64;
    Decoder::with_ip(64, &code[range], start, DecoderOptions::NONE).into_iter().collect()
}
