//! Of the help, what holds on Windows alone.

/// Help of `portshim run`.
pub(super) const RUN: &str = "\
portshim stays while the program runs, and ends with its exit code. The console and standard input, \
output and error are the program's: portshim says not a word but for warnings (-q keeps them back), \
on standard error. Exit code 125: portshim itself failed and nothing was launched; 126: the program \
cannot be executed; 127: it was not found.";

/// Help on what it does not reach.
pub(super) const REACH: &str = "\
A program that the library cannot enter (32-bit, ARM64, protected) is refused; --allow-uncovered
launches it all the same. A policy is no security boundary.";

/// Help on the use of `portshim env`.
pub(super) const ENV: &str = "\
There are none on Windows: give the command that starts the program to `portshim run -- CMD`, in the \
command line of a service, of a task or of a container, too.";

/// Examples of `portshim collide`.
pub(super) const COLLIDE: &str = "\
Examples:
  What does the server do if somebody else has its port?
    portshim collide 8080/tcp -- server.exe --listen 8080
  Somebody else listens there for half a minute:
    portshim collide 8080/tcp --state listening --for 30s";

/// Files: where the command finds and leaves files.
pub(super) const FILES: &[(&str, &str)] = &[
    (r".\portshim.toml", "Policy file of a project: holds for what is started in its folder."),
    (r"%APPDATA%\portshim\policy.toml", "Policy file of the user."),
    (r"%PROGRAMDATA%\portshim\policy.toml", "Policy file of the system."),
    (r"%LOCALAPPDATA%\portshim\sessions", "Sessions that live."),
    (r"%LOCALAPPDATA%\portshim\lib", "The library, as it is loaded into programs."),
];

/// Other pages to read.
pub(super) const SEE_ALSO: &[&str] = &[];
