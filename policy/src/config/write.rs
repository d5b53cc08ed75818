//! A layer written as a policy file.

use super::layer::{Layer, Ports, Process, Wishes};
use super::origin::{Origin, Sourced};
use crate::ports::{PortRange, ScopeSet};
use std::fmt::Write;

impl Layer {
    /// A policy file that asks for the same, with a comment at each part that says where it came from.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = File::default();
        if let Some(preset) = &self.preset {
            file.key("preset", &quoted(preset.value.name), &preset.origin);
        }
        file.wishes(&self.wishes);
        if self.max_user_port.is_some() || !self.registry_reserved.is_empty() {
            file.line("\n[windows]");
        }
        if let Some(port) = &self.max_user_port {
            file.key("max-user-port", &port.value.to_string(), &port.origin);
        }
        let registry = self.registry_reserved.iter().flat_map(|ports| {
            let entry = |range: &PortRange| format!("{}-{}", range.first(), range.last());
            ports.value.ports.iter().map(move |range| (entry(range), &ports.origin))
        });
        file.array("reserved-ports", registry);
        let linux = self.sysctl_range.is_some() || self.unprivileged_start.is_some();
        if linux || !self.sysctl_reserved.is_empty() {
            file.line("\n[linux]");
        }
        if let Some(range) = &self.sysctl_range {
            let Sourced { value, origin } = range;
            file.key("ip_local_port_range", &format!("\"{} {}\"", value.first(), value.last()), origin);
        }
        if let Some(ports) = self.sysctl_reserved.first() {
            let all: Vec<_> = self.sysctl_reserved.iter().flat_map(|ports| &ports.value.ports).collect();
            file.key("ip_local_reserved_ports", &format!("\"{}\"", joined(all)), &ports.origin);
        }
        if let Some(start) = &self.unprivileged_start {
            file.key("ip_unprivileged_port_start", &start.value.to_string(), &start.origin);
        }
        if self.randomized.is_some() || !self.range_ends.is_empty() {
            file.line("\n[freebsd]");
        }
        for Sourced { value: (end, port), origin } in &self.range_ends {
            file.key(end.name(), &port.to_string(), origin);
        }
        if let Some(randomized) = &self.randomized {
            file.key("randomized", &randomized.value.to_string(), &randomized.origin);
        }
        if !self.wishes.dynamic.is_empty() {
            file.line("\n[dynamic]");
            file.dynamic(&self.wishes, "");
        }
        for process in &self.processes {
            file.process(process);
        }
        file.text
    }
}

/// The text so far.
#[derive(Default)]
struct File {
    text: String,
}

impl File {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// `key = value`, and where the value came from.
    fn key(&mut self, key: &str, value: &str, origin: &Origin) {
        let line = format!("{key} = {value}");
        self.commented(&line, origin);
    }

    fn commented(&mut self, line: &str, origin: &Origin) {
        let mut comment = String::new();
        // No control character may stand in a comment, and some may stand in a file's name.
        for c in origin.to_string().chars() {
            if c.is_control() { comment.extend(c.escape_default()) } else { comment.push(c) }
        }
        let padded = format!("{line:<40}");
        self.line(&format!("{padded} # {comment}"));
    }

    /// An array with a line for each item; nothing where there is no item.
    fn array<'o>(&mut self, key: &str, items: impl Iterator<Item = (String, &'o Origin)>) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        self.line(&format!("{key} = ["));
        for (item, origin) in items {
            self.commented(&format!("    \"{item}\","), origin);
        }
        self.line("]");
    }

    /// All but the dynamic ranges, which take a table where these stand at the top of the file.
    fn wishes(&mut self, wishes: &Wishes) {
        let Wishes { select, sharing, seed, reserve, block, dynamic: _ } = wishes;
        if let Some(select) = select {
            self.key("select", &quoted(select.value.name()), &select.origin);
        }
        if let Some(sharing) = sharing {
            self.key("sharing", &quoted(sharing.value.name()), &sharing.origin);
        }
        if let Some(seed) = seed {
            self.key("seed", &seed.value.to_string(), &seed.origin);
        }
        for (key, all) in [("reserve", reserve), ("block", block)] {
            self.array(key, all.iter().map(|ports| (ports.value.to_string(), &ports.origin)));
        }
    }

    /// Ranges for the same scopes add up, and a key may stand but once.
    fn dynamic(&mut self, wishes: &Wishes, path: &str) {
        for (name, scopes) in ScopeSet::NAMES {
            let parts: Vec<&Ports> = wishes.dynamic.iter().filter(|ports| ports.value.scopes == scopes).collect();
            if let Some(first) = parts.first() {
                let ranges = parts.iter().flat_map(|ports| &ports.value.ports);
                self.key(&format!("{path}{name}"), &format!("\"{}\"", joined(ranges)), &first.origin);
            }
        }
    }

    fn process(&mut self, process: &Process) {
        self.line("\n[[process]]");
        self.key("match", &quoted(&process.glob.value), &process.glob.origin);
        self.wishes(&process.wishes);
        self.dynamic(&process.wishes, "dynamic.");
    }
}

/// `80,4000-4999`.
fn joined<'a>(ranges: impl IntoIterator<Item = &'a PortRange>) -> String {
    let mut text = String::new();
    for range in ranges {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{range}", if text.is_empty() { "" } else { "," });
    }
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
