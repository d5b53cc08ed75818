//! Table of the policy file's keys: what may stand where, and how it is documented.

/// A part of a policy file that has keys of its own.
#[derive(Debug)]
pub struct Section {
    /// How it begins: `[linux]`; empty for the top of the file.
    pub heading: &'static str,
    /// When it holds.
    pub holds: &'static str,
    /// Its keys, in the order in which they are documented.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub value: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// A line that is right, or a value where one line would not show it.
    pub example: &'static str,
}

const fn key(name: &'static str, value: &'static str, meaning: &'static str, example: &'static str) -> Key {
    Key { name, value, meaning, example }
}

/// Ports that are right.
const PORTS: &str = "\"4000-4999\"";

const SELECT: Key =
    key("select", "the name of an order", "Order in which ports are tried, as of --select.", "select = \"sequential\"");
const SHARING: Key = key(
    "sharing",
    "tuple or exclusive",
    "Whether connections to different peers share a port, as of --sharing.",
    "sharing = \"tuple\"",
);
const SEED: Key = key("seed", "0 to 2^64-1", "Makes every choice repeatable, as --seed does.", "seed = 7");
const DYNAMIC: Key = key(
    "dynamic",
    "a table of scopes: all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6",
    "Ports of each scope that may be handed out, as a string or one number.",
    PORTS,
);
const RESERVE: Key = key(
    "reserve",
    "a SPEC, an array of SPECs, or [[reserve]] tables of ports and scope",
    "Ports that are never handed out; a bind that names one succeeds.",
    PORTS,
);
const BLOCK: Key = key(
    "block",
    "a SPEC, an array of SPECs, or [[block]] tables of ports and scope",
    "Ports that are never handed out; a bind that names one is refused.",
    PORTS,
);

/// The top of the file.
pub(super) const TOP: Section = Section {
    heading: "",
    holds: "",
    keys: &[
        key(
            "preset",
            "the name of a preset",
            "Port model underneath, as of --preset.",
            "preset = \"windows-2003-sp1\"",
        ),
        SELECT,
        SHARING,
        SEED,
        key("windows", "a table", "Settings of Windows' own.", ""),
        key("linux", "a table", "Settings of Linux' own.", ""),
        key("freebsd", "a table", "Settings of FreeBSD's own.", ""),
        DYNAMIC,
        RESERVE,
        BLOCK,
        key("process", "an array of tables", "Rules for single programs.", ""),
    ],
};

pub(super) const WINDOWS: Section = Section {
    heading: "[windows]",
    holds: "Holds under windows-xp, windows-2003 and windows-2003-sp1.",
    keys: &[
        key(
            "max-user-port",
            "a port; outside 5000 to 65534 it counts as the nearest",
            "Last port of the range (MaxUserPort).",
            "max-user-port = 5000",
        ),
        key(
            "reserved-ports",
            "an array of \"FIRST-LAST\", one port as \"4000-4000\"",
            "Ports that are never handed out (ReservedPorts).",
            "\"4000-4000\"",
        ),
    ],
};

pub(super) const LINUX: Section = Section {
    heading: "[linux]",
    holds: "Holds under host and linux. The values are written as in /proc/sys/net/ipv4.",
    keys: &[
        key(
            "ip_local_port_range",
            "two ports with white space between",
            "Range of all scopes.",
            "ip_local_port_range = \"32768 60999\"",
        ),
        key(
            "ip_local_reserved_ports",
            "ports and ranges with commas between, no white space",
            "Ports that are never handed out.",
            "ip_local_reserved_ports = \"8080,9148\"",
        ),
        key(
            "ip_unprivileged_port_start",
            "0 to 65535, at most the range's first port",
            "Below it, a bind that names a port needs CAP_NET_BIND_SERVICE.",
            "ip_unprivileged_port_start = 1024",
        ),
    ],
};

pub(super) const FREEBSD: Section = Section {
    heading: "[freebsd]",
    holds: "Holds under freebsd. The keys are the sysctls net.inet.ip.portrange.*.",
    keys: &[
        key("first", "1024 to 65535", "One end of the range of all scopes.", "first = 10000"),
        key("last", "1024 to 65535", "The other end.", "last = 65535"),
        key("hifirst", "1024 to 65535", "Shown; no program on Linux can ask for it.", "hifirst = 49152"),
        key("hilast", "1024 to 65535", "Shown; no program on Linux can ask for it.", "hilast = 65535"),
        key("lowfirst", "1 to 1023", "One end of what rresvport(3) hands out.", "lowfirst = 1023"),
        key("lowlast", "1 to 1023", "The other end.", "lowlast = 600"),
        key("randomized", "true, false, 1 or 0", "Whether a search begins at random.", "randomized = false"),
    ],
};

pub(super) const PROCESS: Section = Section {
    heading: "[[process]]",
    holds: "Holds for the programs that match; the first of up to 15 that fits is the one that counts.",
    keys: &[
        key(
            "match",
            "a file's name with * and ?, up to 63 bytes, without / and :",
            "Name of the executable; for a script, its own name or its interpreter's.",
            "match = \"java*\"",
        ),
        DYNAMIC,
        RESERVE,
        BLOCK,
        SELECT,
        SHARING,
        SEED,
    ],
};

/// All sections, in the order in which they are documented.
pub const SECTIONS: [&Section; 5] = [&TOP, &WINDOWS, &LINUX, &FREEBSD, &PROCESS];

impl Section {
    /// The names of its keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// What is right for a key of that name, wherever it stands.
pub(super) fn example(name: &str) -> &'static str {
    let mut keys = SECTIONS.iter().flat_map(|section| section.keys);
    keys.find(|key| key.name == name).map_or(PORTS, |key| key.example)
}

#[cfg(test)]
mod tests {
    use super::FREEBSD;
    use crate::model::RangeEnd;

    #[test]
    fn the_sysctls_of_freebsd_are_all_there() {
        let ends = RangeEnd::ALL.map(RangeEnd::name);
        assert!(FREEBSD.names().iter().eq(ends.iter().chain(&["randomized"])));
    }
}
