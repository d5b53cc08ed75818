//! What an ELF file says about how it is loaded.

use object::elf::{DT_NEEDED, DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, PT_NOTE};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};
use object::read::{ReadCache, ReadCacheOps, ReadRef, StringTable};
use object::{Endianness, FileKind};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The parts of an ELF file that decide whether a library can be preloaded.
#[derive(Debug, Default)]
pub(super) struct Elf {
    /// 32 or 64.
    pub(super) bits: u32,
    /// `e_machine`.
    pub(super) machine: u16,
    /// The loader that the file names; none in a static program.
    pub(super) loader: Option<PathBuf>,
    /// The libraries that it names itself.
    pub(super) needed: Vec<String>,
    /// Its own name as a library, which only a loader run by hand has.
    pub(super) soname: Option<String>,
    /// Whether the Go compiler made it.
    pub(super) go: bool,
}

/// Reads an ELF file; `None` where it is none, or too broken for the kernel.
pub(super) fn read<R: ReadCacheOps>(file: R) -> Option<Elf> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache).ok()? {
        FileKind::Elf32 => parse::<object::elf::FileHeader32<Endianness>, _>(32, &cache),
        FileKind::Elf64 => parse::<object::elf::FileHeader64<Endianness>, _>(64, &cache),
        _ => None,
    }
}

fn parse<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(bits: u32, data: R) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let mut elf = Elf { bits, machine: header.e_machine(endian).0, ..Elf::default() };
    for segment in segments {
        if let Ok(Some(loader)) = segment.interpreter(endian, data) {
            elf.loader = Some(PathBuf::from(OsString::from_vec(loader.to_vec())));
        }
        // The linker of Go leaves a note, which stripping does not remove.
        if segment.p_type(endian) == PT_NOTE
            && let Ok(Some(mut notes)) = segment.notes(endian, data)
        {
            while let Ok(Some(note)) = notes.next() {
                elf.go |= note.name() == b"Go";
            }
        }
    }
    let sections = header.sections(endian, data).ok();
    elf.go |= sections.is_some_and(|s| s.section_by_name(endian, b".go.buildinfo").is_some());
    dynamic::<H, R>(&mut elf, endian, segments, data);
    Some(elf)
}

/// The names in the dynamic section, which the loader reads.
fn dynamic<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    elf: &mut Elf,
    endian: Endianness,
    segments: &[H::ProgramHeader],
    data: R,
) -> Option<()> {
    let entries = segments.iter().find_map(|s| s.dynamic(endian, data).ok().flatten())?;
    let end = entries.iter().position(|e| e.tag(endian) == DT_NULL).unwrap_or(entries.len());
    let entries = &entries[..end];
    let value = |tag| entries.iter().find(|e| e.tag(endian) == tag).map(|e| e.val(endian));
    let (address, size) = (value(DT_STRTAB)?, value(DT_STRSZ)?);
    // The table is named by its address in memory; the segment that holds it tells where it is in the file.
    let offset = segments.iter().find_map(|s| {
        let (from, len): (u64, u64) = (s.p_vaddr(endian).into(), s.p_filesz(endian).into());
        let inside = address.checked_sub(from).filter(|inside| *inside < len)?;
        inside.checked_add(s.p_offset(endian).into())
    })?;
    let strings = StringTable::new(data, offset, offset.checked_add(size)?);
    let name = |at: u64| strings.get(u32::try_from(at).ok()?).ok().map(|n| String::from_utf8_lossy(n).into_owned());
    elf.needed = entries.iter().filter(|e| e.tag(endian) == DT_NEEDED).filter_map(|e| name(e.val(endian))).collect();
    elf.soname = value(DT_SONAME).and_then(name);
    Some(())
}
