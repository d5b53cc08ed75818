//! Of the help, what holds on Linux alone.

/// What `portshim run` does.
pub(super) const RUN: &str = "\
portshim becomes the program: same process, same signals, same terminal, same exit status, and \
not a word on standard output or, but for warnings (-q keeps them back), on standard error. Exit \
status 125: portshim itself failed and nothing was launched; 126: the program cannot be executed; \
127: it was not found.";

/// What it does not reach.
pub(super) const REACH: &str = "\
A program that a preloaded library cannot reach (statically linked, set-user-ID, Go) is refused;
--allow-uncovered launches it all the same. A policy is no security boundary.";

/// What `portshim env` is for.
pub(super) const ENV: &str = "\
For a unit file, a Dockerfile, a pod's description or a shell: with these two variables set, a \
program is under the policy although nobody calls portshim.";

/// What there is to choose for `--sharing`.
pub(super) const SHARING: &str =
    "Let connections to different peers share a port (tuple), or give each one a port of its own (exclusive)";
