//! Bytes as text: UTF-8, UTF-16 as regedit and PowerShell write it, or a code page of Windows.

use super::messages;
use crate::config::{Problem, Source};

/// Encoding of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Unicode,
    /// Some code page, which agrees with ASCII: all that a setting is made of.
    Ansi,
}

/// The text without a byte order mark.
pub(super) fn text(bytes: &[u8], name: &str) -> Result<(String, Encoding), Problem> {
    let unicode = |text| (text, Encoding::Unicode);
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes, name).map(unicode),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes, name).map(unicode),
        // Whatever a setting begins with is ASCII.
        [1..=255, 0, ..] => utf16(bytes, u16::from_le_bytes, name).map(unicode),
        [0, 1..=255, ..] => utf16(bytes, u16::from_be_bytes, name).map(unicode),
        _ => Ok(match std::str::from_utf8(bytes) {
            Ok(text) => unicode(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
            Err(_) => (bytes.iter().copied().map(char::from).collect(), Encoding::Ansi),
        }),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, name: &str) -> Result<String, Problem> {
    let (pairs, rest) = bytes.as_chunks();
    let mut text = String::with_capacity(pairs.len());
    let mut whole = rest.is_empty();
    for c in char::decode_utf16(pairs.iter().copied().map(unit)) {
        let Ok(c) = c else {
            whole = false;
            break;
        };
        text.push(c);
    }
    if whole {
        return Ok(text);
    }
    let end = text.len();
    let origin = Source::new(&text, name).origin(&(end..end), "");
    Err(messages::BROKEN_UTF16.at(&origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn encodings() {
        for (bytes, expected, encoding) in [
            (b"a = 1".to_vec(), "a = 1", Encoding::Unicode),
            ("\u{feff}ä\n".as_bytes().to_vec(), "ä\n", Encoding::Unicode),
            (bytes("\u{feff}ä𝄞\r\n", u16::to_le_bytes), "ä𝄞\r\n", Encoding::Unicode),
            (bytes("\u{feff}ä\r\n", u16::to_be_bytes), "ä\r\n", Encoding::Unicode),
            (bytes("ab", u16::to_le_bytes), "ab", Encoding::Unicode),
            (bytes("ab", u16::to_be_bytes), "ab", Encoding::Unicode),
            (b"; f\xfcr".to_vec(), "; für", Encoding::Ansi),
            (b"".to_vec(), "", Encoding::Unicode),
            (b"\xff\xfe".to_vec(), "", Encoding::Unicode),
            (b"\0".to_vec(), "\0", Encoding::Unicode),
        ] {
            assert_eq!(text(&bytes, "x"), Ok((expected.to_owned(), encoding)), "{bytes:?}");
        }
    }

    #[test]
    fn what_was_cut_off() {
        for (bytes, place) in [
            (&b"\xff\xfea\0\n\0b"[..], "error: x.reg:2:1: "),
            (&b"\xff\xfea\0\x34\xd8"[..], "error: x.reg:1:2: "),
            (&b"\xff\xfe\x1e\xdda\0"[..], "error: x.reg:1:1: "),
            (&b"\xff\xfea"[..], "error: x.reg:1:1: "),
        ] {
            let problem = text(bytes, "x.reg").expect_err("it was cut off");
            assert!(problem.to_string().starts_with(place), "{bytes:?}: {problem}");
        }
    }
}
