//! The orders in which rresvport(3) and bindresvport(3) try privileged ports.
//!
//! Observed on glibc 2.36; rresvport's range is Stevens' (UNP §2.9): 512 to 1023, downwards.

/// The lowest port that rresvport tries.
pub const LOWEST: u16 = 512;
/// The highest privileged port (RFC 6335 §6: system ports end here).
pub const HIGHEST: u16 = 1023;
/// The port from which bindresvport counts upwards.
pub const BINDRESVPORT_FIRST: u16 = 600;

/// The ports rresvport tries for a start value of `from`: downwards, wrapping from 512 to 1023,
/// each once. A start below 512 counts as 512, one above 1023 as 1023.
pub fn rresvport(from: i32) -> impl Iterator<Item = u16> {
    let start = from.clamp(i32::from(LOWEST), i32::from(HIGHEST)) as u16;
    (LOWEST..=start).rev().chain((start + 1..=HIGHEST).rev())
}

/// The ports bindresvport tries, starting `offset` ports above 600 (glibc: the process number):
/// upwards to 1023, wrapping to 600; when all of these are taken, 512 to 599.
pub fn bindresvport(offset: u32) -> impl Iterator<Item = u16> {
    let span = u32::from(HIGHEST - BINDRESVPORT_FIRST) + 1;
    let start = BINDRESVPORT_FIRST + (offset % span) as u16;
    (start..=HIGHEST).chain(BINDRESVPORT_FIRST..start).chain(LOWEST..BINDRESVPORT_FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rresvport_counts_down_and_tries_each_port_once() {
        for from in [-1, 0, 512, 513, 700, 1023, 1024, 70000] {
            let mut ports: Vec<u16> = rresvport(from).collect();
            assert_eq!(i32::from(ports[0]), from.clamp(512, 1023));
            assert!(ports.windows(2).all(|p| p[1] == p[0] - 1 || (p[0], p[1]) == (512, 1023)));
            ports.sort_unstable();
            assert!(ports.iter().copied().eq(512..=1023));
        }
    }

    #[test]
    fn bindresvport_counts_up_and_keeps_512_to_599_for_the_end() {
        let ports: Vec<u16> = bindresvport(424 + 400).collect();
        assert_eq!(ports[0], 1000);
        assert_eq!(ports[23], 1023);
        assert_eq!(ports[24], 600);
        assert_eq!(ports.len(), 512);
        assert_eq!(ports[424], 512);
    }
}
