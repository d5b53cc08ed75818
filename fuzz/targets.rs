//! The targets that `cargo test` runs as well, from the folder where they live.

#[path = "../policy/tests/fuzz/session.rs"]
mod session;
#[path = "../policy/tests/fuzz/settings.rs"]
mod settings;
#[path = "../policy/tests/fuzz/target.rs"]
mod target;
#[path = "../policy/tests/fuzz/texts.rs"]
mod texts;

/// Puts one input to the target of a name; it panics where something is wrong.
pub fn check(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("every binary names its target");
    (target.check)(input);
}

const TARGETS: [target::Target; 9] = [
    session::WIRE,
    session::REGION,
    settings::POLICY,
    settings::SYSCTL_FILES,
    settings::REGISTRY,
    settings::CONSOLE,
    texts::SPEC,
    texts::SYSCTL_VALUES,
    texts::NETSH_COMMANDS,
];
