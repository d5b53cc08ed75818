//! Policies as people write them: options, environment variables and files, what they come to
//! together, and where each part came from.
//!
//! Each source becomes a [`Layer`]; [`resolve()`] lays the layers over a [`crate::model::Preset`]
//! and yields a [`Resolved`] policy, which can be run ([`Resolved::rules`]), shown
//! ([`Resolved::show`]) and asked about one port ([`Resolved::explain_all`]). Whatever is wrong is
//! a [`Problem`] that names the place and carries a remedy.

mod explain;
pub(crate) mod file;
mod host;
pub mod keys;
mod layer;
mod limits;
mod messages;
mod origin;
mod problem;
pub(crate) mod registry;
mod resolve;
mod resolved;
mod settings;
mod show;
mod source;
mod sysctl;
mod values;
mod write;

pub use explain::{Class, Explanation, Reason};
pub use host::HostSettings;
pub use keys::{Key, KeyOption};
pub use layer::Layer;
pub(crate) use layer::Wishes;
pub(crate) use messages::all_of;
pub use messages::nearest;
pub use origin::{Origin, Sourced};
pub use problem::{Problem, Severity};
pub use registry::reserved_range;
pub use resolve::resolve;
pub use resolved::Resolved;
pub use show::{Shown, ShownError, ShownErrors, ShownFirstBind, ShownPorts, ShownRules, ShownScope, ShownSecondBinds};
pub(crate) use source::Source;
pub use sysctl::{local_port_range, reserved_ports};
pub(crate) use values::{Ports, Value};
pub use write::captured;
