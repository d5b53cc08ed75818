//! Choice of the port that a program gets.
//!
//! This crate decides and does nothing else: it has no I/O, no clock, no environment and no
//! threads. Entropy and the outcome of the last try are arguments. What it decides is carried
//! out by the shim (inside the program) and explained by the `portshim` command.
//!
//! The way through it: a policy is written as text ([`ports::spec`], and with the feature `text`
//! whole files), resolved into rules, laid down in a [`region::Region`] that every process of a
//! session maps, and then driven, one request at a time, by a [`plan::Plan`].
//!
//! Each module uses those above it in this list, and none below it. Without the features `text`
//! and `alloc` the crate needs neither `std` nor an allocator.

#![cfg_attr(not(any(feature = "text", test)), no_std)]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod entropy;
pub mod filter;
pub mod hooks;
pub mod ports;

pub mod model;

pub mod region;

pub mod plan;

#[cfg(feature = "text")]
pub mod config;

#[cfg(feature = "text")]
pub mod netsh;

#[cfg(feature = "text")]
pub mod import;
