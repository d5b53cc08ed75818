//! The kernel's interfaces: system calls of our own, its constants, and its messages and tables.

pub mod call;
pub mod clock;
pub mod confine;
pub mod constants;
pub mod descriptors;
pub mod diag;
pub mod errno;
pub mod liveness;
pub mod mark;
pub mod memory;
pub mod netlink;
pub mod proc;
pub mod process;
pub mod program;
pub mod rtnetlink;
pub mod sandbox;
pub mod session_file;
pub mod signals;
pub mod sockets;
pub mod tcp_table;
mod valgrind;
