//! The benchmark's measured process once more, linked statically: for what serves programs that
//! load no library. See `portshim_tests::work`.

#[cfg(target_os = "linux")]
#[path = "../../benches/line.rs"]
mod line;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use portshim_tests::work::{Caller, pin};

    let mut caller = Caller::new(true);
    let done =
        pin().map_err(|e| format!("the processor: {e}")).and_then(|()| line::serve(|task| caller.carry_out(task)));
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
