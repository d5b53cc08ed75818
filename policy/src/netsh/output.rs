//! Output of netsh.

use crate::ports::PortRange;
use core::fmt::Write;

/// Words of netsh when it has done something.
pub const DONE: &str = "Ok.\n\n";
/// Words of netsh where ports meet others that are excluded or in use (ERROR_SHARING_VIOLATION).
pub const IN_USE: &str = "The process cannot access the file because it is being used by another process.\n\n";
/// Words of netsh where a parameter is outside its limits (ERROR_INVALID_PARAMETER).
pub const INCORRECT: &str = "The parameter is incorrect.\n\n";
/// Words of netsh where there is nothing to delete (ERROR_FILE_NOT_FOUND).
pub const MISSING: &str = "The system cannot find the file specified.\n\n";

/// The answer to `show dynamicport`.
#[must_use]
pub fn dynamic_port(protocol: &str, range: PortRange) -> String {
    let heading = format!("Protocol {protocol} Dynamic Port Range");
    format!("\n{heading}\n{:-<33}\nStart Port      : {}\nNumber of Ports : {}\n\n", "", range.first(), range.len())
}

/// The answer to `show excludedportrange`: ranges, ascending, and whether each is an administered
/// exclusion, which a program can still bind, or one that belongs to some program alone.
#[must_use]
pub fn excluded_port_ranges(protocol: &str, ranges: &[(PortRange, bool)]) -> String {
    let mut text = format!("\nProtocol {protocol} Port Exclusion Ranges\n\nStart Port    End Port      \n");
    text.push_str("----------    --------      \n");
    for (range, administered) in ranges {
        let star = if *administered { "     *" } else { "      " };
        let _ = writeln!(text, "{:>10}  {:>10}{star}", range.first(), range.last());
    }
    text.push_str("\n* - Administered port exclusions.\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_look_like_netshs() {
        let range = |first, last| PortRange::new(first, last).unwrap();
        assert_eq!(
            dynamic_port("tcp", range(49152, 65535)),
            "\nProtocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n\n"
        );
        assert_eq!(
            excluded_port_ranges("udp", &[(range(5357, 5357), false), (range(50000, 50059), true)]),
            "\nProtocol udp Port Exclusion Ranges\n\nStart Port    End Port      \n----------    --------      \n      5357        5357      \n     50000       50059     *\n\n* - Administered port exclusions.\n\n"
        );
    }
}
