//! Unpredictable bits.

use crate::messages::plain;
use rustix::rand::{GetRandomFlags, getrandom};

/// As many words as are asked for, from the kernel (getrandom(2), which needs no file).
pub(super) fn words<const N: usize>() -> Result<[u64; N], String> {
    let mut bytes = [[0; size_of::<u64>()]; N];
    // Up to 256 bytes come whole, once there are any (random(7)).
    getrandom(bytes.as_flattened_mut(), GetRandomFlags::empty()).map_err(|errno| plain(&errno.into()))?;
    Ok(bytes.map(u64::from_ne_bytes))
}
