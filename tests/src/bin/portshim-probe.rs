//! The program that the oracle compares with itself; see `portshim_tests::probe`.

fn main() -> std::process::ExitCode {
    portshim_tests::probe::run()
}
