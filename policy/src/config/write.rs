//! A layer written as a policy file.

use super::keys::{self, Key, LINUX, MODELS, TOP};
use super::layer::{Layer, Process, Wishes};
use super::origin::{Origin, Sourced};
use super::values::{Kind, Ports, Value, joined, quoted};
use crate::ports::ScopeSet;

impl Layer {
    /// A policy file that asks for the same, with a comment at each part that says where it came
    /// from.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = File::default();
        if let Some(preset) = &self.preset {
            file.key(keys::PRESET.name, &quoted(preset.value.name), &preset.origin);
        }
        file.wishes(TOP.keys, &self.wishes);
        for section in MODELS {
            if section.keys.iter().any(|key| self.wishes.values(key).next().is_some()) {
                file.line(&format!("\n{}", section.heading));
            }
            file.wishes(section.keys, &self.wishes);
        }
        if self.wishes.ports(&keys::DYNAMIC).next().is_some() {
            file.line("\n[dynamic]");
            file.dynamic(&self.wishes, "");
        }
        for process in &self.processes {
            file.process(process);
        }
        file.text
    }
}

/// Settings of a running Linux as a section of a policy file. `setting` yields the text of one by
/// its name; what cannot be read is left out.
#[must_use]
pub fn captured(setting: impl Fn(&str) -> Option<String>) -> String {
    let mut text = format!("{}\n", LINUX.heading);
    for key in LINUX.keys {
        let value = setting(key.name).and_then(|text| key.kind.read_system(text.trim()).ok()?);
        if let Some(value) = value {
            text += &format!("# {}\n{} = {}\n", key.meaning, key.name, key.kind.written(&value));
        }
    }
    text
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
            self.commented(&format!("    {item},"), origin);
        }
        self.line("]");
    }

    /// All but the dynamic ranges, which take a table where these stand at the top of the file.
    fn wishes(&mut self, keys: &[&'static Key], wishes: &Wishes) {
        for key in keys {
            let written = |Sourced { value, .. }: &Sourced<Value>| key.kind.written(value);
            match key.kind {
                Kind::Specs => {
                    let parts = wishes.ports(key);
                    self.array(key.name, parts.map(|part| (quoted(&part.value.to_string()), &part.origin)));
                }
                Kind::Lines(_) => {
                    self.array(key.name, wishes.values(key).map(|value| (written(value), &value.origin)));
                }
                _ => {
                    for value in wishes.values(key) {
                        self.key(key.name, &written(value), &value.origin);
                    }
                }
            }
        }
    }

    /// Ranges for the same scopes add up, and a key may stand but once.
    fn dynamic(&mut self, wishes: &Wishes, path: &str) {
        for (name, scopes) in ScopeSet::NAMES {
            let parts = wishes.ports(&keys::DYNAMIC).filter(|ports| ports.value.scopes == scopes);
            let parts: Vec<&Ports> = parts.collect();
            if let Some(first) = parts.first() {
                let ranges = parts.iter().flat_map(|ports| &ports.value.ports);
                self.key(&format!("{path}{name}"), &quoted(&joined(ranges)), &first.origin);
            }
        }
    }

    fn process(&mut self, process: &Process) {
        self.line(&format!("\n{}", keys::PROCESS.heading));
        self.key(keys::MATCH.name, &quoted(&process.glob.value), &process.glob.origin);
        self.wishes(TOP.keys, &process.wishes);
        self.dynamic(&process.wishes, "dynamic.");
    }
}
