//! The wording of every problem with a policy. What is wrong inside a SPEC, a sysctl's value or a
//! registry's is worded where those are read.

use super::origin::{Origin, Sourced};
use super::problem::Problem;
use crate::model::{DynamicLimits, Preset, RangeEnd, Restriction, RestrictionLimits};
use crate::ports::spec::{Spec, SpecError};
use crate::ports::{PortRange, ScopeSet};
use crate::region::{MAX_GLOB, MAX_RULES};

/// Heading of the table of what holds for some programs.
const PROCESS: &str = "[[process]]";
/// Least likeness of two words, from 0 to 1, for one to be taken for a slip of the other.
const ALIKE: f64 = 0.6;

/// The candidate that `word` is most likely a slip of.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = candidates.iter().map(|c| (strsim::normalized_damerau_levenshtein(&word, &c.to_lowercase()), *c));
    alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn all_of(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A name that is none; `candidates` are all that there are, `listed` the ones that help names.
pub(crate) fn unknown<'a>(
    origin: &Origin,
    what: &str,
    name: &str,
    candidates: &[&str],
    listed: impl IntoIterator<Item = &'a str>,
) -> Problem {
    if name.is_empty() {
        return Problem::error(origin, format!("no {what} is named"), format!("write one of {}", list(listed)));
    }
    let near = if let [only] = candidates { Some(*only) } else { nearest(name, candidates) };
    let help = match near {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("write one of {}", list(listed)),
    };
    Problem::error(origin, format!("`{name}`: there is no such {what}"), help)
}

/// As [`unknown`], for a preset: `win10`, `vista` and `windows` are understood as what they are
/// short for.
pub(crate) fn unknown_preset(origin: &Origin, text: &str) -> Problem {
    let names: Vec<_> = Preset::ALL.iter().map(|preset| preset.name).collect();
    let all: Vec<_> = names.iter().chain(Preset::ALL.iter().flat_map(|preset| preset.aliases)).copied().collect();
    let name = text.to_ascii_lowercase();
    let windows = name.strip_prefix("windows").or(name.strip_prefix("win"));
    let version = windows.unwrap_or(&name).trim_start_matches(['-', '_', ' ']);
    if windows.is_some() && version.is_empty() {
        let listed = names.iter().copied().filter(|name| name.starts_with("windows"));
        return unknown(origin, "preset", text, &[], listed);
    }
    let full = format!("windows-{version}");
    let meant: Vec<_> = all.iter().copied().filter(|name| *name == full).collect();
    unknown(origin, "preset", text, if meant.is_empty() { &all } else { &meant }, names)
}

/// `text` is what was being read; the error's place counts from its start.
pub(crate) fn spec(origin: &Origin, text: &str, e: &SpecError) -> Problem {
    let at = text.get(..e.at).map_or(0, |before| before.chars().count());
    Problem::error(&origin.narrowed(at, e.part.chars().count()), e.to_string(), e.remedy.clone())
}

/// A SPEC, or the ports of one.
pub(crate) fn ports(origin: &Origin, text: &str, e: &SpecError) -> Problem {
    let several = match origin {
        Origin::Option { option, .. } => format!("repeat {option} for each scope"),
        Origin::Environment { .. } => "put white space between SPECs of several scopes".into(),
        _ => "write an array of SPECs, one for each scope".into(),
    };
    let remedy = if text.matches('/').count() > 1 { Some(several) } else { None };
    let remedy = remedy.unwrap_or_else(|| e.remedy.clone());
    spec(origin, text, &SpecError { remedy, ..e.clone() })
}

/// Something that is to be a `what`, and is not.
fn not_a(what: &str, origin: &Origin, text: &str, help: impl Into<String>) -> Problem {
    let problem =
        if text.is_empty() { format!("a {what} is missing") } else { format!("`{text}`: this is not a {what}") };
    Problem::error(origin, problem, help)
}

pub(crate) fn seed(origin: &Origin, text: &str) -> Problem {
    not_a("seed", origin, text, format!("write a number from 0 to {}", u64::MAX))
}

pub(crate) fn max_user_port(origin: &Origin, text: &str) -> Problem {
    not_a("port number", origin, text, "write a number from 5000 to 65534")
}

pub(crate) fn port(origin: &Origin, text: &str) -> Problem {
    Problem::error(origin, format!("`{text}`: this is not a port number"), "write a number from 1 to 65535")
}

pub(crate) fn unprivileged_start(origin: &Origin, text: &str) -> Problem {
    Problem::error(origin, format!("`{text}`: this is not a port number"), "write a number from 0 to 65535")
}

