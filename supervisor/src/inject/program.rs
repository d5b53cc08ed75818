//! Programs that are about to begin: what their files and the kernel tell of them.

use super::sites::{Site, find};
use object::elf::{ET_DYN, FileHeader64, PF_X, PT_INTERP, PT_LOAD};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{LittleEndian, NativeEndian};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Code of a program that is larger than this is not looked through: that would take longer than
/// the program may save.
const MOST_CODE: u64 = 64 << 20;

/// A file, as it was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Version {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
        Ok(Self { device, inode, size, modified: (metadata.mtime(), metadata.mtime_nsec()) })
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
}

impl Image {
    /// Reads a program's file. `None` where it is not for this machine, or brings a loader along:
    /// what that loads, it does not show.
    pub(super) fn read(file: &File, ours: &[u32]) -> Option<Self> {
        let mut head = [0; 4096];
        let read = file.read_at(&mut head, 0).ok()?;
        let head = &head[..read];
        let header = FileHeader64::<LittleEndian>::parse(head).ok()?;
        let endian = header.endian().ok()?;
        if header.e_machine(endian) != object::elf::EM_X86_64 {
            return None;
        }
        let segments = header.program_headers(endian, head).ok()?;
        if segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
            return None;
        }
        let loaded = || segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
        let first = loaded().map(|segment| segment.p_vaddr(endian)).min()?;
        let end = loaded().map(|segment| segment.p_vaddr(endian).saturating_add(segment.p_memsz(endian))).max()?;
        let mut sites = Vec::new();
        for segment in loaded().filter(|segment| segment.p_flags(endian).0 & PF_X.0 != 0) {
            let len = segment.p_filesz(endian);
            if len > MOST_CODE {
                return None;
            }
            let mut code = vec![0; usize::try_from(len).ok()?];
            file.read_exact_at(&mut code, segment.p_offset(endian)).ok()?;
            sites.extend(find(&code, segment.p_vaddr(endian), ours));
        }
        let (entry, moves) = (header.e_entry(endian), header.e_type(endian) == ET_DYN);
        Some(Self { extent: first..end, entry, moves, sites })
    }
}

/// What the kernel tells a program at its start (getauxval(3)).
pub(super) struct Told {
    pub(super) entry: u64,
    /// The vDSO.
    pub(super) vdso: u64,
    /// The path that the program was called by.
    pub(super) called: u64,
}

impl Told {
    pub(super) fn to(process: u32) -> io::Result<Self> {
        let vector = fs::read(format!("/proc/{process}/auxv"))?;
        let value = |key: u64| {
            let pairs = vector.as_chunks::<16>().0.iter().map(|pair| {
                let (key, value) = pair.split_at(8);
                let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                (word(key), word(value))
            });
            pairs.into_iter().find(|(of, _)| *of == key).map_or(0, |(_, value)| value)
        };
        let [entry, vdso, called] = [libc::AT_ENTRY, libc::AT_SYSINFO_EHDR, libc::AT_EXECFN].map(value);
        Ok(Self { entry, vdso, called })
    }
}

/// Where in the vDSO `clock_gettime` stands. It is the same for every process.
pub(super) fn clock_in_vdso() -> Option<u64> {
    // SAFETY: the kernel tells every program of its own.
    let at = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let range = maps.lines().filter_map(range_of).find(|range| range.start == at && at != 0)?;
    let mut image = vec![0; usize::try_from(range.end - range.start).ok()?];
    File::open("/proc/self/mem").ok()?.read_exact_at(&mut image, at).ok()?;
    symbols(&image)?.into_iter().find(|(name, _)| name == "__vdso_clock_gettime").map(|(_, symbol)| symbol.start)
}

/// The symbols that a library offers, and where each lies in it.
pub(super) fn symbols(image: &[u8]) -> Option<Vec<(String, Range<u64>)>> {
    use object::read::elf::Sym as _;
    let header = FileHeader64::<NativeEndian>::parse(image).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, image).ok()?;
    let table = sections.symbols(endian, image, object::elf::SHT_DYNSYM).ok()?;
    let named = |symbol: &object::elf::Sym64<NativeEndian>| {
        let name = symbol.name(endian, table.strings()).ok()?;
        let at = symbol.st_value(endian);
        Some((String::from_utf8_lossy(name).into_owned(), at..at + symbol.st_size(endian)))
    };
    Some(table.iter().filter_map(named).collect())
}

/// The part of memory that a line of proc(5)'s `maps` is about.
pub(super) fn range_of(line: &str) -> Option<Range<u64>> {
    let (first, end) = line.split_once(' ')?.0.split_once('-')?;
    Some(u64::from_str_radix(first, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

/// The parts of a process's memory that are in use, in order.
pub(super) fn used(process: u32) -> io::Result<Vec<Range<u64>>> {
    let mut maps = String::new();
    File::open(format!("/proc/{process}/maps"))?.read_to_string(&mut maps)?;
    Ok(maps.lines().filter_map(range_of).collect())
}
