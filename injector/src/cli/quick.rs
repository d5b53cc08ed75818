//! The arguments of `run`, read without the table where they are plain: a program is waiting to be started, and to
//! make the table takes longer than all that is asked of it then. Whatever is not plain, wrong above all, is left to
//! the table, which alone knows what to say.

use super::Run;
use super::options::{FILE, PolicyOptions, name};
use portshim_policy::config::Setting;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// What follows `run`, if it is options that are told apart at a glance, then `--` and a command.
pub(super) fn read(args: &[OsString]) -> Option<Run> {
    let mut args = args.iter();
    let mut policy = PolicyOptions::default();
    let (mut no_follow, mut allow_uncovered, mut verbose, mut quiet) = (false, false, false, false);
    loop {
        let arg = args.next()?.as_bytes();
        let flag = match arg {
            b"--" => break,
            b"--no-follow" => &mut no_follow,
            b"--allow-uncovered" => &mut allow_uncovered,
            b"--verbose" | b"-v" => &mut verbose,
            b"--quiet" | b"-q" => &mut quiet,
            _ => {
                let (option, value) = match arg.iter().position(|b| *b == b'=') {
                    Some(end) => (&arg[..end], OsStr::from_bytes(&arg[end + 1..])),
                    None => (arg, args.next()?.as_os_str()),
                };
                if value.is_empty() || value.as_bytes().starts_with(b"-") {
                    return None;
                }
                take(&mut policy, option, value)?;
                continue;
            }
        };
        if std::mem::replace(flag, true) {
            return None;
        }
    }
    let command: Vec<_> = args.cloned().collect();
    // As they come from the table.
    policy.settings.sort_by_key(|(setting, _)| Setting::ALL.iter().position(|each| each == setting));
    let run = Run { policy, report: None, log: None, no_follow, allow_uncovered, verbose, quiet, command };
    (!run.command.is_empty()).then_some(run)
}

/// Takes an option that makes a policy, the first of its kind or one that may be repeated.
fn take(policy: &mut PolicyOptions, option: &[u8], value: &OsStr) -> Option<()> {
    let long = option.strip_prefix(b"--");
    if option == b"-c" || long == Some(FILE.as_bytes()) {
        return policy.file.replace(value.into()).is_none().then_some(());
    }
    let setting = Setting::ALL.into_iter().find(|setting| long == Some(name(*setting).as_bytes()))?;
    if !setting.repeatable() && policy.settings.iter().any(|(before, _)| *before == setting) {
        return None;
    }
    policy.settings.push((setting, value.to_owned()));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Parsed, parse_by_table};
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn it_reads_as_the_table_does() {
        for line in [
            "-- true",
            "-- -x -- --range",
            "--range 1-2 -- true",
            "--range=1-2 --seed 7 --range 5/udp --preset=linux -- a b c",
            "-c file --max-user-port 6000 -v -- true --verbose",
            "--policy=a=b --no-follow --allow-uncovered --quiet -- true",
            "--block nonsense --select= --verbose -- true",
        ] {
            let args = [words("portshim run"), words(line)].concat();
            let Ok(Parsed::Command(Command::Run(table))) = parse_by_table(&args) else { panic!("{line}") };
            if let Some(quick) = read(&args[2..]) {
                assert_eq!(format!("{quick:?}"), format!("{table:?}"), "{line}");
            } else {
                assert!(line.contains("--select= "), "{line}");
            }
        }
    }

    #[test]
    fn it_leaves_to_the_table_what_is_not_plain() {
        for line in [
            "",
            "true",
            "--",
            "--range",
            "--range --",
            "--range -- true",
            "--range --seed 7 -- true",
            "--seed 7 --seed 8 -- true",
            "-c a --policy b -- true",
            "-v -v -- true",
            "-vq -- true",
            "-cfile -- true",
            "--report -- true",
            "--log=x -- true",
            "--rang 1-2 -- true",
            "--quiet=yes -- true",
            "--help -- true",
            "-- ",
        ] {
            let args: Vec<_> = words(line).into_iter().filter(|word| !word.is_empty()).collect();
            assert!(read(&args).is_none(), "{line}");
        }
    }
}
