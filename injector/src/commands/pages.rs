//! What is made from the table of commands and options: completions and manual pages.

use crate::cli::{self, Completions, Man};
use crate::failure::Failure;
use crate::{output, wording};
use clap_mangen::Man as Page;

pub(super) fn completions(args: &Completions) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::table(), "portshim", &mut script);
    output::print(&String::from_utf8_lossy(&script)).map(|()| 0)
}

pub(super) fn man(args: &Man) -> Result<u8, Failure> {
    let mut table = cli::table();
    table.build();
    let command = match &args.command {
        None => table,
        Some(name) => match table.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(wording::no_such_command(name)),
        },
    };
    let mut page = Vec::new();
    let source = format!("portshim {}", env!("CARGO_PKG_VERSION"));
    Page::new(command).source(source).render(&mut page).map_err(|e| Failure::new(wording::plain(&e), ""))?;
    output::print(&String::from_utf8_lossy(&page)).map(|()| 0)
}
