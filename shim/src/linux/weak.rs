//! Variables that one C library has and another has not.

/// The address of a variable of the dynamic linker's, or null. A plain mention would need the
/// library that has it by its name, and no program of another C library would begin.
#[cfg(target_arch = "x86_64")]
macro_rules! weak {
    ($name:literal: $type:ty) => {{
        let address: *const $type;
        core::arch::asm!(
            concat!(".weak ", $name),
            concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
            out(reg) address,
            options(nostack, preserves_flags, pure, readonly)
        );
        address
    }};
}

/// As above.
#[cfg(target_arch = "aarch64")]
macro_rules! weak {
    ($name:literal: $type:ty) => {{
        let address: *const $type;
        core::arch::asm!(
            concat!(".weak ", $name),
            concat!("adrp {0}, :got:", $name),
            concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
            out(reg) address,
            options(nostack, preserves_flags, pure, readonly)
        );
        address
    }};
}

pub(super) use weak;
