//! The benchmark's measured process once more, linked statically: for what serves programs that
//! load no library. See `portshim_tests::work`.
//!
//! It begins as a program in C does: Rust's own beginning would have an alternate signal stack, for
//! which a guest asks the kernel at each call.
#![cfg_attr(target_os = "linux", no_main)]

#[cfg(target_os = "linux")]
#[path = "../../benches/line.rs"]
mod line;

#[cfg(target_os = "linux")]
// SAFETY: the C library calls it, once, and no other function of this program has that name.
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    use portshim_tests::work::{Caller, pin};

    let mut caller = Caller::new(true);
    let done =
        pin().map_err(|e| format!("the processor: {e}")).and_then(|()| line::serve(|task| caller.carry_out(task)));
    match done {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("error: {message}");
            1
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