/// `text` is what stands there.
pub(crate) fn syntax(origin: &Origin, message: &str, text: &str) -> Problem {
    // TOML takes 4000-4999 for the beginning of a date.
    if text.contains(['-', '/', ',']) && text.parse::<Spec>().is_ok() {
        return Problem::error(
            origin,
            format!("{text}: these are ports, and ports are quoted"),
            format!("write \"{text}\""),
        );
    }
    let help = match message {
        "duplicate key" => "keep one of the two",
        _ => "write the file as TOML, https://toml.io; text is quoted: preset = \"linux\"",
    };
    Problem::error(origin, message, help)
}

/// A key that the table `home` does not know. `home` is empty for the top of the file; `belongs` is
/// the heading of the section that has such a key.
pub(crate) fn unknown_key(origin: &Origin, key: &str, home: &str, keys: &[&str], belongs: Option<&str>) -> Problem {
    let elsewhere = match key {
        "range" if home == PROCESS => Some("write dynamic.all = \"FIRST-LAST\"".into()),
        "range" => Some("write [dynamic] and below it all = \"FIRST-LAST\"".into()),
        "ports" | "scope" => Some("it belongs under [[reserve]] or [[block]]".into()),
        _ => belongs.map(|heading| format!("it belongs under {heading}")),
    };
    let help = match (elsewhere, nearest(key, keys)) {
        (Some(elsewhere), None) => elsewhere,
        (_, Some(candidate)) => format!("did you mean `{candidate}`?"),
        (None, None) => format!("the keys here are {}", list(keys.iter().copied())),
    };
    let place = if home.is_empty() { String::new() } else { format!(" under {home}") };
    Problem::error(origin, format!("`{key}`: there is no such key{place}"), help)
}

/// A value of the wrong type; `example` is a line of a file that is right.
pub(crate) fn wrong_type(origin: &Origin, key: &str, wanted: &str, found: &str, example: &str) -> Problem {
    let article = if matches!(found, "integer" | "array") { "an" } else { "a" };
    Problem::error(origin, format!("`{key}` takes {wanted}, not {article} {found}"), format!("write {example}"))
}

pub(crate) fn missing(origin: &Origin, key: &str, home: &str, example: &str) -> Problem {
    Problem::error(origin, format!("{home} has no `{key}`"), format!("add {example}"))
}

pub(crate) fn scope_in_ports(origin: &Origin, ports: &str, scope: &str) -> Problem {
    Problem::error(
        origin,
        format!("`{ports}/{scope}`: here the scope is a key of its own"),
        format!("write ports = \"{ports}\" and scope = \"{scope}\""),
    )
}

pub(crate) fn scope_is_the_key(origin: &Origin, ports: &str, scope: &str) -> Problem {
    Problem::error(
        origin,
        format!("`{ports}/{scope}`: here the key names the scope"),
        format!("write {scope} = \"{ports}\""),
    )
}

pub(crate) fn empty_glob(origin: &Origin) -> Problem {
    Problem::error(origin, "an empty `match` matches nothing", "write a program's name, such as \"java*\"")
}

pub(crate) fn long_glob(origin: &Origin, len: usize) -> Problem {
    Problem::error(
        origin,
        format!("this is {len} bytes long, and `match` takes at most {MAX_GLOB}"),
        "shorten it with `*`, which stands for any characters",
    )
}

pub(crate) fn glob_with(origin: &Origin, found: char, glob: &str) -> Problem {
    let name = glob.rsplit('/').next().filter(|n| !n.is_empty() && !n.contains([':', '\0'])).unwrap_or("java*");
    let help = match found {
        '/' => format!("write the file's name alone: \"{name}\""),
        _ => "write `?`, which stands for any one character".to_owned(),
    };
    let shown = found.escape_debug();
    Problem::error(origin, format!("`{shown}`: `match` is compared with a program's name, which has none"), help)
}

pub(crate) fn too_many_processes(origin: &Origin) -> Problem {
    let most = MAX_RULES - 1;
    Problem::error(
        origin,
        format!("there are more than {most} [[process]] rules"),
        "join some of them: `*` stands for any characters, `?` for one",
    )
}

