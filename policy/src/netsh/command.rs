//! netsh's command lines about ports, as Windows since Vista takes them (KB 929851): abbreviated or
//! spelled out, with values by name or in order.

use super::error::CommandError;
use super::word::{Word, begins, words};
use crate::model::DynamicLimits;
use crate::ports::spec::SpecError;
use crate::ports::{PortRange, Scope};
use core::fmt;
use core::str::FromStr;
use strum::{Display, IntoStaticStr, VariantArray};

/// The smallest first port of a dynamic range.
const FIRST: u32 = DynamicLimits::SINCE_VISTA.first as u32;
/// The smallest number of ports in one.
const COUNT: u32 = DynamicLimits::SINCE_VISTA.count;

/// Store in which netsh looks things up and changes them.
#[derive(Clone, Copy, Debug, Display, Eq, IntoStaticStr, PartialEq, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Store {
    /// Settings that hold until the system starts again.
    Active,
    /// Settings that hold from then on, too.
    Persistent,
}

/// A command line about ports. Displayed spelled out, as what follows `netsh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whose ports it is about.
    pub scope: Scope,
    /// Where; where none is named, what is in force is shown, and what is changed is so for good.
    pub store: Store,
    /// What is asked for.
    pub ask: Ask,
}

/// Request of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `show`.
    Show(Object),
    /// Another verb, and its ports.
    Change(Change, PortRange),
}

/// Subject of a command.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum Object {
    /// The dynamic range.
    DynamicPort,
    /// The ports left out of it.
    ExcludedPortRange,
}

/// Change that a command makes.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum Change {
    /// Another dynamic range, which begins at 1025 or above and has 255 ports or more.
    #[strum(serialize = "set dynamicport")]
    SetDynamicPort,
    /// Ports to leave out.
    #[strum(serialize = "add excludedportrange")]
    AddExcludedPortRange,
    /// Ports to leave out no longer, exactly as they were added.
    #[strum(serialize = "delete excludedportrange")]
    DeleteExcludedPortRange,
}

/// Action of a command.
#[derive(Clone, Copy, IntoStaticStr, PartialEq, Eq, VariantArray)]
#[strum(serialize_all = "lowercase")]
enum Verb {
    Add,
    Delete,
    Set,
    Show,
}

/// The parameters, in the order in which their values may stand without a name.
const PROTOCOL: &str = "protocol";
const START: &str = "startport";
const NUMBER: &str = "numberofports";
const STORE: &str = "store";

/// Reads what follows `netsh`. `None` where it is about something else than ports.
///
/// # Errors
/// [`CommandError`] where it is about ports, and Windows would refuse it.
pub fn command(text: &str) -> Result<Option<Command>, CommandError> {
    let words = words(text);
    let [interface, family, verb, object, values @ ..] = words.as_slice() else { return Ok(None) };
    if !interface.abbreviates("interface") {
        return Ok(None);
    }
    let object = if object.abbreviates("dynamicportrange") {
        Object::DynamicPort
    } else if object.abbreviates("excludedportrange") {
        Object::ExcludedPortRange
    } else {
        return Ok(None);
    };
    let v6 = match family.text.to_ascii_lowercase().as_str() {
        "ip" | "ipv4" => false,
        "ipv6" => true,
        _ => return Err(family.error("netsh knows no ports here", "write ipv4 or ipv6").into()),
    };
    let Some(&verb) = Verb::VARIANTS.iter().find(|known| verb.abbreviates((*known).into())) else {
        let verbs = match object {
            Object::DynamicPort => "write show or set",
            Object::ExcludedPortRange => "write show, add or delete",
        };
        return Err(verb.error("netsh knows no such command here", verbs).into());
    };
    Values::read(text, verb, object, values)?.command(verb, object, v6).map(Some)
}

/// The values of a command, each with its word.
struct Values<'a> {
    end: usize,
    usage: &'static str,
    named: [(&'static str, Option<Word<'a>>); 4],
}

