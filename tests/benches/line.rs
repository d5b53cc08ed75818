//! The line to a measured process, from its own end.

use portshim_tests::work::task::{Answer, Task};
use std::io::{self, BufRead, Write};

/// Carries out a task for each line of the input, until it ends.
pub(crate) fn serve(mut carry_out: impl FnMut(&Task) -> io::Result<Answer>) -> Result<(), String> {
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let task = parse(&line)?;
        let answer = carry_out(&task).unwrap_or_else(|e| Answer::Failed(format!("{task:?}: {e}")));
        let answer = serde_json::to_string(&answer).map_err(|e| e.to_string())?;
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// A task as it is written.
pub(crate) fn parse(text: &str) -> Result<Task, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}
