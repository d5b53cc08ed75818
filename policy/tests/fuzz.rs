//! Every parser under inputs that nobody would write: a committed corpus for each (`fuzz/corpus`),
//! and mutations of it. How many, and from which seed, `PROPTEST_CASES` and `PROPTEST_RNG_SEED`
//! say; `make fuzz` tries many more. `fuzz/` in the project's folder puts the same targets to
//! libFuzzer.

mod fuzz {
    mod harness;
    mod listings;
    mod session;
    mod settings;
    mod target;
    mod texts;

    #[test]
    fn wire() {
        harness::fuzz(&session::WIRE);
    }

    #[test]
    fn region() {
        harness::fuzz(&session::REGION);
    }

    #[test]
    fn policy() {
        harness::fuzz(&settings::POLICY);
    }

    #[test]
    fn sysctl_files() {
        harness::fuzz(&settings::SYSCTL_FILES);
    }

    #[test]
    fn registry() {
        harness::fuzz(&settings::REGISTRY);
    }

    #[test]
    fn console() {
        harness::fuzz(&settings::CONSOLE);
    }

    #[test]
    fn spec() {
        harness::fuzz(&texts::SPEC);
    }

    #[test]
    fn sysctl_values() {
        harness::fuzz(&texts::SYSCTL_VALUES);
    }

    #[test]
    fn netsh_commands() {
        harness::fuzz(&texts::NETSH_COMMANDS);
    }
}
