//! Turns at waiting for processes.

use std::sync::Mutex;

/// Held while a program is traced. Who waits for children meanwhile would take what the tracer
/// waits for.
pub static TRACING: Mutex<()> = Mutex::new(());
