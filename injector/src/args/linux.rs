//! Of the help, what holds on Linux alone.

/// Help of `portshim run`.
pub(super) const RUN: &str = "\
portshim becomes the program: same process, same signals, same terminal, same exit status, and \
not a word on standard output or, but for warnings (-q keeps them back), on standard error. A \
program that no library can be loaded into (statically linked, Go) is served from outside, by a \
supervisor; then portshim stays until it ends. Exit status 125: portshim itself failed and nothing was launched; 126: the program cannot be executed; \
127: it was not found.";

/// Help on what it does not reach.
pub(super) const REACH: &str = "\
A program that neither a library nor a supervisor reaches (set-user-ID) is refused;
--allow-uncovered launches it all the same. A policy is no security boundary.";

/// Help on the use of `portshim env`.
pub(super) const ENV: &str = "\
For a unit file, a Dockerfile, a pod's description or a shell: with these two variables set, a \
program is under the policy although nobody calls portshim.";

/// Examples of `portshim collide`.
pub(super) const COLLIDE: &str = "\
Examples:
  What does the server do if somebody else has its port?
    portshim collide 8080/tcp -- ./server --listen 8080
  Somebody else listens there for half a minute:
    portshim collide 8080/tcp --state listening --for 30s
  A connection rests there from the run before:
    portshim collide 8080/tcp --state time-wait -- ./server --listen 8080";

/// Files: where the command finds and leaves files.
pub(super) const FILES: &[(&str, &str)] = &[
    ("./portshim.toml", "Policy file of a project: holds for what is started in its folder."),
    (
        "$XDG_CONFIG_HOME/portshim/policy.toml",
        "Policy file of the user; ~/.config stands for $XDG_CONFIG_HOME unless set.",
    ),
    ("/etc/portshim/policy.toml", "Policy file of the system."),
    ("$XDG_RUNTIME_DIR/portshim/", "Sessions that live; else /dev/shm/portshim-UID/ or /tmp/portshim-UID/."),
    ("$XDG_CACHE_HOME/portshim/", "The library, as it is loaded into programs; for root, /var/cache/portshim/."),
];

/// Other pages to read.
pub(super) const SEE_ALSO: &[&str] = &["bind(2)", "ip(7)", "ld.so(8)"];
