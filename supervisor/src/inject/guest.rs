//! The guest itself: a library without relocations but to its own places, which is laid into a
//! program's memory at a fixed address.

use super::program::symbols;
use super::tracee::Tracee;
use libc::user_regs_struct;
use object::LittleEndian;
use object::elf::{FileHeader64, PF_W, PT_LOAD, R_X86_64_RELATIVE};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use std::io;
use std::ops::Range;

/// Where the guest begins, in every program, and where stacks of its own do. No other mapping comes
/// there by chance.
const BASE: u64 = 0x7e9a << 32;
const STACKS: u64 = BASE + (1 << 28);
const PAGE: u64 = 4096;

const CODE: i32 = libc::PROT_READ | libc::PROT_EXEC;
const DATA: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// The bytes of `syscall`, and of the breakpoint behind it.
const CALL: [u8; 3] = [0x0f, 0x05, 0xcc];

/// The guest, ready to be laid down.
pub(crate) struct Guest {
    /// What is in its memory: code first, then what it writes to.
    image: Vec<u8>,
    /// Its length is that of the image, and of zeroes after it.
    len: u64,
    /// What it writes to begins here.
    data: u64,
    symbols: Vec<(String, Range<u64>)>,
    /// The first stack of its own begins so far behind where they do, and ends there.
    stack: Range<u64>,
}

/// What the guest is told of the program that it comes into.
pub(super) struct Begins<'a> {
    /// The file of its session.
    pub(super) session: &'a [u8],
    /// Name of its file, and name that it was called by.
    pub(super) names: [&'a [u8]; 2],
    /// Address of the vDSO's `clock_gettime`; 0 where it has none.
    pub(super) clock: u64,
    /// Its stacks may be as good as full.
    pub(super) is_full: bool,
    /// Signal handlers that make calls may run on a stack of their own.
    pub(super) alternates: bool,
    /// All that may be calls of ours leads to the guest.
    pub(super) whole: bool,
}

impl Guest {
    /// The guest of this library. `None` where it is none.
    pub(super) fn of(library: &[u8]) -> Option<Self> {
        let header = FileHeader64::<LittleEndian>::parse(library).ok()?;
        let endian = header.endian().ok()?;
        let loaded = header.program_headers(endian, library).ok()?.iter();
        let (mut image, mut len, mut data) = (Vec::new(), 0, u64::MAX);
        for segment in loaded.filter(|segment| segment.p_type(endian) == PT_LOAD) {
            let at = segment.p_vaddr(endian);
            let bytes = segment.data(endian, library).ok()?;
            image.resize(usize::try_from(at).ok()?, 0);
            image.extend(bytes);
            len = at + segment.p_memsz(endian);
            if segment.p_flags(endian).0 & PF_W.0 != 0 {
                data = data.min(at / PAGE * PAGE);
            }
        }
        let sections = header.sections(endian, library).ok()?;
        for section in sections.iter() {
            for relocation in section.rela(endian, library).ok().flatten().iter().flat_map(|(all, _)| all.iter()) {
                if relocation.r_type(endian, false) != R_X86_64_RELATIVE {
                    return None;
                }
                let at = usize::try_from(relocation.r_offset.get(endian)).ok()?;
                let value = BASE.wrapping_add_signed(relocation.r_addend.get(endian));
                image.get_mut(at..at + 8)?.copy_from_slice(&value.to_le_bytes());
            }
        }
        let symbols = symbols(library)?;
        let mut guest = Self { image, len, data, symbols, stack: 0..0 };
        let sizes = guest.symbol("portshim_stack_sizes")?;
        let word = |at: u64| {
            let at = usize::try_from(at).ok()?;
            Some(u64::from_le_bytes(guest.image.get(at..at + 8)?.try_into().ok()?))
        };
        guest.stack = word(sizes.start)?..word(sizes.start + 8)?;
        Some(guest)
    }

    /// Where the named thing lies in it.
    fn symbol(&self, name: &str) -> Option<Range<u64>> {
        self.symbols.iter().find(|(known, _)| known == name).map(|(_, range)| range.clone())
    }

    /// Addresses at which it is entered: by calls, and by what is only to be noted.
    pub(super) fn entries(&self) -> [u64; 2] {
        ["portshim_enter", "portshim_note"].map(|name| BASE + self.symbol(name).map_or(0, |range| range.start))
    }

