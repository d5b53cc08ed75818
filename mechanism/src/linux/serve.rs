//! One request, from its start to its end.

mod choice;
mod intercepted;
mod join;
mod mechanism;
mod pin;
mod request;
mod steer;

pub use intercepted::{InterceptedCall, Interceptor, Original, Waits};
pub use request::{Served, serve, tell_uncovered};
