//! Links the guest without a C library: all that it needs, it brings along.
//!
//! That is done where the command is built, which asks for it. Built together with the rest of the
//! workspace, whose policy is one with text and the standard library, it is a library like others.

use std::env;

/// Variable by which the command asks for it.
const ASKED: &str = "PORTSHIM_FREESTANDING_GUEST";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={ASKED}");
    println!("cargo::rustc-check-cfg=cfg(freestanding)");
    // It names what is its own by distance.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    if env::var_os(ASKED).is_none() {
        return;
    }
    println!("cargo::rustc-cfg=freestanding");
    // What is undefined would be found by nobody; nor are there relocations but to its own places.
    for argument in ["-nostdlib", "-Wl,--no-undefined", "-Wl,-z,norelro", "-Wl,-z,max-page-size=4096"] {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}
