//! sysctl.conf, the files of sysctl.d, and what `sysctl -a` prints, on Linux and on FreeBSD.

use super::draft::{self, Draft};
use super::messages;
use crate::config::{Sourced, all_of, keys};
use core::ops::Range;

const SETTINGS: &str = "sysctl settings";

/// Beginning of every setting's name, on one of the systems.
const ROOTS: [&str; 14] =
    ["abi", "crypto", "debug", "dev", "fs", "hw", "kern", "kernel", "net", "security", "sunrpc", "user", "vfs", "vm"];

/// The name and the value of a line that sets something. A value that is not there (`-name` alone
/// keeps sysctl.d's globs off a setting) sets nothing.
pub(super) fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix('-').unwrap_or(line).trim_start();
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim_end();
    let root = name.split(['.', '/']).next().filter(|root| root.len() < name.len())?;
    let part = |c: char| c.is_alphanumeric() || "-_./*%@".contains(c);
    (ROOTS.contains(&root) && name.chars().all(part)).then(|| (name, value.trim()))
}

/// The name with dots. sysctl.d takes slashes for dots where a slash comes first.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => name.replace('/', "."),
        _ => name.to_owned(),
    }
}

/// Rest of FreeBSD's portrange there is, and its value on a system as it comes.
const NOT_MODELLED: [(&str, &str); 4] =
    [("randomcps", "10"), ("randomtime", "45"), ("reservedhigh", "1023"), ("reservedlow", "0")];

pub(super) fn read(draft: &mut Draft<'_>) {
    let mut found = false;
    for (start, line) in draft::lines(draft.text, |_| false) {
        // A line that begins with # or ; is a comment, and no name does.
        let Some((name, value)) = setting(line) else { continue };
        found |= taken(draft, &dotted(name), &draft::span(start, line, value));
    }
    if !found {
        let linux: Vec<_> = keys::LINUX.keys.iter().map(|key| key.name.to_owned()).collect();
        let understood = format!("net.ipv4.{} of Linux, net.inet.ip.portrange of FreeBSD", all_of(&linux));
        draft.nothing_found(&(0..0), &understood);
    }
}

/// Least likeness of a name to one of Linux', from 0 to 1, to be a slip of it. No other setting of
/// a kernel comes near.
const ALIKE: f64 = 0.9;

/// Takes up one setting: the last one with a name counts, as for sysctl. `false` where it is not
/// about ports.
fn taken(draft: &mut Draft<'_>, name: &str, span: &Range<usize>) -> bool {
    let systems = keys::MODELS.iter().filter_map(|section| Some((section, section.system?)));
    for (section, (prefix, preset)) in systems {
        let Some(key) = name.strip_prefix(prefix).and_then(|name| section.key(name)) else { continue };
        draft.layer.wishes.clear(key);
        if let Some(Sourced { value: Some(value), origin }) = draft.keep(span, name, |text| key.kind.read_system(text))
        {
            draft.layer.wishes.set(key, value, origin);
        }
        draft.preset(preset, span, SETTINGS);
        return true;
    }
    if let Some(part) = name.strip_prefix("net.inet.ip.portrange.") {
        let text = &draft.text[span.clone()];
        if NOT_MODELLED.iter().any(|(name, usual)| *name == part && *usual != text) {
            let origin = draft.origin(span, name);
            draft.say(messages::not_modelled(&origin, name, "it has no counterpart here"));
        }
        return false;
    }
    let mut known = keys::LINUX.keys.iter().map(|key| format!("net.ipv4.{}", key.name));
    if let Some(known) = known.find(|known| strsim::normalized_damerau_levenshtein(known, name) >= ALIKE) {
        let origin = draft.origin(span, name);
        draft.say(messages::misspelt(&origin, name, &known));
    }
    false
}
