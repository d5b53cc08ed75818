//! What one source asks for: the options, the environment, or one policy file.

use super::messages;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use crate::model::{Order, Preset, RangeEnd, Sharing};
use crate::ports::spec::{self, Spec};
use crate::ports::{PortRange, ScopeSet};

/// Everything that can be asked for in one word: by an option, or by an environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The port model: a preset's name.
    Preset,
    /// The dynamic range: SPECs.
    Range,
    /// Ports that are never handed out: SPECs.
    Reserve,
    /// Ports that may not be bound at all: SPECs.
    Block,
    /// The order of choice.
    Select,
    /// Whether connections share ports.
    Sharing,
    /// The seed, 0 to 2^64 - 1.
    Seed,
    /// The last port of the range of the Windows models up to 2003, 5000 to 65534.
    MaxUserPort,
}

impl Setting {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 8] = [
        Self::Preset,
        Self::Range,
        Self::Reserve,
        Self::Block,
        Self::Select,
        Self::Sharing,
        Self::Seed,
        Self::MaxUserPort,
    ];

    /// The option: `--range`.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Preset => "--preset",
            Self::Range => "--range",
            Self::Reserve => "--reserve",
            Self::Block => "--block",
            Self::Select => "--select",
            Self::Sharing => "--sharing",
            Self::Seed => "--seed",
            Self::MaxUserPort => "--max-user-port",
        }
    }

    /// The environment variable: `PORTSHIM_RANGE`.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Preset => "PORTSHIM_PRESET",
            Self::Range => "PORTSHIM_RANGE",
            Self::Reserve => "PORTSHIM_RESERVE",
            Self::Block => "PORTSHIM_BLOCK",
            Self::Select => "PORTSHIM_SELECT",
            Self::Sharing => "PORTSHIM_SHARING",
            Self::Seed => "PORTSHIM_SEED",
            Self::MaxUserPort => "PORTSHIM_MAX_USER_PORT",
        }
    }

    /// Whether it may be given more than once.
    #[must_use]
    pub const fn repeatable(self) -> bool {
        matches!(self, Self::Range | Self::Reserve | Self::Block)
    }
}

/// Ports that a source speaks of, and where.
pub(crate) type Ports = Sourced<Spec>;

/// What can be asked for one program as well as for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) dynamic: Vec<Ports>,
    pub(crate) reserve: Vec<Ports>,
    pub(crate) block: Vec<Ports>,
    pub(crate) select: Option<Sourced<Order>>,
    pub(crate) sharing: Option<Sourced<Sharing>>,
    pub(crate) seed: Option<Sourced<u64>>,
}

/// A `[[process]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) glob: Sourced<String>,
    pub(crate) wishes: Wishes,
}

/// What one source asks for. A file becomes one with [`Layer::from_toml`]; the options together are
/// one, the environment is one, both built word by word with [`Layer::option`] and [`Layer::variable`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    pub(crate) preset: Option<Sourced<&'static Preset>>,
    pub(crate) wishes: Wishes,
    pub(crate) max_user_port: Option<Sourced<u64>>,
    /// `windows.reserved-ports`: holds under the presets that have `MaxUserPort`.
    pub(crate) registry_reserved: Vec<Ports>,
    /// `linux.ip_local_port_range`: holds under `host` and `linux`.
    pub(crate) sysctl_range: Option<Sourced<PortRange>>,
    /// `linux.ip_local_reserved_ports`: holds under `host` and `linux`.
    pub(crate) sysctl_reserved: Vec<Ports>,
    /// `linux.ip_unprivileged_port_start`: holds under `host` and `linux`.
    pub(crate) unprivileged_start: Option<Sourced<u16>>,
    /// `freebsd.first` and its like, as given: they hold under `freebsd`.
    pub(crate) range_ends: Vec<Sourced<(RangeEnd, u64)>>,
    /// `freebsd.randomized`: holds under `freebsd`.
    pub(crate) randomized: Option<Sourced<bool>>,
    pub(crate) processes: Vec<Process>,
    /// What is to be said about the source.
    pub(crate) notes: Vec<Problem>,
    /// What is to be said where the layer's preset, which had to be guessed, is the one that holds.
    pub(crate) guess: Option<Problem>,
}

