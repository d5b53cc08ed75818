//! Builds the shim and hands it to the command, which carries it inside itself.

mod statically;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;
use sha2::{Digest, Sha256};
use statically::CLibrary;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a shim that is built already, where to build one here would take building the standard
/// library again.
const BUILT: &str = "PORTSHIM_BUILT_SHIM";
/// What a command of musl has in the place of functions that only glibc has.
const STAND_INS: &str = "src/platform/linux/stand_ins.rs";

/// The folder of this crate, as cargo says it: this program may have been compiled elsewhere.
fn here() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
}

fn main() {
    let project = here().join("..");
    for input in ["shim", "freestanding", "mechanism", "policy", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", project.join(input).display());
    }
    println!("cargo::rerun-if-env-changed={BUILT}");
    let built = env::var_os(BUILT).map(PathBuf::from);
    if let Some(built) = &built {
        println!("cargo::rerun-if-changed={}", built.display());
    }
    let shim = built.unwrap_or_else(|| build_shim(&project));
    let bytes = std::fs::read(&shim).unwrap_or_else(|e| panic!("{}: {e}", shim.display()));
    let digest = Sha256::digest(&bytes);
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let (stem, extension) = (shim.file_stem(), shim.extension());
    let (stem, extension) = (stem.expect("a name").to_string_lossy(), extension.expect("a kind").to_string_lossy());
    link_statically();
    println!("cargo::rustc-env=PORTSHIM_EMBEDDED_GLIBC={}", glibc(&bytes).unwrap_or_default());
    println!("cargo::rustc-env=PORTSHIM_EMBEDDED={}", shim.display());
    if has_freestanding() {
        println!("cargo::rustc-env=PORTSHIM_FREESTANDING={}", shim.with_file_name("libfreestanding.so").display());
    }
    println!("cargo::rustc-env=PORTSHIM_EMBEDDED_NAME={stem}-{hash}.{extension}");
}

/// Tells whether there is a guest for programs without a C library on the target.
fn has_freestanding() -> bool {
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    (&*target("OS"), &*target("ENV"), &*target("ARCH")) == ("linux", "gnu", "x86_64")
}

/// The newest version of glibc that a library needs, such as 2.35; none where it needs none.
fn glibc(bytes: &[u8]) -> Option<String> {
    let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let (mut libraries, names) = header.sections(endian, bytes).ok()?.gnu_verneed(endian, bytes).ok()??;
    let names = header.sections(endian, bytes).ok()?.strings(endian, bytes, names).ok()?;
    let mut newest = None;
    while let Ok(Some((_, mut versions))) = libraries.next() {
        while let Ok(Some(version)) = versions.next() {
            let name = version.name(endian, names).ok().and_then(|name| str::from_utf8(name).ok());
            let numbers = name.and_then(|name| name.strip_prefix("GLIBC_")).and_then(|name| {
                let (major, minor) = name.split_once('.')?;
                Some((major.parse::<u32>().ok()?, minor.split('.').next()?.parse::<u32>().ok()?))
            });
            newest = newest.max(numbers);
        }
    }
    newest.map(|(major, minor)| format!("{major}.{minor}"))
}

