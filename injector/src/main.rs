//! The `portshim` command.

fn main() {}
