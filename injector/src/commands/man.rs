//! `portshim man`: manual pages, made from the tables of commands and flags.

use crate::args::{self, Options};
use crate::messages::{self, Failure};
use crate::present;
use clap_mangen::Man as Page;

pub(super) fn man(options: &Options) -> Result<u32, Failure> {
    let mut table = args::clap_command();
    table.build();
    let command = match &options.page {
        None => table,
        Some(name) => match table.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(messages::no_such_command(name)),
        },
    };
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    let source = format!("portshim {}", env!("CARGO_PKG_VERSION"));
    // The generator would fill the examples as if they were prose.
    let command = command.after_help(None::<&'static str>);
    Page::new(command).source(source).render(&mut page).map_err(|e| Failure::new(messages::plain(&e), ""))?;
    present::print(&(String::from_utf8_lossy(&page) + section(&examples).as_str())).map(|()| 0)
}

/// How far the command lines of the examples are set in.
const COMMAND: &str = "    ";

/// The worked examples as a section of a manual page: command lines verbatim, what is said of them filled.
fn section(examples: &str) -> String {
    let mut section = String::new();
    let mut verbatim = false;
    for line in examples.lines() {
        if line == "Examples:" {
            section += ".SH EXAMPLES\n.PP\n";
            continue;
        }
        match (line.strip_prefix(COMMAND), verbatim) {
            (Some(_), false) => section += ".PP\n.RS 4\n.nf\n",
            (None, true) => section += ".fi\n.RE\n.PP\n",
            (None, false) if line.is_empty() => section += ".PP\n",
            (None, false) if line.starts_with(char::is_uppercase) => section += ".br\n",
            _ => {}
        }
        verbatim = line.starts_with(COMMAND);
        let text = line.strip_prefix(COMMAND).unwrap_or(line.trim_start());
        if !text.is_empty() {
            section += &format!("{}\n", escaped(text));
        }
    }
    section + if verbatim { ".fi\n.RE\n" } else { "" }
}

/// Text that troff prints as it stands.
fn escaped(line: &str) -> String {
    let mut text = String::new();
    if line.starts_with(['.', '\'']) {
        text.push_str(r"\&");
    }
    for c in line.chars() {
        match c {
            '\\' => text.push_str(r"\e"),
            '-' => text.push_str(r"\-"),
            '\'' => text.push_str(r"\(aq"),
            '`' => text.push_str(r"\(ga"),
            '^' => text.push_str(r"\(ha"),
            '~' => text.push_str(r"\(ti"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn command_lines_stand_as_they_are() {
        let text =
            "Examples:\n  Ask, and\n  be told:\n    a -x 'b\\c'\n    d\n  More:\n    .e\n\nSPEC is it.\nSCOPE, too.";
        let page = ".SH EXAMPLES\n.PP\nAsk, and\nbe told:\n.PP\n.RS 4\n.nf\na \\-x \\(aqb\\ec\\(aq\nd\n.fi\n.RE\n.PP\nMore:\n.PP\n.RS 4\n.nf\n\\&.e\n.fi\n.RE\n.PP\n.br\nSPEC is it.\n.br\nSCOPE, too.\n";
        assert_eq!(section(text), page);
    }
}
