//! The policies that are measured, each beside the kernel under settings that come to the same.

use crate::netns::Netns;
use portshim_tests::work::task::Way;

/// One policy.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Told beside the row.
    pub(crate) what: String,
    /// The kernel's own settings to the same effect.
    pub(crate) kernel: Netns,
    /// The settings of the host that portshim runs on.
    pub(crate) host: Netns,
    /// Of `portshim run`.
    pub(crate) options: Vec<String>,
    /// Way in which portshim comes by a port here.
    pub(crate) way: Way,
}

impl Case {
    pub(crate) fn ports(&self) -> usize {
        self.kernel.ports().len()
    }
}

/// The default range of Linux: 28,232 ports.
const LINUX: (u16, u16) = (32768, 60999);

/// All policies, or tiny ones of so many ports.
pub(crate) fn cases(ports: Option<u16>) -> Vec<Case> {
    let high = |low: u16, all: u16| ports.map_or(all, |ports| low + ports - 1);
    let range = |netns: &Netns| format!("{}-{}", netns.low, netns.high);
    let options = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();

    let linux = Netns::new(LINUX.0, high(LINUX.0, LINUX.1));
    let outside = Netns::new(4000, high(4000, 32231));
    // As many ports as Linux has, in 30 runs.
    let whole = Netns::new(LINUX.0, high(LINUX.0, LINUX.1 + 29));
    let mut holed = whole.clone();
    holed.reserved = (whole.low..=whole.high).filter(|port| port % 1000 == 0).collect();
    if ports.is_some() {
        holed.reserved = [whole.low + 40, whole.low + 41].into();
    }
    let reserved = holed.reserved.iter().map(u16::to_string).collect::<Vec<_>>().join(",");

    let mut cases = vec![
        Case {
            name: "steered",
            what: "inside the host's range".to_owned(),
            options: options(&["--range", &range(&linux)]),
            way: Way::Steer,
            kernel: linux.clone(),
            host: linux.clone(),
        },
        Case {
            name: "pinned",
            what: "outside the host's range".to_owned(),
            options: options(&["--range", &range(&outside)]),
            way: Way::Pin,
            kernel: outside,
            host: linux.clone(),
        },
        Case {
            name: "holes",
            what: format!("with {} reserved ports", holed.reserved.len()),
            options: options(&["--range", &range(&whole), "--reserve", &reserved]),
            way: Way::Steer,
            kernel: holed,
            host: whole,
        },
    ];
    if ports.is_none() {
        cases.push(Case {
            name: "windows-xp",
            what: "preset windows-xp".to_owned(),
            options: options(&["--preset", "windows-xp"]),
            way: Way::Pin,
            kernel: Netns::new(1025, 5000),
            host: linux,
        });
    }
    cases
}

/// As many ports as Windows had of old, where the kernel cannot be made to choose: two connections
/// from each of them are no more than a process may have descriptors. Or half of so many.
pub(crate) fn small(ports: Option<u16>) -> Case {
    let kernel = Netns::new(4000, 4000 + ports.map_or(3976, |ports| ports / 2) - 1);
    Case {
        name: "small",
        what: "outside the host's range".to_owned(),
        options: vec!["--range".to_owned(), format!("{}-{}", kernel.low, kernel.high)],
        way: Way::Pin,
        kernel,
        host: Netns::new(LINUX.0, LINUX.1),
    }
}
