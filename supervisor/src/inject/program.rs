//! Programs that are about to begin: what the kernel tells of them.

use object::NativeEndian;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

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

/// Memory of a process that is in use.
pub(super) struct Used {
    /// Its parts, in order.
    pub(super) ranges: Vec<Range<u64>>,
    /// Some of it may be written to, and be code.
    pub(super) changes: bool,
}

/// The memory of a process that is in use.
pub(super) fn used(process: u32) -> io::Result<Used> {
    let mut maps = String::new();
    File::open(format!("/proc/{process}/maps"))?.read_to_string(&mut maps)?;
    let changes = |line: &str| line.split(' ').nth(1).is_none_or(|may| may.contains('w') && may.contains('x'));
    Ok(Used { ranges: maps.lines().filter_map(range_of).collect(), changes: maps.lines().any(changes) })
}
