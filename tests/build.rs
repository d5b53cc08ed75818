//! Links the probe and the benchmark's worker once more, statically: what serves programs that load
//! no library is compared with the kernel by them.

#[path = "../injector/statically.rs"]
mod statically;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=../injector/statically.rs");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_native = env::var("HOST") == env::var("TARGET");
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native {
        return;
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    match statically::arguments(statically::CLibrary::Glibc, &out.join("static")) {
        Some(arguments) => {
            for program in ["portshim-static-probe", "portshim-static-worker"] {
                arguments.iter().for_each(|argument| println!("cargo::rustc-link-arg-bin={program}={argument}"));
            }
        }
        None => println!("cargo::warning=there is no static C library: there will be no static programs"),
    }
}
