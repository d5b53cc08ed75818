//! ELF files: what they say about how they are loaded.

use super::version::Version;
use object::elf::{DT_NEEDED, DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, ET_DYN, PT_NOTE, SHT_DYNSYM};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _, SectionHeader as _, Sym as _};
use object::read::{ReadCache, ReadCacheOps, ReadRef};
use object::{Endianness, FileKind};
use std::ffi::OsString;
use std::fs::File;
use std::io;
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
    /// Set if it may be loaded at any address: a library, or a program of the kind that is.
    pub(super) movable: bool,
    /// The loader that the file names; none in a static program.
    pub(super) loader: Option<PathBuf>,
    /// The libraries that it names itself.
    pub(super) needed: Vec<String>,
    /// Its own name as a library, which only a loader run by hand has.
    pub(super) soname: Option<String>,
    /// Set if the Go compiler made it.
    pub(super) go: bool,
    /// Set if it is this command, of whatever version.
    pub(super) ours: bool,
}

/// An ELF note with a name and nothing else: by it one portshim knows another, which is linked
/// statically and passes on what it is given all the same.
#[repr(C, align(4))]
struct Note {
    sizes: [u32; 2],
    kind: u32,
    name: [u8; NOTE.len()],
}

const NOTE: &[u8; 12] = b"portshim\0\0\0\0";

#[used]
#[unsafe(link_section = ".note.portshim")]
static OURS: Note = Note { sizes: [NOTE.len() as u32, 0], kind: 1, name: *NOTE };

/// Sections that only the linker of Go makes: the table in which a program finds its own functions,
/// which a linker of C may lay among other data, and what it was built from, which the builder may
/// leave out.
const GO_SECTIONS: [&[u8]; 2] = [b"\0.gopclntab\0", b"\0.go.buildinfo\0"];

/// A file, read by the page: what decides stands close together in few places.
struct Pages<'a> {
    file: &'a File,
    at: u64,
    /// The first page, which is asked for time and again.
    first: &'a [u8],
    /// The last other one that was.
    page: Vec<u8>,
    /// Place where in the file that one begins.
    begin: u64,
}

const PAGE: u64 = 4096;
/// The longest name of a library that is looked at, with the NUL at its end: a file's own cannot be
/// longer.
const NAME_MAX: u64 = 256;

impl ReadCacheOps for Pages<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(drop)
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.at = position;
        Ok(position)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        let begin = self.at / PAGE * PAGE;
        let page = if begin == 0 {
            self.first
        } else {
            if begin != self.begin {
                self.begin = begin;
                fill(&mut self.page, self.file, begin).map_err(drop)?;
            }
            &self.page
        };
        let rest = page.get((self.at - begin) as usize..).unwrap_or_default();
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

/// The first page of a file: it tells the format.
pub(super) fn first_page(file: &File) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    fill(&mut page, file, 0)?;
    Ok(page)
}

/// Reads the page at `begin` into `page`.
fn fill(page: &mut Vec<u8>, file: &File, begin: u64) -> io::Result<()> {
    page.resize(PAGE as usize, 0);
    let read = file.read_at(page, begin);
    page.truncate(*read.as_ref().unwrap_or(&0));
    read.map(drop)
}

/// Reads an ELF file, whose first page is known; `None` where it is none, or too broken for the
/// kernel.
pub(super) fn read(file: &File, first: &[u8]) -> Option<Elf> {
    let cache = ReadCache::new(Pages { file, at: 0, first, page: Vec::new(), begin: 0 });
    match FileKind::parse(&cache).ok()? {
        FileKind::Elf32 => parse::<object::elf::FileHeader32<Endianness>, _>(32, &cache),
        FileKind::Elf64 => parse::<object::elf::FileHeader64<Endianness>, _>(64, &cache),
        _ => None,
    }
}

