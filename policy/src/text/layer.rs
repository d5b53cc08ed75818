//! What one source asks for: the options, the environment, or one policy file.

use super::{Origin, Problem, Sourced, file, words};
use crate::spec::{self, Spec};
use crate::{Order, PortRange, Preset, RangeEnd, ScopeSet, Sharing};

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
pub(super) type Ports = Sourced<Spec>;

/// What can be asked for one program as well as for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) dynamic: Vec<Ports>,
    pub(super) reserve: Vec<Ports>,
    pub(super) block: Vec<Ports>,
    pub(super) select: Option<Sourced<Order>>,
    pub(super) sharing: Option<Sourced<Sharing>>,
    pub(super) seed: Option<Sourced<u64>>,
}

/// A `[[process]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) glob: Sourced<String>,
    pub(super) wishes: Wishes,
}

/// What one source asks for. A file becomes one with [`Layer::from_toml`]; the options together are
/// one, the environment is one, both built word by word with [`Layer::option`] and [`Layer::variable`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    pub(super) preset: Option<Sourced<&'static Preset>>,
    pub(super) wishes: Wishes,
    pub(super) max_user_port: Option<Sourced<u64>>,
    /// `windows.reserved-ports`: holds under the presets that have `MaxUserPort`.
    pub(super) registry_reserved: Vec<Ports>,
    /// `linux.ip_local_port_range`: holds under `host` and `linux`.
    pub(super) sysctl_range: Option<Sourced<PortRange>>,
    /// `linux.ip_local_reserved_ports`: holds under `host` and `linux`.
    pub(super) sysctl_reserved: Vec<Ports>,
    /// `linux.ip_unprivileged_port_start`: holds under `host` and `linux`.
    pub(super) unprivileged_start: Option<Sourced<u16>>,
    /// `freebsd.first` and its like, as given: they hold under `freebsd`.
    pub(super) range_ends: Vec<Sourced<(RangeEnd, u64)>>,
    /// `freebsd.randomized`: holds under `freebsd`.
    pub(super) randomized: Option<Sourced<bool>>,
    pub(super) processes: Vec<Process>,
    /// What is to be said about the source.
    pub(super) notes: Vec<Problem>,
    /// What is to be said where the layer's preset, which had to be guessed, is the one that holds.
    pub(super) guess: Option<Problem>,
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

    /// Reads a policy file. `file_name` is what problems call it. A byte order mark and CRLF line
    /// ends are accepted.
    ///
    /// # Errors
    /// Every [`Problem`] found, in the order of the text.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, Vec<Problem>> {
        file::read(text, file_name)
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
            Setting::Seed => wishes.seed = Some(number(text, origin, words::seed)?),
            Setting::MaxUserPort => self.max_user_port = Some(number(text, origin, words::max_user_port)?),
        }
        Ok(())
    }
}

pub(super) fn preset(text: &str, origin: &Origin) -> Result<Sourced<&'static Preset>, Problem> {
    let preset = Preset::named(text).ok_or_else(|| words::unknown_preset(origin, text))?;
    Ok(Sourced::new(preset, origin.clone()))
}

pub(super) fn order(text: &str, origin: &Origin) -> Result<Sourced<Order>, Problem> {
    let names = Order::ALL.map(Order::name);
    let order = Order::ALL.into_iter().find(|o| o.name().eq_ignore_ascii_case(text));
    let order = order.ok_or_else(|| words::unknown(origin, "order", text, &names, names))?;
    Ok(Sourced::new(order, origin.clone()))
}

pub(super) fn sharing(text: &str, origin: &Origin) -> Result<Sourced<Sharing>, Problem> {
    let names = Sharing::ALL.map(Sharing::name);
    let sharing = Sharing::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(text));
    let sharing = sharing.ok_or_else(|| words::unknown(origin, "sharing", text, &names, names))?;
    Ok(Sourced::new(sharing, origin.clone()))
}

fn number(text: &str, origin: &Origin, problem: fn(&Origin, &str) -> Problem) -> Result<Sourced<u64>, Problem> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits).ok_or_else(|| problem(origin, text))?;
    Ok(Sourced::new(number, origin.clone()))
}

pub(super) fn spec(text: &str, origin: &Origin) -> Result<Ports, Problem> {
    match text.parse() {
        Ok(spec) => Ok(Sourced::new(spec, origin.clone())),
        Err(e) => Err(words::ports(origin, text, &e)),
    }
}

/// Ports for `scopes`, which are named elsewhere.
pub(super) fn ports(text: &str, scopes: ScopeSet, origin: &Origin) -> Result<Ports, Problem> {
    match spec::ports(text, 0) {
        Ok(ports) => Ok(Sourced::new(Spec { ports, scopes }, origin.clone())),
        Err(e) => Err(words::ports(origin, text, &e)),
    }
}