    /// Address of the word that switches it off, if it is not 0.
    pub(crate) fn switch(&self) -> u64 {
        BASE + self.symbol("portshim_off").map_or(0, |range| range.start)
    }

    /// Lays it into a program that has not begun, and has it map its session; maps memory for
    /// `near`, too, for code. Tells whether it serves calls from now on.
    pub(super) fn enter(&self, tracee: &Tracee<'_>, begins: &Begins<'_>, near: &Range<u64>) -> io::Result<bool> {
        let Begins { session, names: [file, called], clock, is_full, alternates, whole } = *begins;
        let mask = tracee.mask()?;
        let registers = tracee.registers()?;
        let at = registers.rip;
        let mut code = [0; CALL.len()];
        tracee.read(at, &mut code)?;
        tracee.set_mask(!0)?;
        let entered = tracee.write(at, &CALL).and_then(|()| {
            // Out of execve(2), which would say once more what it returns.
            tracee.run(&user_regs_struct { rip: at + CALL.len() as u64 - 1, orig_rax: u64::MAX, ..registers })?;
            self.laid(tracee, &registers, near)?;
            self.tell(tracee, "portshim_session", session)?;
            self.tell(tracee, "portshim_file", file)?;
            self.tell(tracee, "portshim_called", called)?;
            self.tell(tracee, "portshim_clock", &clock.to_le_bytes())?;
            self.tell(tracee, "portshim_whole", &u64::from(whole).to_le_bytes())?;
            self.tell(tracee, "portshim_stack_start", &registers.rsp.to_le_bytes())?;
            self.tell(tracee, "portshim_alternates", &u64::from(alternates).to_le_bytes())?;
            if is_full {
                map(tracee, &registers, &(STACKS + self.stack.start..STACKS + self.stack.end), DATA)?;
                self.tell(tracee, "portshim_stacks", &(STACKS + self.stack.end).to_le_bytes())?;
            }
            let begin = self.symbol("portshim_begin").ok_or(io::ErrorKind::NotFound)?;
            let begins = user_regs_struct { rip: BASE + begin.start, orig_rax: u64::MAX, rax: 0, ..registers };
            Ok(tracee.run(&begins)?.rax == 1)
        });
        // Whatever became of it, the program begins as it would have.
        let restored = [tracee.write(at, &code), tracee.set_registers(&registers), tracee.set_mask(mask)];
        restored.into_iter().collect::<io::Result<()>>().and(entered)
    }

    /// Maps its memory, and fills it.
    fn laid(&self, tracee: &Tracee<'_>, registers: &user_regs_struct, near: &Range<u64>) -> io::Result<()> {
        map(tracee, registers, &(BASE..BASE + self.data), CODE)?;
        map(tracee, registers, &(BASE + self.data..BASE + self.len), DATA)?;
        map(tracee, registers, near, CODE)?;
        tracee.write(BASE, &self.image)
    }

    /// Writes into the place of this name, as far as there is room.
    fn tell(&self, tracee: &Tracee<'_>, name: &str, bytes: &[u8]) -> io::Result<()> {
        let range = self.symbol(name).ok_or(io::ErrorKind::NotFound)?;
        let room = usize::try_from(range.end - range.start).unwrap_or(0);
        // A text ends in a zero.
        if bytes.len() > room || bytes.len() == room && room > 8 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        tracee.write(BASE + range.start, bytes)
    }
}

/// Maps memory for this, by the call that stands where it stands.
fn map(tracee: &Tracee<'_>, registers: &user_regs_struct, range: &Range<u64>, protection: i32) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let call = user_regs_struct {
        rax: libc::SYS_mmap as u64,
        orig_rax: u64::MAX,
        rdi: range.start,
        rsi: (range.end - range.start).next_multiple_of(PAGE),
        rdx: protection as u64,
        r10: flags as u64,
        r8: u64::MAX,
        r9: 0,
        ..*registers
    };
    // A kernel that does not know the flag may map it elsewhere (before 4.17).
    if tracee.run(&call)?.rax == range.start { Ok(()) } else { Err(io::Error::from(io::ErrorKind::AddrInUse)) }
}
