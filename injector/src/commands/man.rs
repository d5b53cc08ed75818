//! `portshim man`: manual pages, made from the tables of commands, flags, variables and keys.

use crate::args::{self, Manual, Options};
use crate::messages::{self, Failure};
use crate::present;
use clap_mangen::Man as Generator;
use portshim_policy::config::keys::SECTIONS;
use std::fs;
use std::path::Path;

pub(super) fn man(options: &Options) -> Result<u32, Failure> {
    if let Some(folder) = &options.all {
        return write_all(folder).map(|()| 0);
    }
    let manual = match &options.page {
        None => Manual::Portshim,
        Some(name) => Manual::named(name).ok_or_else(|| messages::no_such_command(name))?,
    };
    present::print(&page(manual)).map(|()| 0)
}

/// Writes every page below a folder, as man(1) looks for them.
fn write_all(folder: &Path) -> Result<(), Failure> {
    for manual in Manual::all() {
        let section = folder.join(format!("man{}", manual.section()));
        let file = section.join(format!("{}.{}", manual.name(), manual.section()));
        let written = fs::create_dir_all(&section).and_then(|()| fs::write(&file, page(manual)));
        written.map_err(|e| messages::page_unwritable(&file, &e))?;
    }
    Ok(())
}

/// A page, as troff reads it.
fn page(manual: Manual) -> String {
    let (head, examples) = match manual {
        Manual::Policy => (about_policy(), POLICY_EXAMPLE.to_owned()),
        Manual::Portshim | Manual::Command(_) => about_command(manual),
    };
    let files: Vec<_> = manual.files().iter().map(|(path, what)| (*path, (*what).to_owned())).collect();
    let statuses: Vec<_> = manual.exit_statuses().iter().map(|(status, what)| (*status, (*what).to_owned())).collect();
    let parts = [
        head,
        listed("EXIT STATUS", "", &statuses),
        listed("ENVIRONMENT", "", &manual.environment()),
        listed("FILES", "", &files),
        section(&examples),
    ];
    parts.concat() + &format!(".SH SEE ALSO\n{}\n", escaped(&manual.see_also().join(", ")))
}

/// Name, synopsis, description and options, and the worked examples by themselves.
fn about_command(manual: Manual) -> (String, String) {
    let mut table = args::clap_command();
    table.build();
    let command = manual.command().and_then(|name| table.find_subcommand(name)).unwrap_or(&table).clone();
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // The generator would fill the examples as if they were prose.
    let command = command.after_help(None::<&'static str>);
    let mut text = Vec::new();
    // Nothing fails that is written to memory.
    let _ = Generator::new(command).source(SOURCE).render(&mut text);
    (String::from_utf8_lossy(&text).into_owned(), examples)
}

/// Program that the pages belong to.
const SOURCE: &str = concat!("portshim ", env!("CARGO_PKG_VERSION"));

const POLICY_EXAMPLE: &str = "\
Examples:
  Ten thousand ports for TCP, some of them kept back; Java programs have their own:
    preset = \"linux\"
    dynamic.tcp = \"20000-29999\"
    reserve = [\"20500/tcp\", \"20600-20699\"]

    [[process]]
    match = \"java*\"
    dynamic.all = \"30000-30999\"
    select = \"random\"";

/// The page about the policy file, up to its keys.
fn about_policy() -> String {
    let description = "\
A policy file is TOML. Every key is optional. An unknown key is an error, with a suggestion. An option \
beats its environment variable, that beats the policy file, and that the preset. `portshim check` \
tells every error of a file with its place. SPEC is PORTS[/SCOPE], such as 8080, 4000-4999 or \
80,443/tcp. Ports are handed out to any-port binds: a bind to port 0, or the bind that the system \
makes itself at connect, listen or send. Output calls one a wildcard bind; it has nothing to do with \
the wildcard address 0.0.0.0.";
    let mut text = format!(
        ".TH portshim-policy 5 \"\" \"{SOURCE}\"\n.SH NAME\nportshim\\-policy \\- policy file of portshim\n\
         .SH DESCRIPTION\n{}\n",
        escaped(description)
    );
    for section in SECTIONS {
        let heading = if section.heading.is_empty() { "KEYS" } else { section.heading };
        let keys: Vec<_> =
            section.keys.iter().map(|key| (key.name, format!("{} Value: {}.", key.meaning, key.value))).collect();
        text += &listed(heading, section.holds, &keys);
    }
    text
}

/// A section: what is said of all, then terms with what is said of each. Nothing where there are no
/// terms.
fn listed(heading: &str, lead: &str, terms: &[(&str, String)]) -> String {
    if terms.is_empty() {
        return String::new();
    }
    let term = |(term, text): &(&str, String)| format!(".TP\n\\fB{}\\fR\n{}\n", escaped(term), escaped(text));
    let lead = if lead.is_empty() { String::new() } else { escaped(lead) + "\n" };
    format!(".SH {}\n{lead}", escaped(heading)) + &terms.iter().map(term).collect::<String>()
}

/// Indentation of the command lines of the examples.
const COMMAND: &str = "    ";

/// The worked examples as a section of a manual page: command lines verbatim, what is said of them
/// filled.
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
