//! A port model with its settings, as they count.

use super::freebsd::PortRanges;
use super::limits::RestrictionLimits;
use super::order::Order;
use super::preset::Preset;
use super::rresvport::PrivilegedRange;
use crate::ports::PortRange;

/// A port model with its settings, as they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// The model.
    pub preset: &'static Preset,
    /// The dynamic range that the model's own settings make, before any range is asked for by name.
    pub range: PortRange,
    /// `MaxUserPort`; `None` in a model that has none.
    pub max_user_port: Option<u16>,
    /// `ip_unprivileged_port_start`: below it a specific bind needs privilege.
    pub unprivileged_start: u16,
    /// `net.inet.ip.portrange`; `None` in a model that has none.
    pub portrange: Option<PortRanges>,
}

impl Model {
    /// Limits within which ports may be reserved and blocked while programs run.
    #[must_use]
    pub const fn legal(&self) -> RestrictionLimits {
        RestrictionLimits { preset: self.preset, max_user_port: self.max_user_port }
    }

    /// Meaning of [`Order::Native`].
    #[must_use]
    pub fn order(&self) -> Order {
        self.portrange.map_or(self.preset.native, |portrange| portrange.order())
    }

    /// Ports that rresvport and bindresvport hand out.
    #[must_use]
    pub fn privileged(&self) -> PrivilegedRange {
        self.portrange.map_or(self.preset.privileged.range, |portrange| portrange.privileged())
    }
}