impl<'a> Values<'a> {
    fn read(text: &str, verb: Verb, object: Object, words: &[Word<'a>]) -> Result<Self, SpecError> {
        let usage = match (verb, object) {
            (Verb::Show, Object::DynamicPort) => "interface ipv4 show dynamicport tcp",
            (Verb::Show, Object::ExcludedPortRange) => "interface ipv4 show excludedportrange tcp",
            (Verb::Set, _) => "interface ipv4 set dynamicport tcp start=49152 num=16384",
            (Verb::Add, _) => "interface ipv4 add excludedportrange tcp startport=8080 numberofports=1",
            (Verb::Delete, _) => "interface ipv4 delete excludedportrange tcp startport=8080 numberofports=1",
        };
        let mut values = Self {
            end: text.trim_end().len(),
            usage,
            named: [(PROTOCOL, None), (START, None), (NUMBER, None), (STORE, None)],
        };
        let takes = |name: &str| verb != Verb::Show || matches!(name, PROTOCOL | STORE);
        for (n, word) in words.iter().enumerate() {
            let split = word.text.ends_with('=') && words.get(n + 1).is_some_and(|next| !next.text.contains('='));
            if split || word.text.starts_with('=') {
                return Err(word.error("netsh takes no white space around `=`", format!("write {usage}")));
            }
            let named = word.text.split_once('=').map(|(name, value)| {
                let inside = value.trim_start_matches('"');
                let at = word.at + word.text.len() - inside.len();
                (Word { at: word.at, text: name }, Word { at, text: inside.trim_end_matches('"') })
            });
            let (slot, value) = match named {
                Some((name, value)) => {
                    let fits = |full: &str| takes(full) && !name.text.is_empty() && begins(full, name.text);
                    let mut fitting = values.named.iter_mut().filter(|(full, _)| fits(full));
                    match (fitting.next(), fitting.next()) {
                        (Some(slot), None) => (slot, value),
                        _ => return Err(name.error("netsh knows no such parameter here", format!("write {usage}"))),
                    }
                }
                None => match values.named.iter_mut().find(|(name, value)| takes(name) && value.is_none()) {
                    Some(slot) => (slot, *word),
                    None => return Err(word.error("this is one value too many", format!("write {usage}"))),
                },
            };
            if slot.1.replace(value).is_some() {
                return Err(word.error(format!("`{}` is given twice", slot.0), "keep one of the two"));
            }
        }
        Ok(values)
    }

    fn get(&self, name: &str) -> Option<Word<'a>> {
        self.named.iter().find(|(full, _)| *full == name).and_then(|(_, value)| *value)
    }