/// Builds the shim, always as a release: it is a guest in other people's processes.
fn build_shim(project: &Path) -> PathBuf {
    let setting = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let (host, target) = (setting("HOST"), setting("TARGET"));
    // A folder for each place of the sources: of those below its own folder, where it keeps what it
    // fetches, cargo takes none for changed.
    let place: String =
        Sha256::digest(here().as_os_str().as_encoded_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
    let out = PathBuf::from(setting("OUT_DIR")).join(format!("shim-{place}"));
    let mut cargo = Command::new(setting("CARGO"));
    cargo.current_dir(project).args(["build", "--release", "--package", "portshim-shim"]);
    if has_freestanding() {
        cargo.args(["--package", "portshim-freestanding"]).env("PORTSHIM_FREESTANDING_GUEST", "1");
    }
    // By now the outer cargo has written the lock file or was forbidden to.
    cargo.arg("--locked").arg("--target-dir").arg(&out);
    if host != target {
        cargo.args(["--target", &target]);
    }
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        // What the outer cargo says of this package and profile; `cargo clippy` puts itself in as a
        // wrapper.
        let outer = ["CARGO_CFG_", "CARGO_PKG_", "CARGO_FEATURE_"].iter().any(|prefix| name.starts_with(prefix));
        // Flags are meant for the command: one that links it statically would make no library at
        // all.
        let flags = name == "RUSTFLAGS" || name.ends_with("_RUSTFLAGS");
        if outer || flags || ["RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS"].contains(&&*name) {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo.status().unwrap_or_else(|e| panic!("cargo cannot be run: {e}"));
    assert!(status.success(), "the shim does not build: see above");
    let file = if setting("CARGO_CFG_TARGET_OS") == "windows" { "portshim.dll" } else { "libportshim.so" };
    let profile = if host == target { out } else { out.join(target) };
    profile.join("release").join(file)
}

/// Links the command statically and at a fixed address, where a C library can be had so: what the
/// loader and its relocations take is more than what the command itself does for a start, and
/// musl's start takes less than glibc's (docs/adr/0008-start-up.md).
fn link_statically() {
    println!("cargo::rustc-check-cfg=cfg(of_musl)");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_static = target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if target("OS") != "linux" || target("ENV") != "gnu" || is_static {
        return;
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    // What a start runs side by side, for each piece of 64 KiB that is touched takes a page fault;
    // fewer segments; none to be sealed once it is relocated, for nothing is. Not every linker
    // knows of all that.
    let order = here().join("start.ld");
    println!("cargo::rerun-if-changed={}", order.display());
    let lean = ["-Wl,-z,norelro".into(), "-Wl,--no-rosegment".into(), format!("-Wl,-T,{}", order.display())];
    for (library, name) in [(CLibrary::Musl, "musl"), (CLibrary::Glibc, "glibc")] {
        let Some(plain) = statically::arguments(library, &out.join(name)) else { continue };
        let all = [&plain[..], &lean].concat();
        let Some(arguments) = [all, plain].into_iter().find(|arguments| can_be_linked(library, arguments)) else {
            continue;
        };
        arguments.iter().for_each(|argument| println!("cargo::rustc-link-arg-bins={argument}"));
        if library == CLibrary::Musl {
            println!("cargo::rustc-cfg=of_musl");
        }
        return;
    }
    println!("cargo::warning=no static program can be linked here: portshim will take longer to start");
    link_unwinder();
}

/// Tells whether a program can be linked with these arguments, and runs, where programs for the
/// target do.
fn can_be_linked(library: CLibrary, arguments: &[String]) -> bool {
    let setting = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(setting("OUT_DIR"));
    let (source, program) = (out.join("trial.rs"), out.join("trial"));
    let stand_ins = here().join(STAND_INS);
    println!("cargo::rerun-if-changed={}", stand_ins.display());
    let stand_ins = match library {
        CLibrary::Musl => format!("#[path = {stand_ins:?}] mod stand_ins; "),
        CLibrary::Glibc => String::new(),
    };
    std::fs::write(&source, format!("{stand_ins}fn main() {{ std::thread::spawn(|| ()).join().unwrap() }}"))
        .unwrap_or_else(|e| panic!("{}: {e}", source.display()));
    let mut rustc = Command::new(setting("RUSTC"));
    rustc.args(["--edition=2024", "--target", &setting("TARGET"), "-o"]).arg(&program).arg(&source);
    rustc.args(env::var("RUSTC_LINKER").map(|linker| format!("-Clinker={linker}")));
    rustc.args(setting("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")));
    let linked = rustc.output().is_ok_and(|output| output.status.success());
    linked
        && (setting("HOST") != setting("TARGET") || Command::new(program).status().is_ok_and(|status| status.success()))
}

/// Links at least the unwinder statically: to load a library for it alone takes a while.
fn link_unwinder() {
    if let Some(folder) = statically::found("libgcc_eh.a").as_ref().and_then(|archive| Path::new(archive).parent()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
