//! The program under test of the oracle: it makes the socket calls that a script names, through
//! libc, and prints what each came to. It is run once bare and once under portshim.

mod address;
mod arena;
mod bad_calls;
mod beliefs;
mod calls;
mod fixture;
mod options;
mod play;
mod sends;

use std::process::ExitCode;

/// Runs the probe in one of its modes, with what follows on the command line.
#[must_use]
pub fn run() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.split_first() {
        Some((name, rest)) if name == "arena" => arena::enter(rest),
        Some((name, rest)) if name == "play" => fixture::Ports::parse(rest).and_then(play::scripts),
        Some((name, rest)) if name == "bad-calls" => bad_calls::run(rest),
        Some((name, _)) if name == "find-beliefs" => beliefs::find(),
        Some((name, rest)) if name == "believe" => beliefs::lay(rest),
        _ => Err("usage: portshim-probe arena|play|bad-calls|find-beliefs|believe …".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
