//! The one line of text that a program's arguments are on Windows: writing one that the program takes apart into
//! the arguments that were meant.
//!
//! "Parsing C Command-Line Arguments" in Microsoft's reference of the C runtime has the rules;
//! `CommandLineToArgvW` has the same.

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const BLANKS: [u16; 2] = [b' ' as u16, b'\t' as u16];

/// The line of a program called `name` with these arguments.
pub(super) fn line<'a>(name: &[u16], arguments: impl Iterator<Item = &'a [u16]>) -> Vec<u16> {
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
