//! One request, from its start to its end.

mod mechanism;
mod request;

pub use request::{InterceptedCall, Served, serve};
