//! Colour, where it is welcome.

/// Tells whether colours may be used: not where NO_COLOR is set, or the terminal has none.
pub(crate) fn has_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
