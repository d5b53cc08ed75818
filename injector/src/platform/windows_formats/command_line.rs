//! The one line of text that a program's arguments are on Windows: writing one that the program takes apart into
//! the arguments that were meant.
//!
//! "Parsing C Command-Line Arguments" in Microsoft's reference of the C runtime has the rules;
//! `CommandLineToArgvW` has the same.

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const BLANKS: [u16; 2] = [b' ' as u16, b'\t' as u16];

/// The line of a program called `name` with these arguments.
pub(in super::super) fn line<'a>(name: &[u16], arguments: impl Iterator<Item = &'a [u16]>) -> Vec<u16> {
    // The first is taken apart without regard to backslashes; a name cannot hold a quote.
    let mut line = vec![QUOTE];
    line.extend(name.iter().filter(|unit| **unit != QUOTE));
    line.push(QUOTE);
    for argument in arguments {
        line.push(BLANKS[0]);
        append(&mut line, argument);
    }
    line
}

/// Adds one argument.
fn append(line: &mut Vec<u16>, argument: &[u16]) {
    let quoted = argument.is_empty() || argument.iter().any(|unit| BLANKS.contains(unit));
    line.extend(quoted.then_some(QUOTE));
    let mut backslashes = 0;
    for &unit in argument {
        match unit {
            BACKSLASH => backslashes += 1,
            // Those before a quote count in pairs, and one more makes the quote itself a letter.
            QUOTE => line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1)),
            _ => {}
        }
        if unit != BACKSLASH {
            backslashes = 0;
        }
        line.push(unit);
    }
    if quoted {
        line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
        line.push(QUOTE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn arguments_are_quoted_where_they_have_to_be() {
        for (argument, expected) in [
            ("a", "a"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a\tb", "\"a\tb\""),
            (r"C:\a\", r"C:\a\"),
            (r"C:\a b\", r#""C:\a b\\""#),
            (r#"say "hi""#, r#""say \"hi\"""#),
            (r#"a"b"#, r#"a\"b"#),
            (r#"a\"b"#, r#"a\\\"b"#),
            (r"a\\b", r"a\\b"),
            ("é ☃", "\"é ☃\""),
        ] {
            let argument = units(argument);
            let line = line(&units(r"C:\my programs\x.exe"), [argument.as_slice()].into_iter());
            assert_eq!(String::from_utf16(&line).unwrap(), format!(r#""C:\my programs\x.exe" {expected}"#));
        }
    }
}
