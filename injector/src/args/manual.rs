//! Tables of what a manual page tells besides its command's flags.

use super::commands::{COMMANDS, POLICY_PAGE, PORTSHIM};
use super::flags;
use super::system::{FILES, SEE_ALSO};
use super::table::{Command, CommandRow};
use crate::environment::variables;

/// An exit status, what it means, and the commands that end with it; none are all others.
type Status = (&'static str, &'static str, &'static [Command]);

const STATUSES: [Status; 9] = [
    ("0", "Done.", &[]),
    ("0", "The program is covered in full.", &[Command::Doctor]),
    ("1", "The program is covered in part, or not at all.", &[Command::Doctor]),
    ("0", "Done, as netsh does it.", &[Command::Netsh]),
    ("1", "Refused, as netsh refuses it.", &[Command::Netsh]),
    ("the program's", "The program was launched.", &[Command::Run]),
    ("126", "The program cannot be executed.", &[Command::Run, Command::Doctor]),
    ("127", "The program was not found.", &[Command::Run, Command::Doctor]),
    ("125", "portshim itself failed: nothing was launched, and nothing changed.", &[]),
];

/// A manual page.
#[derive(Clone, Copy)]
pub(crate) enum Manual {
    /// About portshim as a whole.
    Portshim,
    /// About one command.
    Command(Command),
    /// About the policy file.
    Policy,
}

impl Manual {
    /// All pages.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::Portshim].into_iter().chain(COMMANDS.iter().map(|row| Self::Command(row.command))).chain([Self::Policy])
    }

    /// The page that is called so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let command = COMMANDS.iter().find(|row| row.name() == name).map(|row| Self::Command(row.command));
        command.or_else(|| (name == POLICY_PAGE).then_some(Self::Policy))
    }

    /// The command's row.
    fn row(self) -> Option<&'static CommandRow> {
        match self {
            Self::Command(command) => Some(command.row()),
            Self::Portshim | Self::Policy => None,
        }
    }

    /// The name of the command that it is about.
    pub(crate) fn command(self) -> Option<&'static str> {
        self.row().map(CommandRow::name)
    }

    /// The name that man(1) knows it by.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Portshim => PORTSHIM.into(),
            Self::Command(command) => format!("{PORTSHIM}-{}", command.row().name()),
            Self::Policy => format!("{PORTSHIM}-{POLICY_PAGE}"),
        }
    }

    /// The section of the manual that it belongs to.
    pub(crate) fn section(self) -> u8 {
        if matches!(self, Self::Policy) { 5 } else { 1 }
    }

    /// The exit statuses, and what they mean.
    pub(crate) fn exit_statuses(self) -> Vec<(&'static str, &'static str)> {
        let Self::Command(command) = self else { return Vec::new() };
        let own = STATUSES.iter().any(|(.., on)| on.contains(&command));
        // What is said of a command itself goes before what is said of all, but for failures.
        let holds = |(status, _, on): &&Status| on.contains(&command) || on.is_empty() && (!own || *status == "125");
        STATUSES.iter().filter(holds).map(|(status, meaning, _)| (*status, *meaning)).collect()
    }

    /// The variables that are read, and what they mean.
    pub(crate) fn environment(self) -> Vec<(&'static str, String)> {
        let read = variables().filter(|variable| match self.command() {
            Some(command) => variable.read_by.contains(&command),
            None => matches!(self, Self::Portshim),
        });
        read.map(|variable| {
            let mut by = variable.read_by.join(", ");
            if variable.in_library {
                by += if by.is_empty() { "the library" } else { " and the library" };
            }
            let by = if self.command().is_none() { format!(" Read by {by}.") } else { String::new() };
            (variable.name, format!("{}{by}", variable.meaning))
        })
        .collect()
    }

    /// The files that are read and written, and what they are.
    pub(crate) fn files(self) -> &'static [(&'static str, &'static str)] {
        let has_policy = self.row().is_none_or(|row| flags::of(Some(row.command)).any(|flag| flag.long == "policy"));
        if has_policy { FILES } else { &[] }
    }

    /// Other pages.
    pub(crate) fn see_also(self) -> Vec<String> {
        let title = |page: Self| format!("{}({})", page.name(), page.section());
        let has_policy = !self.files().is_empty() || matches!(self, Self::Command(Command::Check | Command::Import));
        let ours = Self::all().filter(|page| match (self, page) {
            (Self::Portshim, _) => !matches!(page, Self::Portshim),
            (Self::Policy, _) => matches!(page, Self::Portshim | Self::Command(Command::Check)),
            (_, Self::Portshim) => true,
            (_, Self::Policy) => has_policy,
            (_, Self::Command(_)) => false,
        });
        let others = SEE_ALSO.iter().map(|page| (*page).to_owned());
        ours.map(title).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_reads_a_variable_is_one() {
        for name in variables().flat_map(|variable| variable.read_by) {
            assert!(matches!(Manual::named(name), Some(Manual::Command(_))), "{name}");
        }
    }

    #[test]
    fn a_flag_that_a_variable_stands_for_is_told_of_in_the_list() {
        for flag in flags::all() {
            let Some(name) = flag.variable else { continue };
            let variable = variables().find(|variable| variable.name == name).expect("it is listed");
            assert!(flag.on.iter().all(|command| variable.read_by.contains(&command.row().name())), "{name}");
        }
    }
}
