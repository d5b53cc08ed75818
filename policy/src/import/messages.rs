//! The wording of what is said about settings that are imported.

use crate::config::{Origin, Problem, Severity};
use crate::model::Preset;
use crate::ports::PortRange;

/// Words of a problem that are the same wherever it is met.
pub(super) struct Words {
    severity: Severity,
    problem: &'static str,
    help: &'static str,
}

impl Words {
    /// The problem, at this place.
    pub(super) fn at(&self, origin: &Origin) -> Problem {
        Problem { severity: self.severity, ..Problem::error(origin, self.problem, self.help) }
    }
}

const fn error(problem: &'static str, help: &'static str) -> Words {
    Words { severity: Severity::Error, problem, help }
}

const fn warning(problem: &'static str, help: &'static str) -> Words {
    Words { severity: Severity::Warning, problem, help }
}

const fn note(problem: &'static str, help: &'static str) -> Words {
    Words { severity: Severity::Note, problem, help }
}

/// An error of a file of which there is no line to show.
fn whole(message: String, help: &str) -> Problem {
    Problem { severity: Severity::Error, origin: None, message, help: help.into() }
}

pub(super) fn empty(file_name: &str) -> Problem {
    whole(
        format!("`{file_name}` is empty"),
        "did the command fail that should have written it? A policy that asks for nothing is a .toml file with a comment",
    )
}

pub(super) fn comments_alone(file_name: &str) -> Problem {
    whole(
        format!("`{file_name}` sets nothing: it holds comments alone"),
        "take the mark off the lines that shall count; a policy that asks for nothing is a .toml file",
    )
}

/// Text that is neither a policy nor any system's settings.
pub(super) const NO_KNOWN_FORM: Words = error(
    "this is in no form that portshim reads",
    "give it a policy file, sysctl.conf, the output of `sysctl -a`, a registry export (.reg), the output of \
         `netsh int ipv4 show dynamicport` or `show excludedportrange`, or a script that calls netsh",
);

/// A line of a file that line `sign` would make one of settings.
pub(super) fn foreign(origin: &Origin, sign: usize) -> Problem {
    Problem::error(
        origin,
        format!(
            "this is no line of settings, though line {sign} is: a text that speaks of settings is not taken for them"
        ),
        "copy what sets ports into a file of its own",
    )
}

pub(super) const NOT_UTF8: Words = error("this is not text in UTF-8", "save the policy as UTF-8");

pub(super) const BROKEN_UTF16: Words = error(
    "here the text breaks off in the middle of a UTF-16 character",
    "export or copy the file again: a part of it is missing",
);

/// A file of the right form, with nothing in it that is about ports; `understood` is what would be.
pub(super) fn no_port_setting(origin: &Origin, understood: &str) -> Problem {
    Problem::error(origin, "nothing in this file sets ports", format!("what is understood: {understood}"))
}

/// A setting that no kernel has, and one that it has.
pub(super) fn misspelt(origin: &Origin, name: &str, known: &str) -> Problem {
    Problem::error(origin, format!("`{name}`: there is no such setting"), format!("did you mean `{known}`?"))
}

/// A setting that is known and has no place in a policy.
pub(super) fn not_modelled(origin: &Origin, name: &str, why: &str) -> Problem {
    Problem::note(origin, format!("{name} is no part of a policy: {why}"), "")
}

/// The preset had to be guessed; `others` could have been meant.
pub(super) fn guessed(origin: &Origin, preset: &Preset, others: &str) -> Problem {
    Problem::note(
        origin,
        format!("this does not say which Windows it is from; taken for {}", preset.name),
        format!("--preset names another, such as {others}"),
    )
}

pub(super) fn not_a_dword(origin: &Origin, name: &str) -> Problem {
    Problem::error(
        origin,
        format!("{name} is a number (REG_DWORD), and this is none"),
        "write up to eight hexadecimal digits, such as dword:0000fffe for 65534",
    )
}

pub(super) fn not_a_multi_string(origin: &Origin, name: &str) -> Problem {
    Problem::error(
        origin,
        format!("{name} is a list of strings (REG_MULTI_SZ), and this is none"),
        "write hex(7): and the bytes of the strings; regedit writes it so",
    )
}

pub(super) const NOT_A_BYTE: Words = error(
    "this is not a byte",
    "write two hexadecimal digits for each, and a comma between two; a line that goes on ends in a backslash",
);

pub(super) const HALF_A_CHARACTER: Words =
    error("the number of bytes is odd, and each character takes two", "export the key again: a byte is missing");

pub(super) const UNTERMINATED: Words = warning(
    "the list has no end: its last two characters are not zero, so Windows may drop its last entry",
    "end it in 00,00,00,00",
);

pub(super) const AFTER_THE_END: Words =
    warning("an empty string ends the list, so Windows does not read this", "take the empty string before it out");

/// Entries that adjoin, of which Windows may not honour all.
pub(super) fn adjoining(origin: &Origin, one: PortRange, other: PortRange) -> Problem {
    let joined = (one.first().min(other.first()), one.last().max(other.last()));
    Problem::note(
        origin,
        format!("{one} and {other} adjoin, and Windows may not honour both (KB 812873); the policy does"),
        format!("write {}-{}", joined.0, joined.1),
    )
}

pub(super) const LISTING_WITHOUT_PROTOCOL: Words = error(
    "no line above says whether these are ports of TCP or of UDP",
    "keep the heading that netsh prints, such as Protocol tcp Port Exclusion Ranges",
);

pub(super) const LISTING_WITHOUT_FAMILY: Words = note(
    "this does not say whether it is about IPv4 or IPv6; taken for both",
    "keep the command in the file, above what it printed: netsh interface ipv4 show …",
);

pub(super) const SECOND_LISTING_WITHOUT_FAMILY: Words = error(
    "this differs from what stands above for the same protocol, and neither says for which of IPv4 and IPv6 it is",
    "put the command above each, as in netsh interface ipv4 show dynamicport tcp",
);

pub(super) const INCOMPLETE_LISTING: Words = error(
    "a start port stands here without a number of ports",
    "copy all that netsh printed: the start port, and below it the number of ports",
);

/// A number or two that netsh cannot have printed.
pub(super) const NO_SUCH_PORTS: Words =
    error("these are no ports", "ports are 1 to 65535, and a range ends at its start or above");

/// An exclusion that Windows refuses, since another is in its way.
pub(super) fn overlaps(origin: &Origin, other: &Origin) -> Problem {
    Problem::warning(
        origin,
        format!("Windows refuses this, for it overlaps with {other}; left out"),
        "exclude each port once",
    )
}

pub(super) fn never_added(origin: &Origin, range: PortRange) -> Problem {
    Problem::warning(
        origin,
        format!("nothing above excludes exactly {range}, so there is nothing to delete"),
        "name the same start and number of ports as were added",
    )
}

/// `rpccfg /pe`, with the ports that it names, as they would stand in a policy.
pub(super) fn rpc_endpoints(origin: &Origin, ports: Option<&str>) -> Problem {
    let ports = ports.unwrap_or("FIRST-LAST");
    Problem::warning(
        origin,
        "this sets the ports of RPC endpoints, not those of the system's dynamic range, so the policy leaves it out",
        format!(
            "if these ports are meant for every wildcard bind, write --range {ports} or, in a policy file, dynamic.all = \"{ports}\""
        ),
    )
}
