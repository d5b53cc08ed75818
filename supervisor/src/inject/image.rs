//! What a program's file says of it: whether it can be served by a guest, and where its calls are.

use super::functions::Functions;
use super::numbers::is_served;
use super::sites::{Found, Known, Site};
use crate::no_guest::NoGuest;
use memchr::memmem::find;
use object::LittleEndian;
use object::elf::{
    ET_DYN, FileHeader64, PF_W, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS,
    SHT_STRTAB, SHT_SYMTAB, STT_FUNC, STT_GNU_IFUNC,
};
use object::read::ReadCache;
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

/// More code, or names, than so many bytes are not looked through: that would take longer than the
/// program may save.
const MOST: u64 = 64 << 20;

/// Number of places in its code that are looked at, at most: who executes it waits meanwhile. A
/// hundred megabytes of code have some two thousand.
const MOST_PLACES: usize = 4096;

/// Programs that lie where they are linked to begin below that address: linkers put them low. Tools
/// that share their memory with another program keep out of its way (valgrind's begin at
/// 0x58000000).
const LOW: u64 = 1 << 28;

/// Sections that Go's programs have, each at least one of them.
const GO: [&[u8]; 4] = [b".note.go.buildid", b".go.buildinfo", b".gopclntab", b".data.rel.ro.gopclntab"];

/// A file, as it was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version {
    device: u64,
    inode: u64,
    size: u64,
    /// Nobody can set it.
    changed: (i64, i64),
}

impl Version {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
        Ok(Self { device, inode, size, changed: (metadata.ctime(), metadata.ctime_nsec()) })
    }
}

/// What is to be known of a program's file.
pub(super) struct Image {
    /// Where it begins, and ends, if it is loaded at 0.
    pub(super) extent: Range<u64>,
    /// Address at which it is begun, likewise.
    pub(super) entry: u64,
    /// It may be loaded anywhere.
    pub(super) moves: bool,
    pub(super) sites: Vec<Site>,
    /// Its stacks may be as good as full: Go's.
    pub(super) is_full: bool,
    /// Signal handlers that make calls may run on a stack of their own (sigaltstack(2)).
    pub(super) alternates: bool,
    /// All that may be calls which the guest has to see is among the sites.
    pub(super) whole: bool,
}

impl Image {
    /// Reads a program's file.
    ///
    /// # Errors
    /// What of it keeps a guest out.
    pub(super) fn read(file: &File) -> Result<Self, NoGuest> {
        let cache = ReadCache::new(file);
        let data = &cache;
        let header = FileHeader64::<LittleEndian>::parse(data).map_err(|_| NoGuest::Machine)?;
        let endian = header.endian().map_err(damaged)?;
        if header.e_machine(endian) != object::elf::EM_X86_64 {
            return Err(NoGuest::Machine);
        }
        let segments = header.program_headers(endian, data).map_err(damaged)?;
        let is_a = |kind| segments.iter().any(|segment| segment.p_type(endian) == kind);
        let loaded = || segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
        let changes = loaded().any(|segment| segment.p_flags(endian).0 & (PF_W.0 | PF_X.0) == PF_W.0 | PF_X.0);
        if is_a(PT_INTERP) {
            return Err(NoGuest::Loader);
        }
        if changes {
            return Err(NoGuest::Writable);
        }
        let first = loaded().map(|segment| segment.p_vaddr(endian)).min().ok_or(NoGuest::Damaged)?;
        let end = loaded().map(|segment| segment.p_vaddr(endian).saturating_add(segment.p_memsz(endian))).max();
        let end = end.ok_or(NoGuest::Damaged)?;
        if first >= LOW {
            return Err(NoGuest::High);
        }
        let sections = header.sections(endian, data).map_err(damaged)?;
        let has = |name: &[u8]| sections.section_by_name(endian, name).is_some();
        let flags = |section: &object::elf::SectionHeader64<LittleEndian>| section.sh_flags(endian).0;
        let holds_code = |section: &&object::elf::SectionHeader64<LittleEndian>| {
            let wanted = SHF_ALLOC.0 | SHF_EXECINSTR.0;
            flags(section) & wanted == wanted && section.sh_type(endian) != SHT_NOBITS
        };
        let is_read = |section: &&object::elf::SectionHeader64<LittleEndian>| {
            holds_code(section) || [SHT_SYMTAB, SHT_STRTAB].contains(&section.sh_type(endian))
        };
        if !sections.iter().any(|section| holds_code(&section)) {
            return Err(NoGuest::Sections);
        }
        let len = sections.iter().filter(is_read).map(|section| section.sh_size(endian)).try_fold(0, u64::checked_add);
        if len.is_none_or(|len| len > MOST) {
            return Err(NoGuest::Large);
        }
        let symbols = sections.symbols(endian, data, SHT_SYMTAB).map_err(damaged)?;
        let functions = symbols.iter().filter(|one| [STT_FUNC, STT_GNU_IFUNC].contains(&one.st_type()));
        let functions = functions.filter(|one| one.st_size(endian) > 0).map(|one| {
            let at = one.st_value(endian);
            at..at.saturating_add(one.st_size(endian))
        });
        let functions = Functions::of(functions.collect());
        let known = Known { functions: &functions, is_go: GO.into_iter().any(has) };
        let mut found = Found::default();
        for section in sections.iter().filter(holds_code) {
            let code = section.data(endian, data).map_err(damaged)?;
            let more = Found::in_code(code, section.sh_addr(endian), &known, MOST_PLACES - found.places);
            let more = more.ok_or(NoGuest::Large)?;
            found.places += more.places;
            found.sites.extend(more.sites);
            found.numbers.extend(more.numbers);
            found.leaves |= more.leaves;
        }
        let calls = |number: libc::c_long| found.numbers.contains(&(number as u32));
        let serves = found.sites.iter().any(|site| site.number.is_none_or(is_served));
        if !serves {
            return Err(NoGuest::Calls);
        }
        if calls(libc::SYS_mlockall) {
            return Err(NoGuest::Locks);
        }
        // Numbers that are handed to a function which makes calls of any: `syscall` of a C library.
        let passes_on = |number: libc::c_long| {
            let mut codes = sections.iter().filter(holds_code).filter_map(|section| section.data(endian, data).ok());
            found.sites.iter().any(|site| site.number.is_none()) && codes.any(|code| sets(code, number))
        };
        // Go's own handlers make no calls of ours; C code below it, which has tables for unwinding,
        // may bring others.
        let alternates = match known.is_go {
            true => has(b".eh_frame"),
            false => calls(libc::SYS_sigaltstack) || passes_on(libc::SYS_sigaltstack),
        };
        let (entry, moves) = (header.e_entry(endian), header.e_type(endian) == ET_DYN);
        // Without a word about it, the stack may hold code.
        let stack = segments.iter().find(|segment| segment.p_type(endian) == PT_GNU_STACK);
        let whole = !found.leaves && stack.is_some_and(|stack| stack.p_flags(endian).0 & PF_X.0 == 0);
        Ok(Self { extent: first..end, entry, moves, sites: found.sites, is_full: known.is_go, alternates, whole })
    }
}

fn damaged(_: object::Error) -> NoGuest {
    NoGuest::Damaged
}

/// Tells whether code sets a function's first argument to this number: `mov edi, number`, or the
/// same with rdi.
fn sets(code: &[u8], number: libc::c_long) -> bool {
    let [a, b, c, d] = (number as u32).to_le_bytes();
    [0xbf, 0xc7].into_iter().any(|first| find(code, &[first, a, b, c, d]).is_some())
}
