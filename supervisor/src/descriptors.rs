//! The descriptors that this process may have, and who takes how many of them: who brings the guest
//! into programs, and the threads that are remembered.

/// Number of threads that bring the guest in, at most. If each waits for a program, others are
/// served by the supervisor.
const BRINGERS: usize = 64;
/// Number of descriptors that this process must be allowed to have for each of them.
const ALLOWED: u64 = 16;
/// Number of descriptors that each of them takes at once, at most: of the program's memory, of its
/// file, and of what proc(5) tells of it.
const TAKEN: u64 = 5;

/// Number of threads that are remembered at once, at most. Each takes a descriptor.
const MEMBERS: usize = 512;
/// Number of descriptors that all else needs.
const OTHERS: u64 = 40;

/// Number of threads that bring the guest in, at most.
pub(crate) fn bringers() -> usize {
    let enough = usize::try_from(limit() / ALLOWED).unwrap_or(BRINGERS);
    enough.clamp(1, BRINGERS)
}

/// Number of threads that can be remembered.
pub(crate) fn members() -> usize {
    let room = limit().saturating_sub(OTHERS + bringers() as u64 * TAKEN);
    usize::try_from(room).unwrap_or(MEMBERS).clamp(1, MEMBERS)
}

/// Number of descriptors that this process may have, in the end.
fn limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it writes one limit.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if told == 0 { limit.rlim_max } else { 0 }
}
