//! Output of netsh, in whichever language.

/// The first port of a dynamic range, and the number of its ports: the two lines that end in a
/// number, behind a label.
pub(in super::super) fn dynamic(answer: &str) -> Option<(u32, u32)> {
    // What stands between them is a colon, if not always one of ASCII.
    let number = |line: &str| {
        let label = line.trim_end().trim_end_matches(|c: char| c.is_ascii_digit());
        let is_label = !label.trim().is_empty() && !label.contains(|c: char| c.is_ascii_digit());
        line.trim_end().get(label.len()..)?.parse().ok().filter(|_| is_label)
    };
    let mut numbers = answer.lines().filter_map(number);
    Some((numbers.next()?, numbers.next()?))
}

/// The answers of one netsh to several questions, in their order, each from the dashes below its
/// heading; whether a question was about a dynamic range stands in `dynamic_ranges`. `None` where
/// these are not their answers: netsh does not tell which is which, and may have left one out.
pub(in super::super) fn parts(text: &str, dynamic_ranges: &[bool]) -> Option<Vec<String>> {
    let is_rule = |line: &str| line.contains("---") && line.bytes().all(|b| b == b'-' || b.is_ascii_whitespace());
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        if is_rule(line) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend([line, "\n"]);
        }
    }
    let fits = |(part, of_range): (&String, &bool)| dynamic(part).is_some() == *of_range;
    (parts.len() == dynamic_ranges.len() && parts.iter().zip(dynamic_ranges).all(fits)).then_some(parts)
}

/// The excluded ranges: the lines that begin with two numbers.
pub(in super::super) fn excluded(answer: &str) -> Vec<(u16, u16)> {
    let range = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    answer.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_netsh_shows() {
        let answer = "\r\nProtokoll tcp Dynamischer Portbereich\r\n---------------------------------\r\n\
                      Startport           : 49152\r\nAnzahl von Ports    : 16384\r\n\r\n";
        assert_eq!(dynamic(answer), Some((49152, 16384)));
        // A colon as wide as a Chinese letter, in a code page that is none of ours.
        assert_eq!(dynamic("\u{fffd}\u{fffd} 49152\n\u{fffd}\u{fffd}\u{fffd}\u{fffd}16384"), Some((49152, 16384)));
        assert_eq!(dynamic("The following command was not found: interface ipv4.\r\n"), None);
        let answer = "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n\
                      ----------    --------      \r\n      5357        5357      \r\n     50000       50059     *\r\n\r\n\
                      * - Administered port exclusions.\r\n\r\n";
        assert_eq!(excluded(answer), [(5357, 5357), (50000, 50059)]);
    }

    #[test]
    fn several_answers_at_once() {
        let range = "\r\nProtocol tcp Dynamic Port Range\r\n-------------------\r\nStart Port      : 49152\r\n\
                     Number of Ports : 16384\r\n\r\n";
        let excluded = "\r\nPortausschlussbereiche für das Protokoll \"udp\"\r\n\r\nStartport   Endport\r\n\
                        ----------    --------\r\n      5357        5357\r\n\r\n* - Verwaltet.\r\n\r\n";
        let nothing =
            "\r\nProtocol udp Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n----------    --------\r\n";
        let text = [range, excluded, nothing].concat();
        let found = parts(&text, &[true, false, false]).unwrap();
        assert_eq!(dynamic(&found[0]), Some((49152, 16384)));
        assert_eq!((self::excluded(&found[1]), self::excluded(&found[2])), (vec![(5357, 5357)], vec![]));
        // One is missing, or they are in another order.
        assert_eq!(parts(&text, &[true, false]), None);
        assert_eq!(parts(&text, &[false, true, false]), None);
        assert_eq!(parts("", &[true]), None);
    }
}
