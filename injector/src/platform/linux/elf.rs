//! What an ELF file says about how it is loaded.

use object::elf::{DT_NEEDED, DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, PT_NOTE};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};
use object::read::{ReadCache, ReadCacheOps, ReadRef, StringTable};
use object::{Endianness, FileKind};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
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

/// A file, read by the page: what decides stands close together in few places.
struct Pages<'a> {
    file: &'a File,
    at: u64,
    page: Vec<u8>,
    /// Where in the file the page begins.
    begin: u64,
}

const PAGE: u64 = 4096;

impl ReadCacheOps for Pages<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(drop)
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.at = position;
        Ok(position)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        let offset = self.at.checked_sub(self.begin).filter(|offset| *offset < self.page.len() as u64);
        let offset = match offset {
            Some(offset) => offset,
            None => {
                self.begin = self.at / PAGE * PAGE;
                self.page.resize(PAGE as usize, 0);
                let read = self.file.read_at(&mut self.page, self.begin).map_err(drop)?;
                self.page.truncate(read);
                self.at - self.begin
            }
        };
        let rest = self.page.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }

    fn read_exact(&mut self, mut buffer: &mut [u8]) -> Result<(), ()> {
        while !buffer.is_empty() {
            match self.read(buffer)? {
                0 => return Err(()),
                count => buffer = &mut buffer[count..],
            }
        }
        Ok(())
    }
}

/// Reads an ELF file; `None` where it is none, or too broken for the kernel.
pub(super) fn read(file: &File) -> Option<Elf> {
    let cache = ReadCache::new(Pages { file, at: 0, page: Vec::new(), begin: 0 });
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
