//! The line of text that has the command interpreter execute a batch file with arguments that are
//! taken as they are.

const QUOTE: u16 = b'"' as u16;
const PERCENT: u16 = b'%' as u16;
const BLANK: u16 = b' ' as u16;

/// The line; `None` where an argument holds what no quoting keeps together.
pub(in super::super) fn line<'a>(
    shell: &[u16],
    script: &[u16],
    arguments: impl Iterator<Item = &'a [u16]>,
) -> Option<Vec<u16>> {
    let mut line = Vec::new();
    let add = |line: &mut Vec<u16>, text: &str| line.extend(text.encode_utf16());
    line.push(QUOTE);
    line.extend_from_slice(shell);
    // /d: no AutoRun. /v:off: no `!NAME!`. /e:on: without extensions `%cd:~,%` would not come to
    // nothing. /s: the outer quotes are taken away, and nothing else.
    add(&mut line, "\" /e:on /v:off /d /s /c \"\"");
    line.extend_from_slice(script);
    line.push(QUOTE);
    for argument in arguments {
        if argument.iter().any(|unit| [0, u16::from(b'\r'), u16::from(b'\n')].contains(unit)) {
            return None;
        }
        if is_plain(argument) {
            line.push(BLANK);
            line.extend_from_slice(argument);
            continue;
        }
        // Within quotes nothing means anything to the interpreter but quotes themselves, of which
        // two are one, and percent signs: between two of them it would look for a variable, and
        // `%cd:~,%` is an empty one.
        line.extend([BLANK, QUOTE]);
        for &unit in argument {
            match unit {
                QUOTE => line.extend([QUOTE, QUOTE]),
                PERCENT => add(&mut line, "%%cd:~,%"),
                unit => line.push(unit),
            }
        }
        let backslashes = argument.iter().rev().take_while(|unit| **unit == u16::from(b'\\')).count();
        // A program that the batch file hands the argument to would take a quote after them for a
        // letter.
        line.extend(std::iter::repeat_n(u16::from(b'\\'), backslashes));
        line.push(QUOTE);
    }
    line.push(QUOTE);
    Some(line)
}

/// Tells whether the interpreter takes it as it is, without quotes: a batch file compares what it
/// is given with them.
fn is_plain(argument: &[u16]) -> bool {
    const PLAIN: &str = "#$*+-./:?@\\_";
    let means_nothing = |unit: &u16| match char::from_u32(u32::from(*unit)) {
        Some(letter) if letter.is_ascii() => letter.is_ascii_alphanumeric() || PLAIN.contains(letter),
        // Blanks of other scripts are none to the interpreter; controls are.
        other => *unit >= 0xa0 || other.is_none(),
    };
    argument.last().is_some_and(|last| *last != u16::from(b'\\')) && argument.iter().all(means_nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_argument_means_anything_to_the_interpreter() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let (shell, script) = (units(r"C:\cmd.exe"), units(r"C:\a b\x.bat"));
        for (argument, expected) in [
            ("a", Some("a")),
            (r"C:\a-b\ü.txt", Some(r"C:\a-b\ü.txt")),
            ("a;b", Some(r#""a;b""#)),
            ("a=b", Some(r#""a=b""#)),
            ("", Some(r#""""#)),
            ("1 & 2", Some(r#""1 & 2""#)),
            (r#"q"q"#, Some(r#""q""q""#)),
            ("%PATH%", Some(r#""%%cd:~,%PATH%%cd:~,%""#)),
            (r"a\b\", Some(r#""a\b\\""#)),
            ("a\nb", None),
            ("a\rb", None),
        ] {
            let argument = units(argument);
            let line = line(&shell, &script, [argument.as_slice()].into_iter());
            let start = r#""C:\cmd.exe" /e:on /v:off /d /s /c ""C:\a b\x.bat""#;
            let expected = expected.map(|expected| format!("{start} {expected}\""));
            assert_eq!(line.map(|line| String::from_utf16(&line).unwrap()), expected);
        }
    }
}
