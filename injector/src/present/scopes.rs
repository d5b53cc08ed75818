//! Scopes that are told of together.

/// A line that tells how many requests of each scope a sandbox kept from being served; none where
/// there are none.
pub(crate) fn uncovered(gap: &str, scopes: impl Iterator<Item = (&'static str, u32)>) -> String {
    let told: Vec<_> =
        scopes.filter(|(_, count)| *count > 0).map(|(scope, count)| format!("{scope} {count}")).collect();
    if told.is_empty() { String::new() } else { format!("{gap}not covered since a sandbox: {}\n", told.join("  ")) }
}
