//! Table of the policy's settings. A row is all that a key needs to be read from a policy file, an
//! option, an environment variable or a running system, written, and told of in help and manual
//! pages. What a setting does is decided where layers are laid over each other:
//! [`resolve`](super::resolve()).

use super::values::{self, Kind, Syntax, Value};
use super::{messages, registry, sysctl};
use crate::model::{Order, Preset, Sharing};
use crate::ports::PortRange;
use strum::VariantNames;

/// A part of a policy file that has keys of its own.
#[derive(Debug)]
pub struct Section {
    /// Heading: `[linux]`; empty for the top of the file.
    pub heading: &'static str,
    /// Condition under which it holds, in words.
    pub holds: &'static str,
    /// Tells whether it holds under a model.
    pub(super) fits: fn(&Preset) -> bool,
    /// The system whose settings these are: what their names begin with there, and its preset.
    pub(crate) system: Option<(&'static str, &'static str)>,
    /// Its keys, in the order in which they are documented.
    pub keys: &'static [&'static Key],
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Kind of its value, in words.
    pub value: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
    /// A line that is right, or a value where one line would not show it.
    pub example: &'static str,
    /// The option and the variable that set it, too.
    pub option: Option<KeyOption>,
    pub(crate) kind: Kind,
}

/// An option that sets a key, and the environment variable that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct KeyOption {
    /// The option: `--range`.
    pub name: &'static str,
    /// The variable: `PORTSHIM_RANGE`.
    pub variable: &'static str,
    /// Name of the value in help.
    pub value: &'static str,
    /// Help in one line.
    pub help: &'static str,
}

/// A key is its row.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl Eq for Key {}

impl Key {
    /// Tells whether its option may be given more than once.
    #[must_use]
    pub fn repeatable(&self) -> bool {
        matches!(self.kind, Kind::Specs | Kind::Scopes)
    }

    /// Names that its value is one of; none if it is no name.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.kind.names()
    }
}

/// Form of a key's value in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string: one of these, or any if there are none.
    Word(Vec<&'static str>),
    /// A number that is not negative.
    Number,
    /// `true`, `false`, 1 or 0.
    Switch,
    /// An array of strings.
    Lines,
    /// SPECs.
    Specs,
    /// SPECs by scope.
    Scopes,
    /// A section of its own.
    Table,
}

impl Key {
    /// Form of its value.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.kind {
            Kind::Preset | Kind::Word { .. } => Form::Word(self.names()),
            Kind::Ports(_) => Form::Word(Vec::new()),
            Kind::Number { .. } => Form::Number,
            Kind::Switch => Form::Switch,
            Kind::Lines(_) => Form::Lines,
            Kind::Specs => Form::Specs,
            Kind::Scopes => Form::Scopes,
            Kind::Table => Form::Table,
        }
    }
}

impl Section {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name).copied()
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// Its name, which is its key at the top of the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.heading.trim_matches(['[', ']'])
    }
}

/// All keys that an option sets, in the order in which help lists them.
pub fn options() -> impl Iterator<Item = (&'static Key, KeyOption)> {
    let keys = TOP.keys.iter().chain(MODELS.iter().flat_map(|section| section.keys));
    keys.filter_map(|key| Some((*key, key.option?)))
}

/// The heading of the section that a key belongs to; none if it may stand at the top.
pub(super) fn home(name: &str) -> Option<&'static str> {
    let home = SECTIONS.into_iter().find(|section| section.key(name).is_some())?;
    Some(home.heading).filter(|heading| !heading.is_empty())
}

/// Rows of a section. Each is a static of its own: its name, value, meaning, example and kind, and
/// then its option with the variable, what help calls the value, and help. Keys of another section
/// may stand in one as well.
macro_rules! section {
    (@option) => { None };
    (@option $name:literal $variable:literal $value:literal $help:literal) => {
        Some(KeyOption { name: $name, variable: $variable, value: $value, help: $help })
    };
    (
        $section:ident { $($field:ident: $of:expr,)* } $([$($also:ident)+])?
        $($key:ident $name:literal: $value:literal, $meaning:literal, $example:expr, $kind:expr
            $(, option $($option:literal)+)?;)*
    ) => {
        $(
            #[doc = concat!("Row of `", $name, "`: ", $meaning)]
            pub static $key: Key = Key {
                name: $name, value: $value, meaning: $meaning, example: $example, kind: $kind,
                option: section!(@option $($($option)+)?),
            };
        )*
        #[doc = concat!("Keys of a section: ", stringify!($section), ".")]
        pub static $section: Section = Section {
            keys: &[$(&$key,)* $($(&$also),+)?], $($field: $of,)*
        };
    };
}

