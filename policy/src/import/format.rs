//! Recognition of the form that a text is in, and of lines that show it to be no file of settings
//! after all: the marks of a document that quotes some.

use super::{console, draft, listing, registry, sysctl};
use core::ops::Range;

/// A form that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A policy file of our own.
    Policy,
    /// sysctl.conf, a file of sysctl.d, or what `sysctl -a` prints.
    Sysctl,
    /// An export of the registry.
    Registry,
    /// Output of netsh, or a script that calls netsh or rpccfg.
    Console,
}

/// The form that the text is in, if it is in one of them for certain.
pub(super) fn of(text: &str) -> Option<Format> {
    let lines = || draft::lines(text, |_| false).map(|(_, line)| line.trim());
    // An export that has lost its first line is one still: no other form has keys of the registry.
    let first = lines().find(|line| !line.is_empty());
    if first.is_some_and(registry::is_heading) || lines().any(|line| line.starts_with("[HKEY_")) {
        Some(Format::Registry)
    } else if lines().any(|line| sysctl::setting(line).is_some()) {
        Some(Format::Sysctl)
    } else if lines().any(console::is_command) || listing::is_listing(lines()) {
        Some(Format::Console)
    } else if lines().any(is_of_a_policy) {
        Some(Format::Policy)
    } else {
        None
    }
}

/// `key = …`, `[table]`.
fn is_of_a_policy(line: &str) -> bool {
    let bare = |key: &str| {
        let part = |c: char| c.is_ascii_alphanumeric() || "-_.\"' ".contains(c);
        !key.trim().is_empty() && key.chars().all(part)
    };
    match line.split_once('=') {
        Some((key, _)) => bare(key),
        None => line
            .strip_prefix('[')
            .and_then(|line| line.split_once(']'))
            .is_some_and(|(name, _)| bare(name.strip_prefix('[').unwrap_or(name))),
    }
}

/// Beginnings of lines of Markdown or HTML, and none of a script, listing or export. What else
/// documents are made of is found in files of settings, too: whatever a program prints, in any
/// language, may stand between two settings.
const MARKS: [&str; 5] = ["```", "~~~", "</", "<html", "<!doctype"];

/// The first line that marks a document, and the number of the line that it was taken to be in this
/// form for.
pub(super) fn foreign(text: &str, format: Format) -> Option<(Range<usize>, usize)> {
    let is_sign: fn(&str) -> bool = match format {
        Format::Policy => return None,
        Format::Sysctl => |line| sysctl::setting(line).is_some(),
        Format::Registry => registry::is_begin,
        Format::Console => console::is_sign,
    };
    let (at, line) = draft::lines(text, |_| false).find(|(_, line)| is_mark(line.trim()))?;
    let sign = text.lines().map(str::trim).position(is_sign)?;
    Some((draft::span(at, line, line.trim()), sign + 1))
}

fn is_mark(line: &str) -> bool {
    MARKS.iter().any(|mark| line.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, format) in [
            ("", None),
            ("# a comment\n", None),
            ("hello\nworld\n", None),
            ("preset = \"linux\"\n", Some(Format::Policy)),
            ("\n[linux]\n", Some(Format::Policy)),
            ("[[reserve]]\n", Some(Format::Policy)),
            ("[linux]\nip_local_port_range = \"1 2\"\n", Some(Format::Policy)),
            ("dynamic.tcp = \"1-2\"\n", Some(Format::Policy)),
            ("nonsense = 1\n", Some(Format::Policy)),
            ("# net.ipv4.ip_forward = 1\npreset = \"linux\"\n", Some(Format::Policy)),
            ("vm.swappiness = 10\n", Some(Format::Sysctl)),
            ("-net/ipv4/ip_forward=1\n", Some(Format::Sysctl)),
            ("net.inet.ip.portrange.first: 10000\n", Some(Format::Sysctl)),
            ("REGEDIT4\r\n", Some(Format::Registry)),
            ("\n  Windows Registry Editor Version 5.00\n", Some(Format::Registry)),
            ("\n[HKEY_LOCAL_MACHINE\\SYSTEM]\n\"a\"=dword:1\n", Some(Format::Registry)),
            ("netsh int ipv4 show dynamicport tcp\n", Some(Format::Console)),
            ("@echo off\nrem ports\nnetsh.exe interface ipv4 show global\n", Some(Format::Console)),
            ("rpccfg /pe 5000-5010\n", Some(Format::Console)),
            (
                "Protocol tcp Dynamic Port Range\n-----\nStart Port : 49152\nNumber of Ports : 16384\n",
                Some(Format::Console),
            ),
            ("# tcp\n# 80 90\n[dynamic]\ntcp = \"1-2\"\n", Some(Format::Policy)),
        ] {
            assert_eq!(of(text), format, "{text:?}");
        }
    }
}
