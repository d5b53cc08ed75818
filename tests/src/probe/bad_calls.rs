//! Calls that no sound program makes.

pub(super) fn run(_words: &[String]) -> Result<(), String> {
    Ok(())
}