/// Ports that are right.
pub(super) const PORTS: &str = "\"4000-4999\"";

section! {
    TOP { heading: "", holds: "", fits: |_| true, system: None, }

    PRESET "preset": "the name of a preset",
        "Port model underneath, as of --preset.", "preset = \"windows-2003-sp1\"",
        Kind::Preset,
        option "--preset" "PORTSHIM_PRESET" "NAME" "Start from a system's port model";
    DYNAMIC "dynamic": "a table of scopes: all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6",
        "Ports of each scope that may be handed out, as a string or one number.", PORTS,
        Kind::Scopes,
        option "--range" "PORTSHIM_RANGE" "SPEC" "Hand out these ports, and no others";
    RESERVE "reserve": "a SPEC, an array of SPECs, or [[reserve]] tables of ports and scope",
        "Ports that are never handed out; a bind that names one succeeds.", PORTS,
        Kind::Specs,
        option "--reserve" "PORTSHIM_RESERVE" "SPEC"
            "Never hand these ports out; binding one by its number still succeeds";
    BLOCK "block": "a SPEC, an array of SPECs, or [[block]] tables of ports and scope",
        "Ports that are never handed out; a bind that names one is refused.", PORTS,
        Kind::Specs,
        option "--block" "PORTSHIM_BLOCK" "SPEC"
            "Never hand these ports out, and refuse to bind one by its number";
    SELECT "select": "the name of an order",
        "Order in which ports are tried, as of --select.", "select = \"sequential\"",
        Kind::Word {
            read: |text, origin| values::word("order", text, origin).map(Value::Order),
            names: Order::VARIANTS,
        },
        option "--select" "PORTSHIM_SELECT" "ORDER" "Try ports in this order";
    SHARING "sharing": "tuple or exclusive",
        "Whether connections to different peers share a port, as of --sharing.", "sharing = \"tuple\"",
        Kind::Word {
            read: |text, origin| values::word("sharing", text, origin).map(Value::Sharing),
            names: Sharing::VARIANTS,
        },
        option "--sharing" "PORTSHIM_SHARING" "HOW"
            "Let connections to different peers share a port where the system lets them, or give each its own";
    SEED "seed": "0 to 2^64-1",
        "Makes every choice repeatable, as --seed does.", "seed = 7",
        number(|text, origin| values::number(text, origin, u64::MAX, messages::seed)),
        option "--seed" "PORTSHIM_SEED" "N" "Make every choice repeatable";
    WINDOWS_TABLE "windows": "a table", "Settings of Windows' own.", "[windows]", Kind::Table;
    LINUX_TABLE "linux": "a table", "Settings of Linux' own.", "[linux]", Kind::Table;
    FREEBSD_TABLE "freebsd": "a table", "Settings of FreeBSD's own.", "[freebsd]", Kind::Table;
    PROCESS_TABLES "process": "an array of tables",
        "Rules for single programs.", "[[process]]", Kind::Table;
}

section! {
    WINDOWS {
        heading: "[windows]",
        holds: "Holds under windows-xp, windows-2003 and windows-2003-sp1.",
        fits: |preset| preset.max_user_port.is_some(),
        system: None,
    }

    MAX_USER_PORT "max-user-port": "a port; outside 5000 to 65534 it counts as the nearest",
        "Last port of the range (MaxUserPort).", "max-user-port = 5000",
        number(|text, origin| values::number(text, origin, u64::MAX, messages::max_user_port)),
        option "--max-user-port" "PORTSHIM_MAX_USER_PORT" "N"
            "Set the last port of the range of the Windows models up to 2003";
    RESERVED_PORTS "reserved-ports": "an array of \"FIRST-LAST\", one port as \"4000-4000\"",
        "Ports that are never handed out (ReservedPorts).", "\"4000-4000\"",
        Kind::Lines(Syntax {
            read: |text| Ok(vec![registry::reserved_range(text)?]),
            write: |ranges| between(ranges, '-'),
        });
}

