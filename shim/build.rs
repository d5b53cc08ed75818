//! Links the unwinder statically: a library that a preload needs and the program's root does not
//! have keeps the program from starting at all.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let Ok(output) = Command::new(&compiler).arg("-print-file-name=libgcc_eh.a").output() else {
        println!("cargo:warning=`{compiler}` cannot be asked for libgcc_eh.a: the library will need libgcc_s.so.1");
        return;
    };
    let path = String::from_utf8_lossy(&output.stdout);
    match Path::new(path.trim()).parent().filter(|folder| folder.is_absolute()) {
        Some(folder) => {
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        }
        None => println!("cargo:warning=there is no libgcc_eh.a: the library will need libgcc_s.so.1"),
    }
}
