//! What a PE file says about how it is loaded.

use object::pe::{
    COMIMAGE_FLAGS_32BITREQUIRED, COMIMAGE_FLAGS_ILONLY, IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR, IMAGE_FILE_DLL,
    IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_ARMNT, IMAGE_FILE_MACHINE_I386,
    ImageCor20Header, ImageDosHeader, ImageNtHeaders32, ImageNtHeaders64, Machine,
};
use object::read::pe::ImageNtHeaders;
use object::{FileKind, LittleEndian, ReadRef};

/// The parts of a PE file that decide whether a library can be loaded into its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pe {
    /// How many bits an address has in its process.
    pub(super) bits: u32,
    /// `Machine`, as its process runs.
    pub(super) machine: Machine,
    /// Whether it is a library.
    pub(super) library: bool,
    /// Whether .NET runs it.
    pub(super) dotnet: bool,
}

impl Pe {
    /// The one that this command is made for.
    pub(super) const OWN: (u32, Machine) = (64, IMAGE_FILE_MACHINE_AMD64);

    /// `64-bit x86-64`.
    pub(super) fn machine_name(self) -> String {
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
pub(super) fn read<'a>(data: impl ReadRef<'a>) -> Option<Pe> {
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
        // Such a program says that it is for 32 bits, and runs with as many as the system has (ECMA-335 II.25.3.3.1).
        if bits == 32 && flags.contains(COMIMAGE_FLAGS_ILONLY) && !flags.contains(COMIMAGE_FLAGS_32BITREQUIRED) {
            (pe.bits, pe.machine) = Pe::OWN;
        }
    }
    Some(pe)
}
