//! Ways to get a port on a given socket: by steering the kernel's choice, by binding a number, by
//! sharing.
//!
//! This crate carries out what [`portshim_policy`] decides. It knows neither how calls are
//! intercepted nor how anything comes into a program: the program's own call is a closure, and what
//! else it needs of whoever intercepts calls is an [`Interceptor`](linux::serve::Interceptor). It
//! does not allocate, lock, print, read the environment or look symbols up, and leaves `errno` as
//! the program's own call left it.
//!
//! Each system has a module of its own; in it `serve` uses `socket`, and `socket` uses `kernel`.
//!
//! Of Linux's C library it uses the place of `errno` and the clock, `clock_gettime`. Whoever has
//! neither a C library nor its thread-local variables defines these two.

#![cfg_attr(all(target_os = "linux", not(test)), no_std)]

#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod address;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod fd_ports;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod grant;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub mod linux;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod place;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod port_lock;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod run_plan;
#[cfg(any(all(target_os = "linux", target_env = "gnu"), windows))]
pub mod session;
#[cfg(windows)]
pub mod windows;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use linux::kernel as system;
#[cfg(windows)]
use windows::kernel as system;
