//! Policies as people write them: options, environment variables and files, what they come to
//! together, and where each part came from.
//!
//! Each source becomes a [`Layer`]; [`resolve()`] lays the layers over a [`crate::Preset`] and yields
//! a [`Resolved`] policy, which can be run ([`Resolved::rules`]), shown ([`Resolved::show`]) and asked
//! about one port ([`Resolved::explain`]). Whatever is wrong is a [`Problem`] that names the place
//! and carries a remedy.

mod explain;
mod file;
mod import;
pub mod keys;
mod layer;
mod limits;
pub mod netsh;
mod origin;
mod problem;
mod registry;
mod resolve;
mod resolved;
mod settings;
mod show;
mod source;
mod sysctl;
mod words;
mod write;

pub use explain::{Class, Explanation, Reason};
pub use layer::{Layer, Setting};
pub use origin::{HostSetting, Origin, Sourced};
pub use problem::{Problem, Severity};
pub use registry::reserved_range;
pub use resolve::{HostSettings, resolve};
pub use resolved::Resolved;
pub use show::{
    Shown, ShownClass, ShownError, ShownErrors, ShownFirstBind, ShownPorts, ShownRules, ShownScope, ShownSecondBinds,
};
pub use sysctl::{local_port_range, reserved_ports};
pub use words::nearest;
