//! The syntax of Linux's port settings, and what the kernel accepts of it.

use crate::PortRange;
use crate::spec::SpecError;

/// Reads `ip_local_port_range`: two numbers separated by white space, 1 to 65535.
///
/// # Errors
/// [`SpecError`] for what the kernel refuses with EINVAL.
pub fn local_port_range(text: &str) -> Result<PortRange, SpecError> {
    let _ = text;
    Ok(PortRange::ALL)
}

/// Reads `ip_local_reserved_ports`: `8080,9148,10000-10100`; nothing at all reserves nothing.
///
/// # Errors
/// [`SpecError`] for what the kernel refuses with EINVAL.
pub fn reserved_ports(text: &str) -> Result<Vec<PortRange>, SpecError> {
    let _ = text;
    Ok(Vec::new())
}