/// A section or option that is about another model than the preset's. `why` is what that model's
/// successor says of it.
pub(crate) fn other_model(
    origin: &Origin,
    preset: &Preset,
    wanted: &[&str],
    why: Option<&'static str>,
) -> (String, String) {
    let what = match origin {
        Origin::File { key, .. } => format!("`{key}` has no effect"),
        _ => "this has no effect".to_owned(),
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!("{what} under preset {}{why}", preset.name);
    let presets = if let [_] = wanted { "preset" } else { "one of the presets" };
    (message, format!("choose {presets} {}, or leave it out", list(wanted.iter().copied())))
}

pub(crate) fn clamped(origin: &Origin, asked: u64, valid: PortRange, taken: u16) -> Problem {
    let (first, last) = (valid.first(), valid.last());
    Problem::warning(
        origin,
        format!("MaxUserPort {asked} is outside {first}-{last}, so it counts as {taken}, as on Windows (KB 196271)"),
        format!("write {taken}"),
    )
}

/// `taken` is what FreeBSD makes of `asked`.
pub(crate) fn range_end(origin: &Origin, end: RangeEnd, asked: u64, taken: u16) -> Problem {
    let valid = end.valid();
    Problem::warning(
        origin,
        format!("{end} {asked} is outside {valid}, so it counts as {taken}, as on FreeBSD (in_pcb.c, RANGECHK)"),
        format!("write {taken}"),
    )
}

/// The kernel keeps privileged ports out of the dynamic range.
pub(crate) fn overlaps_privileged(origin: &Origin, start: u16, range: PortRange, of: &Origin) -> Problem {
    let first = range.first();
    Problem::error(
        origin,
        format!(
            "{start}: the kernel refuses this (EINVAL): the range {range} of {of} begins below it (ip-sysctl: \
             ip_unprivileged_port_start)"
        ),
        format!("write {first} or less, or let ip_local_port_range begin at {start} or above"),
    )
}

/// A host's own limit is above the one asked for.
pub(crate) fn host_keeps_privilege(origin: &Origin, start: u16, host: u16) -> Problem {
    Problem::warning(
        origin,
        format!("{start}: on this host a program needs privilege to bind a port below {host} all the same"),
        format!("write {host} or more, or set net.ipv4.ip_unprivileged_port_start on this host"),
    )
}

/// The preset's name, and what names it where that is not the source that `origin` is in.
fn named(preset: &Sourced<&'static Preset>, origin: &Origin) -> String {
    let name = preset.value.name;
    match (&preset.origin, origin) {
        (Origin::File { file, line, .. }, other) if !matches!(other, Origin::File { file: f, .. } if f == file) => {
            format!("preset {name} ({file}, line {line})")
        }
        (Origin::Environment { .. }, Origin::Option { .. } | Origin::File { .. })
        | (Origin::Option { .. }, Origin::Environment { .. } | Origin::File { .. }) => {
            format!("preset {name} ({})", preset.origin)
        }
        _ => name.to_owned(),
    }
}

pub(crate) fn starts_low(
    origin: &Origin,
    range: PortRange,
    preset: &Sourced<&'static Preset>,
    limits: &DynamicLimits,
) -> Problem {
    let DynamicLimits { first, source, .. } = limits;
    Problem::error(
        origin,
        format!("{range}: the dynamic range of {} begins at {first} or above ({source})", named(preset, origin)),
        format!("begin at {first}, or choose a preset that takes any range, such as linux"),
    )
}

pub(crate) fn too_small(
    origin: &Origin,
    found: u32,
    preset: &Sourced<&'static Preset>,
    limits: &DynamicLimits,
) -> Problem {
    let DynamicLimits { count, source, .. } = limits;
    let ports = if found == 1 { "port" } else { "ports" };
    Problem::error(
        origin,
        format!("{found} {ports}: the dynamic range of {} has at least {count} ({source})", named(preset, origin)),
        format!("name {count} ports or more, or choose a preset that takes any range, such as linux"),
    )
}

/// Ports that the model neither hands out nor lets anybody reserve.
pub(crate) fn reserved_in_vain(origin: &Origin, range: PortRange, legal: &RestrictionLimits) -> Problem {
    Problem::warning(
        origin,
        format!("{range}: this has no effect: it is not dynamic, and {}", legal.rule(Restriction::Reserve)),
        "reserve ports of the dynamic range, or leave these out",
    )
}

pub(crate) fn not_blockable(origin: &Origin, range: PortRange, legal: &RestrictionLimits) -> Problem {
    let help = match legal.intervals(Restriction::Block).next() {
        Some(interval) => format!("block ports inside {interval}, or reserve these"),
        None => "lower MaxUserPort, or choose windows-2003-sp1".to_owned(),
    };
    Problem::error(origin, format!("{range}: {}", legal.rule(Restriction::Block)), help)
}

pub(crate) fn privileged(origin: &Origin, range: PortRange, start: u16) -> Problem {
    Problem::warning(
        origin,
        format!("{range}: on this host a program needs privilege to bind a port below {start}"),
        format!("begin at {start} or above"),
    )
}

/// `origin` is that of the dynamic range, `takers` are all that took ports out of it.
pub(crate) fn nothing_left(origin: &Origin, glob: Option<&str>, scopes: ScopeSet, takers: &[String]) -> Problem {
    let scopes = if scopes == ScopeSet::ALL { String::new() } else { format!(" for {scopes}") };
    let program = glob.map(|glob| format!(" in programs called {glob}")).unwrap_or_default();
    Problem::error(
        origin,
        format!("no port of this range is left{scopes}{program}: all are {}", all_of(takers)),
        "reserve and block less of it, or widen the range",
    )
}
