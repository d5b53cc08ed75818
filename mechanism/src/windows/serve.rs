//! One request, from its start to its end.

mod intercepted;
mod mechanism;
mod request;

pub use intercepted::InterceptedCall;
pub use request::{Served, serve};
