//! The library that `portshim` loads into a program: a guest in someone else's process.
//!
//! After its constructor it does not allocate, lock, print, open files, read the environment or
//! look up symbols, and it leaves `errno` as the program's own call left it. What it decides, it
//! asks [`portshim_policy`]; what it does is a short loop around the program's own call.
//!
//! Each system has a module of its own. What both need stands beside them, and knows of the system
//! what [`system`] names.

#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
mod api;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
mod session;
#[cfg(windows)]
mod windows;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use linux as system;
#[cfg(windows)]
use windows as system;
