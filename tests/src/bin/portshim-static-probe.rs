//! The same program as `portshim-probe`, linked statically; see `portshim_tests::probe`.

fn main() -> std::process::ExitCode {
    portshim_tests::probe::run()
}
