//! Output of netsh about ports, recognised by its shape, which is the same in all languages of
//! Windows.

use crate::ports::Transport;

/// Form of a line of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// It names the protocol: `Protocol tcp Dynamic Port Range`.
    Heading(Transport),
    /// A label and a number: `Start Port      : 49152`.
    Number(&'a str),
    /// Start and end of an excluded range; with a star where an administrator excluded it.
    Row(&'a str, &'a str, bool),
    /// A row of dashes.
    Rule,
    /// Anything else: column titles, the legend, an empty line.
    Other,
}

pub(super) fn shape(line: &str) -> Shape<'_> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let line = line.trim();
    if line.contains("---") && line.bytes().all(|b| matches!(b, b'-' | b' ' | b'\t')) {
        return Shape::Rule;
    }
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(first), Some(last), None, None) if digits(first) && digits(last) => {
            return Shape::Row(first, last, false);
        }
        (Some(first), Some(last), Some("*"), None) if digits(first) && digits(last) => {
            return Shape::Row(first, last, true);
        }
        _ => {}
    }
    if let Some((label, number)) = line.rsplit_once([':', '：'])
        && !label.trim().is_empty()
        && !label.contains('=')
        && digits(number.trim())
    {
        return Shape::Number(number.trim());
    }
    transport(line).map_or(Shape::Other, Shape::Heading)
}

fn transport(line: &str) -> Option<Transport> {
    // Windows in German, say, puts the protocol in quotes. A line that begins so, or says what it
    // names, is of a list.
    let names = !line.starts_with('"') && !line.contains(':');
    let line = if names { line.replace("\"tcp\"", "tcp").replace("\"udp\"", "udp") } else { line.to_owned() };
    if line.contains(|c: char| c.is_ascii_digit() || "=[]\"#;<>\\/".contains(c)) {
        return None;
    }
    let mut named = line.split(|c: char| !c.is_alphanumeric()).filter_map(|word| match word {
        _ if word.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
        _ if word.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
        _ => None,
    });
    named.next().filter(|_| named.next().is_none())
}

/// Tells whether there is a listing among these lines: a heading, and a rule below it.
pub(super) fn is_listing<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    const NEAR: usize = 3;
    let mut since = None;
    for line in lines.filter(|line| !line.is_empty()) {
        match (shape(line), since) {
            (Shape::Heading(_), _) => since = Some(0),
            (Shape::Rule, Some(..NEAR)) => return true,
            _ => since = since.map(|n| n + 1),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (line, expected) in [
            ("Protocol tcp Dynamic Port Range", Shape::Heading(Transport::Tcp)),
            ("Protokoll udp Dynamischer Portbereich", Shape::Heading(Transport::Udp)),
            ("プロトコル tcp の動的ポートの範囲", Shape::Heading(Transport::Tcp)),
            ("Portausschlussbereiche für das Protokoll \"tcp\"", Shape::Heading(Transport::Tcp)),
            ("\"protocol\": \"tcp\"", Shape::Other),
            ("\"tcp\",", Shape::Other),
            ("---------------------------------", Shape::Rule),
            ("----------    --------", Shape::Rule),
            ("Start Port      : 49152", Shape::Number("49152")),
            ("开始端口        ：49152", Shape::Number("49152")),
            ("     50000       50059     *", Shape::Row("50000", "50059", true)),
            ("        80          80\t", Shape::Row("80", "80", false)),
            ("Start Port    End Port", Shape::Other),
            ("* - Administered port exclusions.", Shape::Other),
            ("", Shape::Other),
            ("tcp = \"4000\"", Shape::Other),
            ("80 90 100", Shape::Other),
        ] {
            assert_eq!(shape(line), expected, "{line}");
        }
    }
}
