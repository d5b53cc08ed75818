# shellcheck shell=bash disable=SC2034 # its variables are for those that source it
# Which compiler builds for Windows: sourced by the scripts beside it, in the project's folder.
#
# A rustup toolchain with the target comes first. Without it, Debian's compiler builds the standard library for
# the target from its own source.

TARGET=x86_64-pc-windows-gnu
LINKER=x86_64-w64-mingw32-gcc
DEBIAN_RUSTC=/usr/bin/rustc
DEBIAN_CLIPPY=/usr/bin/cargo-clippy
DEBIAN_LIBRARY=/usr/lib/rustlib/src/rust/library

rustup_has_target() {
    [ -d "$(tools/rustc --print sysroot 2>/dev/null)/lib/rustlib/$TARGET/lib" ]
}
