//! Unpredictable bits.

/// As many words as are asked for, from the system.
pub(super) fn words<const N: usize>() -> Result<[u64; N], String> {
    let mut bytes = [[0; size_of::<u64>()]; N];
    getrandom::fill(bytes.as_flattened_mut()).map_err(|e| e.to_string())?;
    Ok(bytes.map(u64::from_ne_bytes))
}
