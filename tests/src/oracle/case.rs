//! The policies under which sequences are compared.

use super::kernel;

/// Way in which portshim can serve a policy on a host with the default range, 32768-60999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Inside the host's range: the kernel is made to choose, if it can be.
    Steer,
    /// Outside of it: the port is bound by number.
    Pin,
    /// Across the lower end of it.
    Both,
}

/// One policy.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name that the command line has for it.
    pub name: &'static str,
    /// The dynamic range.
    pub range: (u16, u16),
    /// The reserved ports inside it, as both portshim and the kernel write them.
    pub reserved: &'static str,
    /// Way in which portshim serves it.
    pub reach: Reach,
}

/// The policies of random sequences. With one port in it nothing is left to chance, so that
/// sequences need no bounds.
pub const CASES: [Case; 14] = [
    case_of("steer-one", (40000, 40000), "", Reach::Steer),
    case_of("pin-one", (20000, 20000), "", Reach::Pin),
    case_of("steer-one-holes", (40000, 40009), "40000-40004,40006-40009", Reach::Steer),
    case_of("pin-one-holes", (1025, 1040), "1025-1030,1032-1040", Reach::Pin),
    case_of("steer-two", (40000, 40001), "", Reach::Steer),
    case_of("pin-two", (20000, 20001), "", Reach::Pin),
    case_of("steer", (40000, 40009), "", Reach::Steer),
    case_of("pin", (20000, 20009), "", Reach::Pin),
    case_of("steer-holes", (40000, 40015), "40000,40003-40005,40007,40012-40014", Reach::Steer),
    case_of("pin-holes", (1025, 1040), "1026,1029-1031,1040", Reach::Pin),
    case_of("straddle", (32760, 32775), "", Reach::Both),
    case_of("straddle-holes", (32760, 32775), "32762-32764,32767,32770-32772", Reach::Both),
    case_of("steer-end", (60990, 60999), "60992,60994-60996", Reach::Steer),
    case_of("pin-end", (65530, 65535), "65532", Reach::Pin),
];

/// A range of an odd number of ports, of which the bare kernel leaves one out, mostly by chance;
/// with three, it is always the last.
pub const ODD: Case = case_of("odd", (40000, 40002), "", Reach::Steer);

const fn case_of(name: &'static str, range: (u16, u16), reserved: &'static str, reach: Reach) -> Case {
    Case { name, range, reserved, reach }
}

/// The case of that name.
#[must_use]
pub fn case(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

impl Case {
    /// The range as it is written.
    #[must_use]
    pub fn range_text(&self) -> String {
        format!("{}-{}", self.range.0, self.range.1)
    }

    /// Number of ports the policy hands out.
    ///
    /// # Panics
    /// Where the case is written wrongly.
    #[must_use]
    pub fn count(&self) -> usize {
        let reserved: usize = self
            .reserved
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                let number = |text: &str| text.parse::<usize>().expect("a port");
                number(last) - number(first) + 1
            })
            .sum();
        usize::from(self.range.1 - self.range.0) + 1 - reserved
    }

    /// Tells whether its ports follow each other, and are all served in one way.
    #[must_use]
    pub fn is_one_run(&self) -> bool {
        (self.reserved.is_empty() || self.count() == 1) && self.reach != Reach::Both
    }

    /// Tells whether some of its ports are bound by number.
    #[must_use]
    pub fn pins(&self) -> bool {
        self.reach != Reach::Steer || !*kernel::CHOOSES
    }

    /// Tells whether MPTCP sockets are bound by number where the kernel chooses for others.
    pub(super) fn pins_mptcp_alone(&self) -> bool {
        self.reach != Reach::Pin && *kernel::CHOOSES && !*kernel::CHOOSES_FOR_MPTCP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_called_one_have_one_port() {
        for case in CASES {
            assert_eq!(case.count() == 1, case.name.contains("one"), "{}", case.name);
        }
    }
}
