//! Knowledge of descriptors, kept by whoever sees the calls that change them.

pub mod changes;
pub mod fd_cache;
pub mod fd_ports;
pub mod sockets;
