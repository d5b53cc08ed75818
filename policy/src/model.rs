//! Port models of operating systems: presets, their settings, their limits, and their errors.

mod call;
#[cfg(feature = "text")]
mod classes;
mod errors;
mod freebsd;
#[cfg(feature = "text")]
mod hurdle;
mod limits;
mod order;
mod preset;
mod reference;
mod restriction;
pub mod rresvport;
#[cfg(feature = "text")]
mod rules;
mod settings;
mod sharing;

pub use call::Call;
#[cfg(feature = "text")]
pub use classes::Class;
pub use errors::{Errors, Fault, SystemError, exhausted};
pub use freebsd::{PortRanges, RangeEnd};
#[cfg(feature = "text")]
pub use hurdle::{Hurdle, Own, hurdle};
pub use limits::{RestrictionLimits, RestrictionRule};
pub use order::Order;
pub use preset::{BlockRule, DynamicLimits, Preset, Privileged, ReserveRule};
pub use reference::classes::ClassRule;
pub use reference::second_bind::{BindAddress, BindOption, Binder, SecondBind, SecondBinds};
pub use restriction::Restriction;
#[cfg(feature = "text")]
pub use rules::{Rules, ScopeRules};
pub use settings::Model;
pub use sharing::Sharing;