section! {
    LINUX {
        heading: "[linux]",
        holds: "Holds under host and linux. The values are written as in /proc/sys/net/ipv4.",
        fits: |preset| preset.sysctls,
        system: Some(("net.ipv4.", "linux")),
    }

    IP_LOCAL_PORT_RANGE "ip_local_port_range": "two ports with white space between",
        "Ports that may be handed out, in all scopes.", "ip_local_port_range = \"32768 60999\"",
        Kind::Ports(Syntax {
            read: |text| Ok(vec![sysctl::local_port_range(text)?]),
            write: |ranges| between(ranges, ' '),
        });
    IP_LOCAL_RESERVED_PORTS "ip_local_reserved_ports": "ports and ranges with commas between, no white space",
        "Ports that are never handed out.", "ip_local_reserved_ports = \"8080,9148\"",
        Kind::Ports(Syntax { read: sysctl::reserved_ports, write: |ranges| values::joined(ranges) });
    IP_UNPRIVILEGED_PORT_START "ip_unprivileged_port_start": "0 to 65535, at most the range's first port",
        "Port below which a bind that names one needs CAP_NET_BIND_SERVICE.",
        "ip_unprivileged_port_start = 1024",
        Kind::Number {
            read: |text, origin| values::number(text, origin, u16::MAX.into(), messages::unprivileged_start),
            system: |text| sysctl::port(text).map(u64::from),
        };
}

section! {
    FREEBSD {
        heading: "[freebsd]",
        holds: "Holds under freebsd. The keys are the sysctls net.inet.ip.portrange.*.",
        fits: |preset| preset.portrange.is_some(),
        system: Some(("net.inet.ip.portrange.", "freebsd")),
    }

    FIRST "first": "1024 to 65535", "One end of the range of all scopes.", "first = 10000", END;
    LAST "last": "1024 to 65535", "The other end.", "last = 65535", END;
    HIFIRST "hifirst": "1024 to 65535", "Shown; no program on Linux can ask for it.", "hifirst = 49152", END;
    HILAST "hilast": "1024 to 65535", "Shown; no program on Linux can ask for it.", "hilast = 65535", END;
    LOWFIRST "lowfirst": "1 to 1023", "One end of what rresvport(3) hands out.", "lowfirst = 1023", END;
    LOWLAST "lowlast": "1 to 1023", "The other end.", "lowlast = 600", END;
    RANDOMIZED "randomized": "true, false, 1 or 0",
        "Whether a search begins at random.", "randomized = false", Kind::Switch;
}

/// An end of a range of FreeBSD's. One outside its bounds counts as the nearest inside.
const END: Kind = number(|text, origin| values::number(text, origin, u64::MAX, messages::port));

/// A number that running systems write in decimal digits, if they have it at all.
const fn number(read: values::Read) -> Kind {
    Kind::Number { read, system: values::decimal }
}

section! {
    PROCESS {
        heading: "[[process]]",
        holds: "Holds for the programs that match; the first of up to 15 that fits is the one that counts.",
        fits: |_| true,
        system: None,
    } [DYNAMIC RESERVE BLOCK SELECT SHARING SEED]

    MATCH "match": "a file's name with * and ?, up to 63 bytes, without / and :",
        "Name of the executable; for a script, its own name or its interpreter's.", "match = \"java*\"",
        Kind::Word { read: values::glob, names: &[] };
}

/// Sections of one system's own settings.
pub(crate) static MODELS: [&Section; 3] = [&WINDOWS, &LINUX, &FREEBSD];

/// All sections, in the order in which they are documented.
pub static SECTIONS: [&Section; 5] = [&TOP, &WINDOWS, &LINUX, &FREEBSD, &PROCESS];

/// The only range of `ranges`, with `mark` between its ends.
fn between(ranges: &[PortRange], mark: char) -> String {
    ranges.iter().map(|range| format!("{}{mark}{}", range.first(), range.last())).collect()
}

#[cfg(test)]
mod tests {
    use super::FREEBSD;
    use crate::model::RangeEnd;

    #[test]
    fn the_sysctls_of_freebsd_are_all_there() {
        let ends = RangeEnd::ALL.map(<&str>::from);
        assert!(FREEBSD.names().iter().eq(ends.iter().chain(&["randomized"])));
    }
}
