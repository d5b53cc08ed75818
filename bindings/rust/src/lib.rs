//! Ports under a policy, from inside a program that runs under portshim: for its tests above all.
//!
//! Let cargo run tests under a policy, by `.cargo/config.toml`:
//!
//! ```toml
//! [target.'cfg(target_os = "linux")']
//! runner = ["portshim", "run", "--range", "20000-20099", "--"]
//! ```
//!
//! Then a guard lets this process and its children run out of ports, as on a host whose ports are
//! all in use, until it is dropped:
//!
//! ```
//! use portshim_client::{Scopes, exhausted, loaded};
//! use std::net::TcpListener;
//!
//! # fn main() -> Result<(), portshim_client::Error> {
//! let guard = exhausted().of(Scopes::TCP).if_loaded().hold()?;
//! assert_eq!(TcpListener::bind("127.0.0.1:0").is_err(), loaded());
//! drop(guard);
//! assert!(TcpListener::bind("127.0.0.1:0").is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! What holds, holds for the whole process. Tests that run in threads of one process meet each
//! other's guards: give such a test a file of its own in `tests/`, or run each test in a process of
//! its own, as cargo-nextest does.

mod error;
mod held;
mod library;
mod scopes;

pub use error::Error;
pub use held::{Held, Wanted, blocked, exhausted, only, reserved};
pub use library::loaded;
pub use scopes::Scopes;