/// The newest version of glibc that a library defines: its own, where it is glibc's.
pub(super) fn newest_version(file: &File, first: &[u8]) -> Option<Version> {
    let cache = ReadCache::new(Pages { file, at: 0, first, page: Vec::new(), begin: 0 });
    let data = &cache;
    let header = object::elf::FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (mut definitions, names) = sections.gnu_verdef(endian, data).ok()??;
    let names = Names { place: sections.section(names).ok()?.file_range(endian)?, data };
    let mut newest = None;
    while let Ok(Some((_, mut parts))) = definitions.next() {
        // The first names it, the others those that it follows.
        if let Ok(Some(part)) = parts.next() {
            newest = newest.max(names.get(part.vda_name.get(endian).into()).and_then(Version::named));
        }
    }
    newest
}

/// Tells whether a library has a function of this name for others to call.
pub(super) fn defines(file: &File, first: &[u8], function: &[u8]) -> Option<bool> {
    let cache = ReadCache::new(Pages { file, at: 0, first, page: Vec::new(), begin: 0 });
    let data = &cache;
    let header = object::elf::FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let symbols = header.sections(endian, data).ok()?.symbols(endian, data, SHT_DYNSYM).ok()?;
    let is_it = |symbol: &object::elf::Sym64<Endianness>| {
        !symbol.is_undefined(endian) && symbol.name(endian, symbols.strings()).is_ok_and(|name| name == function)
    };
    Some(symbols.iter().any(is_it))
}

fn parse<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(bits: u32, data: R) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let mut elf =
        Elf { bits, machine: header.e_machine(endian).0, movable: header.e_type(endian) == ET_DYN, ..Elf::default() };
    for segment in segments {
        if let Ok(Some(loader)) = segment.interpreter(endian, data) {
            elf.loader = Some(PathBuf::from(OsString::from_vec(loader.to_vec())));
        }
        // The linker of Go leaves a note, unless it was told to leave no build ID.
        if segment.p_type(endian) == PT_NOTE
            && let Ok(Some(mut notes)) = segment.notes(endian, data)
        {
            while let Ok(Some(note)) = notes.next() {
                elf.go |= note.name() == b"Go";
                elf.ours |= note.name() == b"portshim";
            }
        }
    }
    let names = names_of_sections(header, endian, data).unwrap_or_default();
    elf.go |= GO_SECTIONS.iter().any(|section| contains(names, section));
    dynamic::<H, R>(&mut elf, endian, segments, data);
    Some(elf)
}

/// The names of all sections, in one piece: to ask for one name after the other takes a hundred
/// times as long.
fn names_of_sections<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(
    header: &H,
    endian: Endianness,
    data: R,
) -> Option<&'a [u8]> {
    let sections = header.section_headers(endian, data).ok()?;
    let names = sections.get(header.shstrndx(endian, data).ok()? as usize)?;
    names.data(endian, data).ok()
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|part| part == sought)
}

/// A table of names: where it lies in its file, and how long it is. It is read name by name, and by
/// no library that asks first which processor this is: in a virtual machine that takes as long as
/// all else.
struct Names<R> {
    place: (u64, u64),
    data: R,
}

impl<'a, R: ReadRef<'a>> Names<R> {
    fn get(&self, at: u64) -> Option<&'a [u8]> {
        let (offset, size) = self.place;
        let bytes = self.data.read_bytes_at(offset.checked_add(at)?, size.checked_sub(at)?.min(NAME_MAX)).ok()?;
        bytes.iter().position(|byte| *byte == 0).map(|end| &bytes[..end])
    }
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
    // The table is named by its address in memory; the segment that holds it tells where it is in
    // the file.
    let offset = segments.iter().find_map(|s| {
        let (from, len): (u64, u64) = (s.p_vaddr(endian).into(), s.p_filesz(endian).into());
        let inside = address.checked_sub(from).filter(|inside| *inside < len)?;
        inside.checked_add(s.p_offset(endian).into())
    })?;
    let names = Names { place: (offset, size), data };
    let name = |at: u64| names.get(at).map(|name| String::from_utf8_lossy(name).into_owned());
    elf.needed = entries.iter().filter(|e| e.tag(endian) == DT_NEEDED).filter_map(|e| name(e.val(endian))).collect();
    elf.soname = value(DT_SONAME).and_then(name);
    Some(())
}
