//! `portshim completions`: a script for a shell, made from the tables of commands and flags, and
//! taught what only the running system knows: live sessions, and commands.

use crate::args::{self, Options};
use crate::messages::Failure;
use crate::present;
use clap_complete::Shell;

/// Command that prints what `--session` takes.
const SESSIONS: &str = "portshim ps -q 2>/dev/null";

/// Function of bash for a word behind `--`: as the command there would have it completed, where
/// bash-completion is there to know.
const BASH_COMMANDS: &str = r#"    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        if declare -F _command_offset >/dev/null; then
            _command_offset $((i + 1))
        elif ((COMP_CWORD == i + 1)); then
            COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
        else
            COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        fi
        return 0
    done
"#;

pub(super) fn completions(options: &Options) -> Result<u32, Failure> {
    let mut script = Vec::new();
    let Some(shell) = options.shell else { unreachable!("the table demands a shell") };
    clap_complete::generate(shell, &mut args::clap_command(), "portshim", &mut script);
    present::print(&taught(shell, &String::from_utf8_lossy(&script))).map(|()| 0)
}

/// The script with what its generator has no words for.
fn taught(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => {
            let files = "--session)\n                    COMPREPLY=($(compgen -f \"${cur}\"))";
            let sessions =
                format!("--session)\n                    COMPREPLY=($(compgen -W \"$({SESSIONS})\" -- \"${{cur}}\"))");
            let begin = "    COMPREPLY=()\n";
            script.replace(files, &sessions).replacen(begin, &format!("{begin}{BASH_COMMANDS}"), 1)
        }
        Shell::Zsh => {
            let sessions = format!(":ID:{{compadd -- $({SESSIONS})}}'");
            let lines = script.split_inclusive('\n').map(|line| match line.contains("'--session=[") {
                true => line.replace(":ID:_default'", &sessions),
                false => line.replace(":_default'", if line.contains("'*::CMD") { ":_normal'" } else { ":_default'" }),
            });
            lines.collect()
        }
        Shell::Fish => {
            let lines = script.lines().map(|line| match line.contains(" -l session ") {
                true => format!("{line} -f -a \"({SESSIONS})\"\n"),
                false => format!("{line}\n"),
            });
            lines.collect()
        }
        _ => script.to_owned(),
    }
}