impl Layer {
    /// A layer that asks for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The model that it asks for.
    #[must_use]
    pub fn preset(&self) -> Option<&'static Preset> {
        self.preset.as_ref().map(|preset| preset.value)
    }

    /// Adds one occurrence of an option with its value. Options that are not
    /// [repeatable](Setting::repeatable) replace what was there.
    ///
    /// # Errors
    /// A [`Problem`] that names the option and the offending part.
    pub fn option(&mut self, setting: Setting, value: &str) -> Result<(), Problem> {
        self.set(setting, value, &Origin::Option { option: setting.option(), value: value.into() })
    }

    /// Adds an environment variable's value. A variable of ports may hold several SPECs, separated by
    /// white space. An empty value asks for nothing.
    ///
    /// # Errors
    /// Every [`Problem`]; each names the variable and the offending part.
    pub fn variable(&mut self, setting: Setting, value: &str) -> Result<(), Vec<Problem>> {
        let origin = Origin::Environment { variable: setting.variable(), value: value.into() };
        let problems: Vec<_> = if setting.repeatable() {
            value.split_whitespace().filter_map(|spec| self.set(setting, spec, &origin).err()).collect()
        } else if value.trim().is_empty() {
            Vec::new()
        } else {
            self.set(setting, value, &origin).err().into_iter().collect()
        };
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn set(&mut self, setting: Setting, value: &str, origin: &Origin) -> Result<(), Problem> {
        let text = value.trim();
        let wishes = &mut self.wishes;
        match setting {
            Setting::Preset => {
                self.preset = Some(preset(text, origin)?);
                self.guess = None;
            }
            Setting::Range => wishes.dynamic.push(spec(value, origin)?),
            Setting::Reserve => wishes.reserve.push(spec(value, origin)?),
            Setting::Block => wishes.block.push(spec(value, origin)?),
            Setting::Select => wishes.select = Some(order(text, origin)?),
            Setting::Sharing => wishes.sharing = Some(sharing(text, origin)?),
            Setting::Seed => wishes.seed = Some(number(text, origin, messages::seed)?),
            Setting::MaxUserPort => self.max_user_port = Some(number(text, origin, messages::max_user_port)?),
        }
        Ok(())
    }
}

pub(crate) fn preset(text: &str, origin: &Origin) -> Result<Sourced<&'static Preset>, Problem> {
    let preset = Preset::named(text).ok_or_else(|| messages::unknown_preset(origin, text))?;
    Ok(Sourced::new(preset, origin.clone()))
}

pub(crate) fn order(text: &str, origin: &Origin) -> Result<Sourced<Order>, Problem> {
    let names = Order::ALL.map(Order::name);
    let order = Order::ALL.into_iter().find(|o| o.name().eq_ignore_ascii_case(text));
    let order = order.ok_or_else(|| messages::unknown(origin, "order", text, &names, names))?;
    Ok(Sourced::new(order, origin.clone()))
}

pub(crate) fn sharing(text: &str, origin: &Origin) -> Result<Sourced<Sharing>, Problem> {
    let names = Sharing::ALL.map(Sharing::name);
    let sharing = Sharing::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(text));
    let sharing = sharing.ok_or_else(|| messages::unknown(origin, "sharing", text, &names, names))?;
    Ok(Sourced::new(sharing, origin.clone()))
}

fn number(text: &str, origin: &Origin, problem: fn(&Origin, &str) -> Problem) -> Result<Sourced<u64>, Problem> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits).ok_or_else(|| problem(origin, text))?;
    Ok(Sourced::new(number, origin.clone()))
}

pub(crate) fn spec(text: &str, origin: &Origin) -> Result<Ports, Problem> {
    match text.parse() {
        Ok(spec) => Ok(Sourced::new(spec, origin.clone())),
        Err(e) => Err(messages::ports(origin, text, &e)),
    }
}

/// Ports for `scopes`, which are named elsewhere.
pub(crate) fn ports(text: &str, scopes: ScopeSet, origin: &Origin) -> Result<Ports, Problem> {
    match spec::ports(text, 0) {
        Ok(ports) => Ok(Sourced::new(Spec { ports, scopes }, origin.clone())),
        Err(e) => Err(messages::ports(origin, text, &e)),
    }
}
