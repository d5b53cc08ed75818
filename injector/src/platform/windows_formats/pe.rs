//! PE files: what they say about how they are loaded.

use object::pe::{
    COMIMAGE_FLAGS_32BITREQUIRED, COMIMAGE_FLAGS_ILONLY, IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR, IMAGE_FILE_DLL,
    IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_ARMNT, IMAGE_FILE_MACHINE_I386,
    ImageCor20Header, ImageDosHeader, ImageNtHeaders32, ImageNtHeaders64, Machine,
};
use object::read::pe::ImageNtHeaders;
use object::{FileKind, LittleEndian, ReadRef};

/// The parts of a PE file that decide whether a library can be loaded into its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Pe {
    /// Number of bits an address has in its process.
    pub(in super::super) bits: u32,
    /// `Machine`, as its process runs.
    pub(in super::super) machine: Machine,
    /// Set if it is a library.
    pub(in super::super) library: bool,
    /// Set if .NET runs it.
    pub(in super::super) dotnet: bool,
}

impl Pe {
    /// The one that this command is made for.
    pub(in super::super) const OWN: (u32, Machine) = (64, IMAGE_FILE_MACHINE_AMD64);

    /// Tells whether it is for the machine that this command is made for.
    pub(in super::super) fn is_own(self) -> bool {
        (self.bits, self.machine) == Self::OWN
    }

    /// `64-bit x86-64`.
    pub(in super::super) fn machine_name(self) -> String {
        let name = match self.machine {
            IMAGE_FILE_MACHINE_I386 => "x86",
            IMAGE_FILE_MACHINE_AMD64 => "x86-64",
            IMAGE_FILE_MACHINE_ARMNT => "ARM",
            IMAGE_FILE_MACHINE_ARM64 => "AArch64",
            other => return format!("{}-bit machine {:#x}", self.bits, other.0),
        };
        format!("{}-bit {name}", self.bits)
    }
}

/// Reads a PE file; `None` where it is none.
pub(in super::super) fn read<'a>(data: impl ReadRef<'a>) -> Option<Pe> {
    match FileKind::parse(data).ok()? {
        FileKind::Pe32 => parse::<ImageNtHeaders32>(32, data),
        FileKind::Pe64 => parse::<ImageNtHeaders64>(64, data),
        _ => None,
    }
}

fn parse<'a, H: ImageNtHeaders>(bits: u32, data: impl ReadRef<'a>) -> Option<Pe> {
    let mut offset = ImageDosHeader::parse(data).ok()?.nt_headers_offset().into();
    let (headers, directories) = H::parse(data, &mut offset).ok()?;
    let file = headers.file_header();
    let mut pe = Pe {
        bits,
        machine: file.machine.get(LittleEndian),
        library: file.characteristics.get(LittleEndian).contains(IMAGE_FILE_DLL),
        dotnet: false,
    };
    if let Some(directory) = directories.get(IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR) {
        let sections = headers.sections(data, offset).ok()?;
        let (at, _) = sections.pe_file_range_at(directory.virtual_address.get(LittleEndian))?;
        let header: &ImageCor20Header = data.read_at(at.into()).ok()?;
        let flags = header.flags.get(LittleEndian);
        pe.dotnet = true;
        // Such a program says that it is for 32 bits, and runs with as many as the system has
        // (ECMA-335 II.25.3.3.1).
        if bits == 32 && flags.contains(COMIMAGE_FLAGS_ILONLY) && !flags.contains(COMIMAGE_FLAGS_32BITREQUIRED) {
            (pe.bits, pe.machine) = Pe::OWN;
        }
    }
    Some(pe)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of a PE file: what `e_lfanew` leads to, in the order of the file.
    fn file(machine: u16, characteristics: u16, magic: u16) -> Vec<u8> {
        let optional: u16 = if magic == 0x20b { 240 } else { 224 };
        let mut bytes = b"MZ".to_vec();
        bytes.resize(0x3c, 0);
        bytes.extend(64_u32.to_le_bytes());
        bytes.extend(b"PE\0\0");
        bytes.extend([machine, 0].iter().flat_map(|field| field.to_le_bytes()));
        bytes.resize(bytes.len() + 12, 0);
        bytes.extend([optional, characteristics, magic].iter().flat_map(|field| field.to_le_bytes()));
        bytes.resize(bytes.len() + usize::from(optional) - 2, 0);
        bytes
    }

    #[test]
    fn machines() {
        let read = |bytes: &[u8]| read(bytes).map(|pe| (pe.machine_name(), pe.is_own(), pe.library));
        for (machine, characteristics, magic, name, own, library) in [
            (0x8664, 0x22, 0x20b, "64-bit x86-64", true, false),
            (0x8664, 0x2022, 0x20b, "64-bit x86-64", true, true),
            (0x14c, 0x102, 0x10b, "32-bit x86", false, false),
            (0xaa64, 0x22, 0x20b, "64-bit AArch64", false, false),
            (0x1c4, 0x102, 0x10b, "32-bit ARM", false, false),
            (0x5032, 0x22, 0x20b, "64-bit machine 0x5032", false, false),
        ] {
            let bytes = file(machine, characteristics, magic);
            assert_eq!(read(&bytes), Some((name.to_owned(), own, library)), "{machine:#x}");
            // Cut short anywhere, it is none, and nothing worse.
            for end in 0..bytes.len() {
                read(&bytes[..end]);
            }
        }
        assert_eq!(read(b"#!/bin/sh\n"), None);
        assert_eq!(read(b"MZ"), None);
        assert_eq!(read(b""), None);
    }
}
