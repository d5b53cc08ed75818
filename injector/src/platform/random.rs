//! Unpredictable bits.

/// As many words as are asked for, from the system.
pub(super) fn words<const N: usize>() -> Result<[u64; N], String> {
    let mut bytes = [[0; size_of::<u64>()]; N];
    fill(bytes.as_flattened_mut())?;
    Ok(bytes.map(u64::from_ne_bytes))
}

/// By the system call: a static program's getrandom crate opens devices, which not every root has.
#[cfg(target_os = "linux")]
fn fill(bytes: &mut [u8]) -> Result<(), String> {
    // SAFETY: the kernel writes as many bytes as there are, at most.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    // So few are never given in part.
    if got < 0 { Err(std::io::Error::last_os_error().to_string()) } else { Ok(()) }
}

#[cfg(windows)]
fn fill(bytes: &mut [u8]) -> Result<(), String> {
    getrandom::fill(bytes).map_err(|e| e.to_string())
}
