//! Scopes that are told of together.

/// Groups scopes, or what belongs to them, that agree in a key; in the order of the first of each.
pub(crate) fn grouped<T: Copy, K: PartialEq>(scopes: impl IntoIterator<Item = T>, key: impl Fn(T) -> K) -> Vec<Vec<T>> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for scope in scopes {
        let key = key(scope);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(scope),
            None => groups.push((key, vec![scope])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A line that tells how many requests of each scope a sandbox kept from being served; none where there are none.
pub(crate) fn uncovered(gap: &str, scopes: impl Iterator<Item = (&'static str, u32)>) -> String {
    let told: Vec<_> =
        scopes.filter(|(_, count)| *count > 0).map(|(scope, count)| format!("{scope} {count}")).collect();
    if told.is_empty() { String::new() } else { format!("{gap}not covered since a sandbox: {}\n", told.join("  ")) }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn those_that_agree_stand_together() {
        assert_eq!(grouped([1, 2, 3, 4, 5], |n| n % 2), [vec![1, 3, 5], vec![2, 4]]);
        assert!(grouped([0; 0], |n| n).is_empty());
    }
}
