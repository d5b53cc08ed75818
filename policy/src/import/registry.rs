//! Exports of the Windows registry, as regedit writes them: version 5, with strings in UTF-16, and
//! REGEDIT4, with strings in a code page.

use super::draft::{self, Draft};
use super::messages;
use crate::config::{Sourced, Value, keys, registry};
use crate::model::Preset;
use crate::ports::PortRange;
use core::ops::Range;

const EXPORT: &str = "registry export";

/// Tells whether a file that begins with this line is an export.
pub(super) fn is_heading(line: &str) -> bool {
    line.starts_with("Windows Registry Editor Version") || line == "REGEDIT4"
}

/// The keys that speak of ports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// `…\CurrentControlSet\Services\Tcpip\Parameters`.
    Current,
    /// The same of a numbered control set, which counts where the current one says nothing.
    Numbered,
    /// `…\Microsoft\Rpc\Internet`.
    Rpc,
    Other,
}

fn key(path: &str) -> Key {
    let path = path.to_ascii_lowercase();
    let Some((hive, path)) = path.split_once('\\') else { return Key::Other };
    if !matches!(hive, "hkey_local_machine" | "hklm") {
        return Key::Other;
    }
    if path == r"software\microsoft\rpc\internet" {
        return Key::Rpc;
    }
    let set = path.strip_prefix(r"system\").and_then(|path| path.strip_suffix(r"\services\tcpip\parameters"));
    match set {
        Some("currentcontrolset") => Key::Current,
        Some(set) if set.strip_prefix("controlset").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) => {
            Key::Numbered
        }
        _ => Key::Other,
    }
}

/// `"name"=value`.
fn value(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim_start().strip_prefix('"')?.split_once('"')?;
    let value = rest.trim_start().strip_prefix('=')?.trim();
    Some((name, value))
}

/// Tells whether a line is one that an export begins with, heading or key.
pub(super) fn is_begin(line: &str) -> bool {
    is_heading(line) || line.starts_with("[HKEY_")
}

pub(super) fn read(draft: &mut Draft<'_>) {
    let joins = |line: &str| line.ends_with('\\') && !line.trim_start().starts_with(';');
    let mut export = Export { draft, wide: true, key: Key::Other, current: [false; 2], found: false };
    let mut heading = None;
    for (start, line) in draft::lines(export.draft.text, joins) {
        let trimmed = line.trim();
        if heading.is_none() && is_heading(trimmed) {
            heading = Some(draft::span(start, line, trimmed));
            export.wide = trimmed != "REGEDIT4";
        } else if let Some(path) = trimmed.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            export.section(path);
        } else if let Some((name, value)) = value(line) {
            export.value(name, &draft::span(start, line, value));
        }
    }
    let found = export.found;
    let heading = heading.unwrap_or_default();
    let origin = draft.origin(&heading, EXPORT);
    if !found {
        let understood = r"MaxUserPort and ReservedPorts under HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";
        draft.nothing_found(&heading, understood);
    }
    if let Some(preset) = Preset::named("windows-2003") {
        draft.layer.guess = Some(messages::guessed(&origin, preset, "windows-xp or windows-2003-sp1"));
        draft.layer.preset = Some(Sourced::new(preset, origin));
    }
}

/// An export that is being read.
struct Export<'d, 'a> {
    draft: &'d mut Draft<'a>,
    /// Set if a character of a string takes two bytes.
    wide: bool,
    /// Under which key the next values stand.
    key: Key,
    /// Set if the current control set has spoken of MaxUserPort, of ReservedPorts.
    current: [bool; 2],
    found: bool,
}

impl Export<'_, '_> {
    fn section(&mut self, path: &str) {
        // A minus sign deletes the key.
        let deleted = path.strip_prefix('-');
        self.key = key(deleted.unwrap_or(path));
        if deleted.is_some() && matches!(self.key, Key::Current | Key::Numbered) {
            for (n, key) in [&keys::MAX_USER_PORT, &keys::RESERVED_PORTS].into_iter().enumerate() {
                if self.heard(n) {
                    self.draft.layer.wishes.clear(key);
                }
            }
            self.key = Key::Other;
        }
    }

    fn value(&mut self, name: &str, span: &Range<usize>) {
        let text = &self.draft.text[span.clone()];
        match (self.key, name.to_ascii_lowercase().as_str()) {
            (Key::Current | Key::Numbered, "maxuserport") if self.heard(0) => {
                self.found = true;
                match text {
                    "-" => self.draft.layer.wishes.clear(&keys::MAX_USER_PORT),
                    _ => self.max_user_port(text, span),
                }
            }
            (Key::Current | Key::Numbered, "reservedports") if self.heard(1) => {
                self.found = true;
                self.draft.layer.wishes.clear(&keys::RESERVED_PORTS);
                if text != "-" {
                    self.reserved_ports(text, span);
                }
            }
            (Key::Current | Key::Numbered, "tcptimedwaitdelay") => {
                let origin = self.draft.origin(span, "TcpTimedWaitDelay");
                let why = "how long TIME_WAIT lasts is up to the kernel (60 seconds on Linux)";
                self.draft.say(messages::not_modelled(&origin, "TcpTimedWaitDelay", why));
            }
            (Key::Rpc, "ports") => {
                let origin = self.draft.origin(span, r"Rpc\Internet");
                self.draft.say(messages::rpc_endpoints(&origin, None));
            }
            _ => {}
        }
    }

