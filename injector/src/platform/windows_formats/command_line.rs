//! The one line of text that a program's arguments are on Windows: writing one that the program
//! takes apart into the arguments that were meant.
//!
//! "Parsing C Command-Line Arguments" in Microsoft's reference of the C runtime has the rules;
//! `CommandLineToArgvW` has the same.

use std::iter::repeat_n;

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const BLANKS: [u16; 2] = [b' ' as u16, b'\t' as u16];

/// The line of a program called `name` whose other arguments are this text already.
pub(in super::super) fn called(name: &[u16], arguments: &[u16]) -> Vec<u16> {
    // The first is taken apart without regard to backslashes; a name cannot hold a quote.
    let mut line = vec![QUOTE];
    line.extend(name.iter().filter(|unit| **unit != QUOTE));
    line.push(QUOTE);
    if !arguments.is_empty() {
        line.push(BLANKS[0]);
        line.extend_from_slice(arguments);
    }
    line
}

/// The line of a program called `name` with these arguments.
pub(in super::super) fn line<'a>(name: &[u16], arguments: impl Iterator<Item = &'a [u16]>) -> Vec<u16> {
    let mut line = called(name, &[]);
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
            QUOTE => line.extend(repeat_n(BACKSLASH, backslashes + 1)),
            _ => {}
        }
        if unit != BACKSLASH {
            backslashes = 0;
        }
        line.push(unit);
    }
    if quoted {
        line.extend(repeat_n(BACKSLASH, backslashes));
        line.push(QUOTE);
    }
}

/// The text of the last arguments of a line, where these are they: as they were typed, for programs
/// that read the line itself.
pub(in super::super) fn tail<'a>(line: &'a [u16], arguments: &[Vec<u16>]) -> Option<&'a [u16]> {
    let mut words = Vec::new();
    let mut at = after_name(line);
    while let Some((begin, word, end)) = next(line, at) {
        words.push((begin, word));
        at = end;
    }
    let last = &words[words.len().checked_sub(arguments.len())?..];
    let same = last.iter().map(|(_, word)| word).eq(arguments);
    same.then(|| last.first().map_or(&[][..], |(begin, _)| &line[*begin..]))
}

/// Place where a line's first word ends, in which backslashes mean nothing.
fn after_name(line: &[u16]) -> usize {
    let mut quoted = false;
    let ends = |unit: &u16| {
        quoted ^= *unit == QUOTE;
        !quoted && BLANKS.contains(unit)
    };
    line.iter().position(ends).unwrap_or(line.len())
}

/// The argument that follows: where it begins, what it is, and where it ends.
fn next(line: &[u16], at: usize) -> Option<(usize, Vec<u16>, usize)> {
    let begin = at + line[at..].iter().position(|unit| !BLANKS.contains(unit))?;
    let (mut word, mut at, mut quoted) = (Vec::new(), begin, false);
    while let Some(&unit) = line.get(at) {
        if BLANKS.contains(&unit) && !quoted {
            break;
        }
        let backslashes = line[at..].iter().take_while(|unit| **unit == BACKSLASH).count();
        at += backslashes;
        if line.get(at) != Some(&QUOTE) {
            word.extend(repeat_n(BACKSLASH, backslashes));
            if backslashes == 0 {
                word.push(unit);
                at += 1;
            }
            continue;
        }
        word.extend(repeat_n(BACKSLASH, backslashes / 2));
        at += 1;
        if backslashes % 2 == 1 {
            word.push(QUOTE);
        } else if quoted && line.get(at) == Some(&QUOTE) {
            // Two of them within quotes are one.
            word.push(QUOTE);
            at += 1;
        } else {
            quoted = !quoted;
        }
    }
    Some((begin, word, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on_as_they_were_typed() {
        let (name, rest) = (r#""C:\a b\portshim.exe" run  -- x.exe "#, r#"PROPERTY="a b"  c\ "d\\" e\"f "g""h" "" "#);
        let text = units(&format!("{name}{rest}"));
        let words = ["PROPERTY=a b", r"c\", r"d\", r#"e"f"#, r#"g"h"#, ""].map(units);
        assert_eq!(tail(&text, &words), Some(&units(rest)[..]));
        assert_eq!(tail(&text, &words[1..]).map(|tail| tail[0]), Some(u16::from(b'c')));
        assert_eq!(tail(&text, &[]), Some(&[][..]));
        assert_eq!(tail(&text, &[units("other")]), None);
        assert_eq!(tail(&units("x"), &words), None);
        // What is quoted is taken apart again as it was.
        let arguments = ["a b", "", r"C:\x y\", r#"q"q"#, r#"\""#, "\t"].map(units);
        let line = line(&units("n"), arguments.iter().map(Vec::as_slice));
        assert_eq!(tail(&line, &arguments), Some(&line[4..]));
    }

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