    fn need(&self, name: &str) -> Result<Word<'a>, SpecError> {
        self.get(name).ok_or_else(|| {
            Word { at: self.end, text: "" }.error(format!("`{name}` is missing"), format!("write {}", self.usage))
        })
    }

    fn command(&self, verb: Verb, object: Object, v6: bool) -> Result<Command, CommandError> {
        let change = match (verb, object) {
            (Verb::Show, _) => None,
            (Verb::Set, Object::DynamicPort) => Some(Change::SetDynamicPort),
            (Verb::Add, Object::ExcludedPortRange) => Some(Change::AddExcludedPortRange),
            (Verb::Delete, Object::ExcludedPortRange) => Some(Change::DeleteExcludedPortRange),
            (_, Object::DynamicPort) => {
                return Err(self.refused("netsh sets the dynamic range", "write set dynamicport"));
            }
            (_, Object::ExcludedPortRange) => {
                return Err(self.refused("netsh adds and deletes excluded ranges", "write add excludedportrange"));
            }
        };
        let protocol = self.need(PROTOCOL)?;
        let scope = match (protocol.text.to_ascii_lowercase().as_str(), v6) {
            ("tcp", false) => Scope::Tcp4,
            ("tcp", true) => Scope::Tcp6,
            ("udp", false) => Scope::Udp4,
            ("udp", true) => Scope::Udp6,
            _ => return Err(protocol.error("netsh knows no such protocol here", "write tcp or udp").into()),
        };
        let store = match self.get(STORE) {
            None if change.is_none() => Store::Active,
            None => Store::Persistent,
            Some(word) => *(Store::VARIANTS.iter())
                .find(|store| !word.text.is_empty() && begins((*store).into(), word.text))
                .ok_or_else(|| word.error("netsh knows no such store", "write active or persistent"))?,
        };
        let ask = match change {
            None => Ask::Show(object),
            Some(change) => Ask::Change(change, self.range(object)?),
        };
        Ok(Command { scope, store, ask })
    }

    fn refused(&self, problem: &str, remedy: &str) -> CommandError {
        Word { at: self.end, text: "" }.error(problem, format!("{remedy}, as in {}", self.usage)).into()
    }

    fn range(&self, object: Object) -> Result<PortRange, CommandError> {
        let refuse = |e| Err(CommandError::Incorrect(e));
        let (first, count) = (self.need(START)?, self.need(NUMBER)?);
        let (least, fewest) = if object == Object::DynamicPort { (FIRST, COUNT) } else { (1, 1) };
        let (start, number) = (value(first)?, value(count)?);
        if start < least {
            let problem = match object {
                Object::DynamicPort => format!("a dynamic range begins at port {least} or above (KB 929851)"),
                Object::ExcludedPortRange => "port 0 asks for any port, so it cannot be excluded".into(),
            };
            return refuse(first.error(problem, format!("write a number from {least} to 65535")));
        }
        if start > 65535 {
            return refuse(first.error("a port is at most 65535", format!("write a number from {least} to 65535")));
        }
        if number < fewest {
            let problem = match object {
                Object::DynamicPort => format!("a dynamic range has at least {fewest} ports (KB 929851)"),
                Object::ExcludedPortRange => "this excludes no port".into(),
            };
            return refuse(count.error(problem, format!("write {fewest} or more")));
        }
        let room = 65536 - start;
        let remedy = match room {
            _ if room >= fewest => format!("from {start} on there are {room}"),
            _ => format!("begin at {} or below", 65536 - fewest),
        };
        let last = start + number.min(65536) - 1;
        let range = u16::try_from(start).ok().zip(u16::try_from(last).ok());
        let range = range.and_then(|(first, last)| PortRange::new(first, last).ok());
        range.map_or_else(|| refuse(count.error("the range would end above port 65535", remedy)), Ok)
    }
}

/// A number; one that no port and no count can be counts as the largest.
fn value(word: Word<'_>) -> Result<u32, SpecError> {
    if word.text.is_empty() || !word.text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(word.error("this is not a number", "write the number itself, in decimal digits"));
    }
    Ok(word.text.parse().unwrap_or(u32::MAX))
}

/// As [`command`], for what must be a command about ports.
impl FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        command(text)?.ok_or_else(|| {
            let trimmed = text.trim();
            let at = text.len() - text.trim_start().len();
            let unknown = Word { at, text: trimmed }.error(
                "of netsh, portshim knows the commands about ports alone",
                "write interface ipv4|ipv6, then show or set dynamicport, or show, add or delete excludedportrange",
            );
            unknown.into()
        })
    }
}

/// Tells whether the line says by itself in which store it looks things up or changes them.
#[must_use]
pub fn names_store(text: &str) -> bool {
    const OBJECT: usize = 4;
    let named = |word: &Word<'_>| match word.text.split_once('=') {
        Some((name, _)) => name.len() > 2 && begins(STORE, name),
        None => !word.text.is_empty() && Store::VARIANTS.iter().any(|store| begins(store.into(), word.text)),
    };
    words(text).iter().skip(OBJECT).any(named)
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, store, ask } = self;
        let (protocol, family) = scope.name().split_at(3);
        match ask {
            Ask::Show(object) => write!(f, "interface ipv{family} show {object} {PROTOCOL}={protocol}")?,
            Ask::Change(change, range) => {
                write!(f, "interface ipv{family} {change} {PROTOCOL}={protocol}")?;
                write!(f, " {START}={} {NUMBER}={}", range.first(), range.len())?;
            }
        }
        write!(f, " {STORE}={store}")
    }
}