    /// Tells whether the setting counts here: a numbered control set's does not once the current
    /// one has spoken.
    fn heard(&mut self, setting: usize) -> bool {
        let current = self.key == Key::Current;
        self.current[setting] |= current;
        current || !self.current[setting]
    }

    fn max_user_port(&mut self, text: &str, span: &Range<usize>) {
        let origin = self.draft.origin(span, "MaxUserPort");
        let (kind, data) = text.split_once(':').unwrap_or((text, ""));
        let number = match kind.to_ascii_lowercase().as_str() {
            "dword" if (1..=8).contains(&data.len()) && data.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u32::from_str_radix(data, 16).ok()
            }
            // The same type, as a row of bytes.
            "hex(4)" => self.bytes(span).and_then(|bytes| {
                let bytes: Vec<_> = bytes.iter().map(|(byte, _)| *byte).collect();
                bytes.try_into().ok().map(u32::from_le_bytes)
            }),
            _ => None,
        };
        match number {
            Some(number) => {
                self.draft.layer.wishes.set(&keys::MAX_USER_PORT, Value::Number(number.into()), origin);
            }
            None => self.draft.say(messages::not_a_dword(&origin, "MaxUserPort")),
        }
    }

    fn reserved_ports(&mut self, text: &str, span: &Range<usize>) {
        let multi = text.get(..7).is_some_and(|kind| kind.eq_ignore_ascii_case("hex(7):"));
        if !multi {
            let origin = self.draft.origin(span, "ReservedPorts");
            return self.draft.say(messages::not_a_multi_string(&origin, "ReservedPorts"));
        }
        let Some(bytes) = self.bytes(span) else { return };
        let units: Vec<(u16, usize)> = if self.wide {
            let (pairs, rest) = bytes.as_chunks();
            if let [(_, at)] = rest {
                return self.draft.tell(&(*at..*at + 2), "ReservedPorts", &messages::HALF_A_CHARACTER);
            }
            pairs.iter().map(|[(low, at), (high, _)]| (u16::from_le_bytes([*low, *high]), *at)).collect()
        } else {
            bytes.iter().map(|(byte, at)| (u16::from(*byte), *at)).collect()
        };
        let ends = match units.as_slice() {
            [] | [(0, _)] => true,
            [.., (one, _), (two, _)] => *one == 0 && *two == 0,
            [_] => false,
        };
        if !ends {
            self.draft.tell(&(span.end..span.end), "ReservedPorts", &messages::UNTERMINATED);
        }
        self.entries(&units, if self.wide { 5 } else { 2 });
    }

    /// The strings of the list; `width` is how many characters of the source the last of a string's
    /// takes up.
    fn entries(&mut self, units: &[(u16, usize)], width: usize) {
        let mut ended = false;
        for entry in units.split(|(unit, _)| *unit == 0) {
            let (Some((_, start)), Some((_, last))) = (entry.first(), entry.last()) else {
                ended = true;
                continue;
            };
            let origin = self.draft.origin(&(*start..*last + width), "ReservedPorts");
            if ended {
                return self.draft.say(messages::AFTER_THE_END.at(&origin));
            }
            let text = String::from_utf16_lossy(&entry.iter().map(|(unit, _)| *unit).collect::<Vec<_>>());
            match registry::reserved_range(&text) {
                Ok(range) => {
                    self.adjoins(range, &origin);
                    self.draft.layer.wishes.add(&keys::RESERVED_PORTS, Value::Ports(vec![range]), origin);
                }
                Err(e) => self.draft.say(crate::config::Problem::error(&origin, e.to_string(), e.remedy)),
            }
        }
    }

    /// A word about an entry that begins where the one before it ends.
    fn adjoins(&mut self, range: PortRange, origin: &crate::config::Origin) {
        let before = self.draft.layer.wishes.values(&keys::RESERVED_PORTS).last();
        if let Some(Value::Ports(before)) = before.map(|before| &before.value)
            && let [before] = before[..]
            && before.last().checked_add(1) == Some(range.first())
        {
            self.draft.say(messages::adjoining(origin, before, range));
        }
    }

    /// The bytes of a `hex` value, each with its place; a word is said about the first that is
    /// none.
    fn bytes(&mut self, span: &Range<usize>) -> Option<Vec<(u8, usize)>> {
        let text = &self.draft.text[span.clone()];
        let list = text.split_once(':').map_or("", |(_, list)| list);
        let around = |c: char| c.is_whitespace() || c == '\\';
        if list.trim_matches(around).is_empty() {
            return Some(Vec::new());
        }
        let mut bytes = Vec::new();
        for part in list.split(',') {
            let digits = part.trim_matches(around);
            let place = draft::span(span.start, text, digits);
            let two = digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            match u8::from_str_radix(digits, 16) {
                Ok(byte) if two => bytes.push((byte, place.start)),
                _ => {
                    self.draft.tell(&place, "", &messages::NOT_A_BYTE);
                    return None;
                }
            }
        }
        Some(bytes)
    }
}
